// podyn_retry_errors: tries the rejected items of a replication or an import again, after its owner has mended what
// they were rejected for. All of it in the caller's transaction, which holds the replication: its workers wait.
//
//   an import       the stored item is written, as on_conflict says, or goes through the hooks again. Not where a later
//                   export of the same chain may have changed or removed the item since: nobody knows, so these are
//                   left. The same for a replication without changes whose profile makes records
//   a replication   the stored item may be an old one, whose key has a newer row by now. Its key is read again,
//                   consistently, and what the item is now is written. As the workers wait, what they have written
//                   is not newer. What they write next may be older, until the stream has come to where the item was
//                   read
//
// Rows are written as the replication's owner, whoever calls: they run what the owner has put into triggers,
// constraints and types.
#include "catalog/journal.h"
#include "catalog/profiles.h"
#include "catalog/replications.h"
#include "functions/as_owner.h"
#include "functions/item_writer.h"
#include "functions/retry_records.h"
#include "functions/retry_rows.h"
#include "imports/place.h"
#include "raise.h"

namespace podyn {
namespace {

// ---- What is tried -------------------------------------------------------------------------------------------------

const catalog::Profile *find_profile(const catalog::Replication &replication)
{
    if (replication.profile == nullptr)
        return nullptr;
    return catalog::get_profile(CurrentMemoryContext, replication.profile, replication.owner);
}

// The import's files with rejected items, but for those that another export follows.
List *find_files_to_retry(const catalog::Replication &replication, int64 *followed)
{
    Place place = parse_place(replication.source);
    place.path = "";
    MemoryContext context = CurrentMemoryContext;
    const catalog::Profile *profile = find_profile(replication);
    List *origins = NIL;
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT t.id, e.source, f.changes, e.count, EXISTS (SELECT FROM podyn.task AS later JOIN podyn.file AS l "
        "ON l.task = later.id WHERE later.replication = $1 AND l.stage > f.stage) FROM "
        "(SELECT source, count(*) FROM podyn.error WHERE name = $2 GROUP BY source) AS e "
        "JOIN podyn.task AS t ON t.replication = $1 AND t.kind = 'file' AND 'file ' || $3 || t.task = e.source "
        "JOIN podyn.file AS f ON f.task = t.id ORDER BY t.id",
        {catalog::int4(replication.id), catalog::text(replication.name), catalog::text(describe(place))});
    MemoryContext spi = MemoryContextSwitchTo(context);
    for (uint64 row = 0; row < rows; ++row) {
        if (catalog::get_boolean(row, 5)) {
            *followed += catalog::get_int8(row, 4);
            continue;
        }
        auto *origin = static_cast<Origin *>(palloc(sizeof(Origin)));
        *origin = {catalog::get_int8(row, 1), catalog::string(context, row, 2), catalog::get_boolean(row, 3),
                   catalog::get_boolean(row, 3) ? OnConflict::kUpdate : replication.on_conflict, profile};
        origins = lappend(origins, origin);
    }
    MemoryContextSwitchTo(spi);
    catalog::leave(scope);
    return origins;
}

void retry_file(const catalog::Replication &replication, const Origin &origin, Outcome *outcome)
{
    if (origin.profile != nullptr && origin.profile->makes_records())
        retry_records(replication, origin, outcome);
    else
        retry_rows(replication, origin, nullptr, outcome);
}

void retry_import(const catalog::Replication &replication, Outcome *outcome)
{
    int64 followed = 0;
    ListCell *cell;
    foreach (cell, find_files_to_retry(replication, &followed))
        retry_file(replication, *static_cast<Origin *>(lfirst(cell)), outcome);
    if (followed > 0)
        ereport(WARNING,
                (errmsg(INT64_FORMAT " rejected items are left: the exports that they are from are followed by others",
                        followed),
                 errdetail("What the later exports say of these items has been loaded, and would be overwritten."),
                 errhint("Load all of them again: podyn_reset('%s') and podyn_start('%s').", replication.name,
                         replication.name)));
}

// What hooks make records of is a copy, which no changes follow: the items are taken as they were copied.
void retry_replication(const catalog::Replication &replication, Outcome *outcome)
{
    Origin origin = {0, nullptr, false, OnConflict::kUpdate, find_profile(replication)};
    if (origin.profile != nullptr && origin.profile->makes_records()) {
        retry_records(replication, origin, outcome);
        return;
    }
    Source source = connect(replication.server);
    retry_rows(replication, origin, &source, outcome);
    count_read_units(replication.id, outcome->read_units);
}

// ---- Whether, and as whom ------------------------------------------------------------------------------------------

// A complete import's target may be another's by now.
void require_own_target(const catalog::Replication &replication)
{
    MemoryContext context = CurrentMemoryContext;
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT name FROM podyn.replication WHERE target = $1 AND id <> $2 AND (NOT imports OR phase <> 'completed')",
        {catalog::regclass(replication.target), catalog::int4(replication.id)});
    const char *other = rows > 0 ? catalog::string(context, 0, 1) : nullptr;
    catalog::leave(scope);
    if (replication.imports && other != nullptr)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the target of import \"%s\" is that of \"%s\" by now", replication.name, other),
                        errdetail("What \"%s\" writes there is newer than the rejected items.", other)));
}

int64 count_errors(const char *name)
{
    return catalog::count("SELECT count(*) FROM podyn.error WHERE name = $1", {catalog::text(name)});
}

int64 retry_errors(const char *name)
{
    catalog::Replication *replication = hold_own_replication(name);
    require_no_copy(*replication, "Newer changes of the rejected items may wait until it has.");
    require_own_target(*replication);
    if (count_errors(name) == 0)
        return 0;
    check_constraints_at_once();
    Outcome outcome = {};
    Identity caller = become_owner(*replication);
    if (replication->imports)
        retry_import(*replication, &outcome);
    else
        retry_replication(*replication, &outcome);
    become_caller(caller);
    catalog::record_event(replication->owner, name, "retried",
                          psprintf(INT64_FORMAT " rejected items taken by podyn_retry_errors, " INT64_FORMAT " left",
                                   outcome.taken, count_errors(name)));
    return outcome.taken;
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_retry_errors);

Datum podyn_retry_errors(PG_FUNCTION_ARGS)
{
    PreventCommandIfReadOnly("podyn_retry_errors()");
    podyn::require_fresh_snapshots("podyn_retry_errors");
    PG_RETURN_INT64(podyn::retry_errors(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}
}
