// podyn_wait and podyn_sync: a session waits for what the workers do. Both look again and again with fresh snapshots.
#include "functions/wait.h"

#include "compat.h"
#include "raise.h"
#include "settings.h"
#include "shared.h"

namespace podyn {
namespace {

constexpr long kLookMilliseconds = 20;

constexpr const char *kStates[] = {"stopped",   "starting",  "copying", "merging",
                                   "streaming", "completed", "failed",  "needs_resync"};

TimestampTz deadline_after(const Interval *timeout)
{
    return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()),
                                                   IntervalPGetDatum(timeout)));
}

// Waits a moment; false when the time is up.
bool pause_until(TimestampTz deadline)
{
    if (GetCurrentTimestamp() >= deadline)
        return false;
    int events =
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kLookMilliseconds, PG_WAIT_EXTENSION);
    if (events & WL_LATCH_SET)
        ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    return true;
}

}  // namespace

State current_state(const catalog::Replication &replication)
{
    PushActiveSnapshot(GetLatestSnapshot());
    MemoryContext context = CurrentMemoryContext;
    catalog::Scope scope = catalog::enter();
    State state = {};
    if (catalog::run_on_active_snapshot(
            "SELECT s.state, r.last_error FROM podyn.replication AS r JOIN podyn.replication_state AS s ON s.id = r.id "
            "WHERE r.id = $1",
            {catalog::int4(replication.id)}) == 1) {
        state.name = catalog::string(context, 0, 1);
        state.error = catalog::string(context, 0, 2);
    }
    catalog::leave(scope);
    PopActiveSnapshot();
    if (state.name == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("replication \"%s\" was dropped", replication.name)));
    return state;
}

void raise_if_failed(const catalog::Replication &replication, const State &state)
{
    bool failed = strcmp(state.name, "failed") == 0;
    if (!failed && strcmp(state.name, "needs_resync") != 0)
        return;
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("replication \"%s\" is in state %s", replication.name, state.name),
             state.error ? errdetail("%s", state.error) : 0,
             failed ? errhint("Remove the cause, then use podyn_start('%s').", replication.name)
                    : errhint("Use podyn_reset('%s') and podyn_start('%s').", replication.name, replication.name)));
}

namespace {

bool is_state(const char *name)
{
    for (const char *state : kStates)
        if (strcmp(state, name) == 0)
            return true;
    return false;
}

bool wait_for_state(const catalog::Replication &replication, const char *wanted, TimestampTz deadline)
{
    MemoryContext look = AllocSetContextCreate(CurrentMemoryContext, "podyn wait", ALLOCSET_DEFAULT_SIZES);
    do {
        MemoryContext old = MemoryContextSwitchTo(look);
        State state = current_state(replication);
        bool reached = strcmp(state.name, wanted) == 0;
        bool over = strcmp(state.name, "completed") == 0;  // it will not change any more
        if (!reached)
            raise_if_failed(replication, state);
        MemoryContextSwitchTo(old);
        MemoryContextReset(look);
        if (reached)
            return true;
        if (over)
            return false;
    } while (pause_until(deadline));
    return false;
}

TimestampTz published_read_through(const shared::Task *live, int count, int64 id)
{
    for (int i = 0; i < count; ++i)
        if (live[i].id == id)
            return live[i].read_through;
    return 0;
}

// The time up to which the stream has been applied: the earliest of its frontier; 0: there is none.
TimestampTz applied_through(const catalog::Replication &replication)
{
    PushActiveSnapshot(GetLatestSnapshot());
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run_on_active_snapshot(
        "SELECT id, coalesce(read_through, '-infinity') FROM podyn.shard_frontier WHERE replication = $1",
        {catalog::int4(replication.id)});
    int live_count;
    shared::Task *live = shared::live_tasks(&live_count);
    TimestampTz earliest = rows == 0 ? 0 : PG_INT64_MAX;
    for (uint64 row = 0; row < rows; ++row) {
        TimestampTz through = Max(DatumGetTimestampTz(catalog::value(row, 2)),
                                  published_read_through(live, live_count, catalog::get_int8(row, 1)));
        earliest = Min(earliest, through);
    }
    catalog::leave(scope);
    PopActiveSnapshot();
    return earliest;
}

}  // namespace

// A replication that the caller's own transaction made or started will not run before that commits.
void require_committed(const catalog::Replication &replication)
{
    catalog::Scope scope = catalog::enter();
    bool found =
        catalog::run("SELECT xmin, enabled FROM podyn.replication WHERE id = $1", {catalog::int4(replication.id)}) == 1;
    // A subtransaction (a savepoint, an EXCEPTION block) writes with an id of its own.
    bool mine = found && TransactionIdIsCurrentTransactionId(DatumGetTransactionId(catalog::value(0, 1)));
    bool starts = mine && catalog::get_boolean(0, 2);
    catalog::leave(scope);
    if (mine)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        starts ? errmsg("replication \"%s\" starts when this transaction commits", replication.name)
                               : errmsg("what this transaction did to replication \"%s\" takes effect when it commits",
                                        replication.name),
                        errhint("Commit first, then wait.")));
}

void require_changes(const catalog::Replication &replication)
{
    if (!replication.replay_changes)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("replication \"%s\" does not replay changes", replication.name),
                        errhint("Use podyn_wait('%s', 'completed').", replication.name)));
}

TimestampTz in_stream_by()
{
    return GetCurrentTimestamp() + static_cast<int64>(settings::stream_delay) * 1000;
}

// What is acknowledged now is in the stream stream_delay later at the latest; reads that begin after that show it.
bool wait_for_changes(const catalog::Replication &replication, TimestampTz since, TimestampTz deadline)
{
    MemoryContext look = AllocSetContextCreate(CurrentMemoryContext, "podyn sync", ALLOCSET_DEFAULT_SIZES);
    do {
        MemoryContext old = MemoryContextSwitchTo(look);
        State state = current_state(replication);
        raise_if_failed(replication, state);
        if (strcmp(state.name, "stopped") == 0)
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("replication \"%s\" is stopped", replication.name),
                            errhint("Use podyn_start('%s').", replication.name)));
        bool applied = strcmp(state.name, "streaming") == 0 && applied_through(replication) >= since;
        MemoryContextSwitchTo(old);
        MemoryContextReset(look);
        if (applied)
            return true;
    } while (pause_until(deadline));
    return false;
}

}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_wait);
PG_FUNCTION_INFO_V1(podyn_sync);

Datum podyn_wait(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    const char *state = text_to_cstring(PG_GETARG_TEXT_PP(1));
    if (!is_state(state))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown state \"%s\"", state),
                        errhint("States are stopped, starting, copying, merging, streaming, completed, failed and "
                                "needs_resync.")));
    catalog::Replication *replication =
        catalog::get_own_replication(CurrentMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    require_committed(*replication);
    PG_RETURN_BOOL(wait_for_state(*replication, state, deadline_after(PG_GETARG_INTERVAL_P(2))));
}

Datum podyn_sync(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    TimestampTz since = in_stream_by();
    shared::attach();
    catalog::Replication *replication =
        catalog::get_own_replication(CurrentMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    require_changes(*replication);
    require_committed(*replication);
    PG_RETURN_BOOL(wait_for_changes(*replication, since, deadline_after(PG_GETARG_INTERVAL_P(1))));
}
}
