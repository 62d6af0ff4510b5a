// podyn_start, podyn_stop, podyn_reset, podyn_drop: what an owner tells its replications to do. Each takes effect when
// the caller's transaction commits; what runs then is woken.
#include "functions/control.h"

#include "catalog/journal.h"
#include "catalog/replications.h"
#include "catalog/tasks.h"
#include "compat.h"
#include "functions/replicate.h"
#include "load/empty_target.h"
#include "load/late_indexes.h"
#include "locks.h"
#include "raise.h"
#include "workers/pool.h"

namespace podyn {
namespace {

// Names of the caller's replications that fulfil a condition over podyn.replication.
List *own_replications(const char *condition)
{
    MemoryContext context = CurrentMemoryContext;
    Oid user = GetUserId();
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        psprintf("SELECT name FROM podyn.replication WHERE pg_has_role($1, owner, 'USAGE') AND (%s) ORDER BY id",
                 condition),
        {catalog::oid(user)});
    MemoryContext spi = MemoryContextSwitchTo(context);
    List *names = NIL;
    for (uint64 row = 0; row < rows; ++row)
        names = lappend(names, catalog::string(context, row, 1));
    MemoryContextSwitchTo(spi);
    catalog::leave(scope);
    return names;
}

List *named_or_all(FunctionCallInfo fcinfo, const char *condition)
{
    if (!PG_ARGISNULL(0))
        return list_make1(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    return own_replications(condition);
}

void require_no_gap(const catalog::Replication &replication)
{
    catalog::Scope scope = catalog::enter();
    bool gap = catalog::run("SELECT last_error FROM podyn.replication WHERE id = $1 AND failure = 'needs_resync'",
                            {catalog::int4(replication.id)}) > 0;
    const char *reason = gap ? catalog::string(CurTransactionContext, 0, 1) : nullptr;
    catalog::leave(scope);
    if (!gap)
        return;
    const char *name = replication.name;
    const char *what_follows = "go on with what the stream still holds; what was lost stays lost";
    if (replication.copy_data && replication.on_existing == OnExisting::kUpsert)
        what_follows = "copy anew over what is there";
    else if (replication.copy_data)
        what_follows = "empty the target and copy anew";
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("replication \"%s\" needs a resync: changes have been lost", name),
                    reason != nullptr ? errdetail("%s", reason) : 0,
                    errhint("Use podyn_reset('%s') and podyn_start('%s'), which %s.", name, name, what_follows)));
}

// REASSIGN OWNED and ALTER TABLE ... OWNER TO know nothing of replications. Whoever may act as both roles, and so could
// give the table away, gives the replication to the target's new owner. A profile stays its owner's, with its import.
bool follow_target(catalog::Replication *replication)
{
    Oid owner = owner_of(replication->target);
    if (!OidIsValid(owner) || owner == replication->owner || replication->profile != nullptr ||
        !has_privs_of_role(GetUserId(), owner))
        return false;
    locks::own_replication_soon(replication->id);  // the old owner's worker writes nothing any more
    catalog::execute("UPDATE podyn.replication SET owner = $2 WHERE id = $1",
                     {catalog::int4(replication->id), catalog::regrole(owner)});
    const char *previous = GetUserNameFromId(replication->owner, true);
    catalog::record_event(
        owner, replication->name, "altered",
        psprintf("owner from %s to %s, who owns the target", previous != nullptr ? previous : "a role that is gone",
                 GetUserNameFromId(owner, false)));
    grant_reading(owner);
    ereport(NOTICE, (errmsg("replication \"%s\" belongs to %s now, who owns its target", replication->name,
                            quote_identifier(GetUserNameFromId(owner, false)))));
    replication->owner = owner;
    return true;
}

bool is_enabled(const catalog::Replication &replication)
{
    return catalog::execute("SELECT FROM podyn.replication WHERE id = $1 AND enabled AND phase <> 'completed'",
                            {catalog::int4(replication.id)}) > 0;
}

}  // namespace

int start_one(const char *name)
{
    catalog::Replication *replication = catalog::get_own_replication(CurrentMemoryContext, name);
    require_no_gap(*replication);
    bool follows = follow_target(replication);
    uint64 started = catalog::execute(
        "UPDATE podyn.replication SET enabled = true, failure = NULL, last_error = NULL, last_error_at = NULL, "
        "started_at = clock_timestamp(), revision = revision + 1 WHERE id = $1 AND phase <> 'completed' AND "
        "(NOT enabled OR failure IS NOT NULL OR $2)",
        {catalog::int4(replication->id), catalog::boolean(follows)});
    if (started == 0) {
        if (is_enabled(*replication))
            start_processes(replication->owner);  // without preloading, a restart of the server ended them
        return 0;
    }
    catalog::execute(
        "UPDATE podyn.task SET retry_at = NULL, last_error = NULL, last_error_at = NULL "
        "WHERE replication = $1 AND retry_at IS NOT NULL",
        {catalog::int4(replication->id)});
    catalog::record_event(replication->owner, name, "start", "started by podyn_start");
    start_processes(replication->owner);
    return 1;
}

int stop_one(const char *name, const char *message)
{
    catalog::Replication *replication = catalog::get_own_replication(CurrentMemoryContext, name);
    locks::own_replication_soon(replication->id);  // waits for the batch that is being written
    uint64 stopped = catalog::execute(
        "UPDATE podyn.replication SET enabled = false WHERE id = $1 AND enabled AND phase <> 'completed'",
        {catalog::int4(replication->id)});
    if (stopped == 0)
        return 0;
    catalog::record_event(replication->owner, name, "stop", message);
    wake_at_commit();
    return 1;
}

