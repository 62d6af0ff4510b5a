// podyn_alter: options that may change while a replication runs. Workers notice the new revision when they are woken at
// the commit, and begin what they do again (begin_turn, follow_options in worker.cpp).
#include "catalog/journal.h"
#include "catalog/replications.h"
#include "compat.h"
#include "functions/replicate_options.h"
#include "load/empty_target.h"
#include "workers/pool.h"

namespace podyn {
namespace {

struct Alterable {
    const char *column;  // of podyn.replication, named as the option
    const char *value;   // the statement's parameter
};

// In the order of podyn_alter's SQL declaration.
constexpr Alterable kAlterable[] = {
    {"scan_rate", "$2"}, {"segments", "nullif($3, 0)"}, {"workers", "nullif($4, 0)"}, {"consistent_read", "$5"},
    {"deletes", "$6"},   {"ttl_deletes", "$7"},         {"nul_characters", "$8"},     {"on_existing", "$9"},
};
static_assert(std::size(kAlterable) == kAlterableOptions);

// Sets what is given. Its row: for each of these the value before and after.
char *make_statement(const List *given)
{
    StringInfoData set, returning;
    initStringInfo(&set);
    initStringInfo(&returning);
    ListCell *cell;
    foreach (cell, given) {
        const Alterable &option = kAlterable[lfirst_int(cell)];
        const char *column = option.column;
        appendStringInfo(&set, "%s = %s, ", column, option.value);
        appendStringInfo(&returning, "%scoalesce(old.%s::text, 'default'), coalesce(r.%s::text, 'default')",
                         returning.len > 0 ? ", " : "", column, column);
    }
    return psprintf(
        "UPDATE podyn.replication AS r SET %srevision = r.revision + 1 "
        "FROM (SELECT * FROM podyn.replication WHERE id = $1 FOR UPDATE) AS old WHERE r.id = old.id RETURNING %s",
        set.data, returning.data);
}

// Says what has changed: "scan_rate from 25 to 100, workers from default to 2".
char *change_options(int32 replication, const List *given, const ReplicateOptions &options)
{
    StringInfoData changes;
    initStringInfo(&changes);
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        make_statement(given),
        {catalog::int4(replication), catalog::datum(NUMERICOID, options.scan_rate), catalog::int4(options.segments),
         catalog::int4(options.workers), catalog::text(kConsistentReadWords[static_cast<int>(options.consistent_read)]),
         catalog::text(kDeletesWords[static_cast<int>(options.deletes)]), catalog::text_or_null(options.ttl_deletes),
         catalog::text(kNulCharactersWords[static_cast<int>(options.nul_characters)]),
         catalog::text(kOnExistingWords[static_cast<int>(options.on_existing)])});
    int column = 0;
    ListCell *cell;
    foreach (cell, rows == 1 ? given : NIL) {
        const char *before = catalog::string(CurrentMemoryContext, 0, ++column);
        const char *after = catalog::string(CurrentMemoryContext, 0, ++column);
        appendStringInfo(&changes, "%s%s from %s to %s", changes.len > 0 ? ", " : "",
                         kAlterable[lfirst_int(cell)].column, before, after);
    }
    catalog::leave(scope);
    return changes.data;
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_alter);

Datum podyn_alter(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    if (PG_ARGISNULL(0))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("name must not be null"),
                        errhint("The view podyn_status lists your replications.")));
    catalog::Replication *replication =
        catalog::get_own_replication(CurrentMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    List *given = NIL;
    for (int i = 0; i < kAlterableOptions; ++i)
        if (!PG_ARGISNULL(1 + i))
            given = lappend_int(given, i);
    if (given == NIL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("podyn_alter was given nothing to change"),
                        errhint("Give at least one option, such as scan_rate => 100. NULL leaves an option as it "
                                "is.")));
    ReplicateOptions options = read_altered_options(fcinfo, 1);
    bool by_hooks = !replication->imports && replication->batch_size > 0;
    if (by_hooks && !PG_ARGISNULL(kAlterableOptions))  // the last of them
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("on_existing cannot be changed: a profile's hooks write the rows"),
                        errhint("Empty what they write to yourself.")));
    if (replication->copy_data && options.on_existing == OnExisting::kTruncate)
        require_truncatable(replication->name, replication->target);
    if (replication->backfill != Backfill::kScan && !options.reads_as_default)
        ereport(NOTICE, (errmsg("scan_rate, segments and consistent_read are not used: nothing is scanned")));
    const char *changes = change_options(replication->id, given, options);
    catalog::record_event(replication->owner, replication->name, "altered", changes);
    wake_at_commit();
    PG_RETURN_VOID();
}
}
