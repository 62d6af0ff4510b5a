// podyn_run: a replication in the foreground, until its backfill is complete. The work itself is the workers'; the
// caller's session starts it, tells how far it is, and stops it when it is cancelled. It commits before it waits, so
// that the workers see the start and nothing is held while it waits.
#include "catalog/replications.h"
#include "compat.h"
#include "functions/control.h"
#include "functions/wait.h"
#include "shared.h"

namespace podyn {
namespace {

constexpr long kLookMilliseconds = 100;
constexpr int64 kBetweenNotices = 5 * USECS_PER_SEC;

bool is_one_of(const char *state, std::initializer_list<const char *> states)
{
    for (const char *each : states)
        if (strcmp(state, each) == 0)
            return true;
    return false;
}

// Copied items, their rate, the time left; in `merging`, what is left of the spool. Of files, which one of how many has
// been begun, and read items: only those come to a total that is known, if the manifests tell it.
char *describe_progress(const catalog::Replication &replication)
{
    MemoryContext context = CurrentMemoryContext;
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT CASE WHEN p.files > 0 THEN format('file %s/%s, ', p.begun, p.files) ELSE '' END || p.items || "
        "CASE WHEN NOT p.imports THEN format(' of about %s items', p.total) "
        "WHEN p.total > 0 THEN format(' of %s items', p.total) ELSE ' items' END || "
        "CASE WHEN p.phase = 'copying' AND p.rate > 0.05 THEN format(', %s per second', round(p.rate::numeric, 1)) "
        "ELSE '' END || "
        "CASE WHEN p.phase = 'copying' AND p.rate > 0.05 AND p.total > p.items AND (p.total - p.items) / p.rate < 1e9 "
        "THEN format(', %s left', justify_hours(date_trunc('second', make_interval(secs => (p.total - p.items) / "
        "p.rate)))) ELSE '' END || "
        "CASE WHEN p.spooled > 0 THEN format(', %s changes spooled', p.spooled) ELSE '' END || "
        "CASE WHEN p.throttled > 0 THEN format(', %s requests throttled', p.throttled) ELSE '' END || "
        "coalesce('; ' || p.error, '') FROM "
        "(SELECT r.phase, r.imports, r.items_total AS total, count(*) FILTER (WHERE t.kind = 'file') AS files, "
        "greatest(1, count(*) FILTER (WHERE t.kind = 'file' AND (t.state = 'done' OR t.position IS NOT NULL "
        "OR k.worker IS NOT NULL))) AS begun, "
        "CASE WHEN r.imports THEN coalesce(sum(t.items_read), 0) ELSE r.items + coalesce(sum(t.items), 0) END AS "
        "items, "
        "max(l.items_per_second) AS rate, coalesce(sum(t.spooled), 0) AS spooled, "
        "r.throttled + coalesce(sum(t.throttled), 0) AS throttled, "
        "coalesce(r.last_error, max(t.last_error)) AS error FROM podyn.replication AS r "
        "LEFT JOIN podyn.task AS t ON t.replication = r.id "
        "LEFT JOIN podyn.live_tasks() AS k ON k.task = t.id "
        "LEFT JOIN podyn.live_replications() AS l ON l.replication = r.id WHERE r.id = $1 GROUP BY r.id) AS p",
        {catalog::int4(replication.id)});
    char *text = rows == 1 ? catalog::string(context, 0, 1) : pstrdup("");
    catalog::leave(scope);
    return text;
}

// What was told last.
struct Told {
    char state[NAMEDATALEN];
    TimestampTz at;
};

void tell(const catalog::Replication &replication, const char *state, Told *told)
{
    TimestampTz time = GetCurrentTimestamp();
    if (strcmp(told->state, state) == 0 && time < told->at + kBetweenNotices)
        return;
    strlcpy(told->state, state, NAMEDATALEN);
    told->at = time;
    const char *progress = replication.copy_data ? describe_progress(replication) : "";
    ereport(NOTICE, (errmsg("replication \"%s\": %s%s%s", replication.name, state, progress[0] ? ", " : "", progress)));
}

// Looks once, in a transaction of its own. True: the backfill is complete.
bool look(const catalog::Replication &replication, Told *told)
{
    EnsurePortalSnapshotExists();
    State state = current_state(replication);
    raise_if_failed(replication, state);
    if (strcmp(state.name, "stopped") == 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("replication \"%s\" was stopped meanwhile", replication.name),
                        errhint("It goes on from its checkpoint with CALL podyn_run('%s') or podyn_start('%s').",
                                replication.name, replication.name)));
    tell(replication, state.name, told);
    bool complete = is_one_of(state.name, {"streaming", "completed"});
    SPI_commit();
    return complete;
}

// The replication is stopped at its checkpoint before the error tells of it.
[[noreturn]] void stop_and_raise(const catalog::Replication &replication)
{
    QueryCancelPending = false;
    bool timeout = get_timeout_indicator(STATEMENT_TIMEOUT, true);
    EnsurePortalSnapshotExists();
    bool stopped = stop_one(replication.name, "stopped by a cancelled podyn_run") > 0;
    SPI_commit();
    ereport(ERROR,
            (errcode(ERRCODE_QUERY_CANCELED),
             timeout ? errmsg("canceling statement due to statement timeout")
                     : errmsg("canceling statement due to user request"),
             stopped ? errdetail("Replication \"%s\" was stopped at its checkpoint.", replication.name)
                     : errdetail("Replication \"%s\" had been stopped, or had nothing more to do.", replication.name),
             errhint("It goes on from there with CALL podyn_run('%s') or podyn_start('%s').", replication.name,
                     replication.name)));
}

// A cancel does not interrupt a look, but ends the wait.
void follow(const catalog::Replication &replication)
{
    Told told = {};
    HOLD_CANCEL_INTERRUPTS();
    while (!look(replication, &told)) {
        int events =
            WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kLookMilliseconds, PG_WAIT_EXTENSION);
        if (events & WL_LATCH_SET)
            ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        if (QueryCancelPending)
            stop_and_raise(replication);
    }
    RESUME_CANCEL_INTERRUPTS();
}

void require_no_transaction(FunctionCallInfo fcinfo)
{
    auto *context = reinterpret_cast<CallContext *>(fcinfo->context);
    if (context != nullptr && IsA(context, CallContext) && !context->atomic)
        return;
    ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
                    errmsg("podyn_run cannot run inside a transaction block or a function"),
                    errhint("Use CALL outside of BEGIN and COMMIT; or podyn_start, and podyn_wait after the commit.")));
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_run);

Datum podyn_run(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    require_no_transaction(fcinfo);
    if (PG_ARGISNULL(0))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("name must not be null"),
                        errhint("The view podyn_status lists your replications.")));
    PreventCommandIfReadOnly("podyn_run()");
    shared::attach();
    SPI_connect_ext(SPI_OPT_NONATOMIC);
    // The memory of this connection outlives its transactions.
    MemoryContext context = CurrentMemoryContext;
    catalog::Replication *replication = catalog::get_own_replication(context, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    State state = current_state(*replication);
    if (is_one_of(state.name, {"stopped", "failed", "needs_resync"}))
        start_one(replication->name);
    SPI_commit();
    follow(*replication);
    SPI_finish();
    return Datum{0};
}
}