namespace {

// Files are loaded from their beginning. Of an import, rows that are there are treated as on_conflict says. That takes
// an index: a table whose indexes are still to be built has nothing but rows of this import, and is emptied.
void forget_files(const catalog::Replication &replication)
{
    bool late = catalog::execute("SELECT FROM podyn.task WHERE replication = $1 AND kind = 'index' AND state <> 'done'",
                                 {catalog::int4(replication.id)}) > 0;
    if (late)
        empty_and_index(replication);
    catalog::execute(
        "UPDATE podyn.task SET state = 'waiting', position = NULL, items = 0, items_read = 0, skipped = 0, "
        "throttled = 0, retry_at = NULL, last_error = NULL, last_error_at = NULL, done_at = NULL WHERE replication = "
        "$1 AND kind IN ('file', 'complete')",
        {catalog::int4(replication.id)});
    catalog::execute("UPDATE podyn.replication SET loads_fresh = false WHERE id = $1", {catalog::int4(replication.id)});
}

// To wait for it here would be for ever: it waits for the workers, who would wait for us.
void require_no_verification(const catalog::Replication &replication)
{
    if (!locks::try_own_differences(replication.id))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                        errmsg("differences of replication \"%s\" are being found or mended", replication.name),
                        errdetail("Another session runs podyn_verify or podyn_repair, or has not committed since."),
                        errhint("Wait until it is done, or cancel it: its process is in pg_stat_activity.")));
}

void reset(const char *name)
{
    catalog::Replication *replication = catalog::get_own_replication(CurrentMemoryContext, name);
    if (will_empty_target(*replication))
        require_truncatable(name, replication->target);
    require_no_verification(*replication);
    locks::own_replication_soon(replication->id);
    bool nothing_to_do = !replication->copy_data && !replication->replay_changes;
    catalog::Scope scope = catalog::enter();
    // An export that was made for this copy is forgotten, and the next one asks anew; exports that are there stay.
    bool keeps_files = replication->imports || replication->backfill == Backfill::kFiles;
    catalog::run(
        "DELETE FROM podyn.task WHERE replication = $1 AND NOT ($2 AND kind = 'file' OR $3)",
        {catalog::int4(replication->id), catalog::boolean(keeps_files), catalog::boolean(replication->imports)});
    if (keeps_files)
        forget_files(*replication);
    catalog::run("DELETE FROM podyn.spool WHERE replication = $1", {catalog::int4(replication->id)});
    catalog::run("DELETE FROM podyn.seen WHERE replication = $1", {catalog::int4(replication->id)});
    catalog::run("DELETE FROM podyn.error WHERE name = $1", {catalog::text(name)});
    catalog::run("DELETE FROM podyn.difference WHERE name = $1", {catalog::text(name)});
    catalog::run(
        "UPDATE podyn.replication SET enabled = false, failure = NULL, phase = $2, positions_at = NULL, copied_at = "
        "NULL, "
        "consistent_since = NULL, last_error = NULL, last_error_at = NULL, items = 0, changes = 0, read_units = 0, "
        "throttled = 0 WHERE id = $1",
        {catalog::int4(replication->id), catalog::text(nothing_to_do          ? "completed"
                                                       : replication->imports ? "copying"
                                                                              : "starting")});
    catalog::leave(scope);
    if (!nothing_to_do && !replication->imports)
        catalog::add_task(replication->id, catalog::TaskKind::kSetup, "", {}, "ready", 0);
    catalog::record_event(replication->owner, name, "reset", "positions and progress forgotten by podyn_reset");
    wake_at_commit();
}

void drop_relation(Oid relation)
{
    char *table = get_rel_name(relation);
    if (table == nullptr)
        return;
    char *statement =
        psprintf("DROP TABLE %s", quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), table));
    SPI_connect();
    SPI_execute(statement, false, 0);
    SPI_finish();
}

void drop(const char *name, bool drop_target)
{
    catalog::Replication *replication = catalog::get_own_replication(CurrentMemoryContext, name);
    require_no_verification(*replication);
    locks::own_replication_soon(replication->id);
    catalog::execute("DELETE FROM podyn.replication WHERE id = $1", {catalog::int4(replication->id)});
    if (drop_target)
        drop_relation(replication->target);
    else if (has_unbuilt_indexes(replication->target))
        ereport(WARNING, (errmsg("the indexes of table %s are not built yet", get_rel_name(replication->target)),
                          errhint("Use REINDEX TABLE.")));
    catalog::record_event(replication->owner, name, "drop",
                          drop_target ? "dropped with its target by podyn_drop" : "dropped by podyn_drop");
    wake_at_commit();
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_start);
PG_FUNCTION_INFO_V1(podyn_stop);
PG_FUNCTION_INFO_V1(podyn_reset);
PG_FUNCTION_INFO_V1(podyn_drop);

Datum podyn_start(PG_FUNCTION_ARGS)
{
    int count = 0;
    ListCell *cell;
    foreach (cell, podyn::named_or_all(fcinfo, "failure IS DISTINCT FROM 'needs_resync'"))
        count += podyn::start_one(static_cast<char *>(lfirst(cell)));
    PG_RETURN_INT32(count);
}

Datum podyn_stop(PG_FUNCTION_ARGS)
{
    int count = 0;
    ListCell *cell;
    foreach (cell, podyn::named_or_all(fcinfo, "enabled"))
        count += podyn::stop_one(static_cast<char *>(lfirst(cell)), "stopped by podyn_stop");
    PG_RETURN_INT32(count);
}

Datum podyn_reset(PG_FUNCTION_ARGS)
{
    podyn::reset(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    PG_RETURN_VOID();
}

Datum podyn_drop(PG_FUNCTION_ARGS)
{
    podyn::drop(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_BOOL(1));
    PG_RETURN_VOID();
}
}
