// The supervisor: one process in each database that has something to do. It moves replications from phase to phase when
// the tasks of a phase are done (catalog/replications.h), and keeps enough workers for the tasks that are there. It
// runs as the bootstrap superuser, and only fixed statements on podyn's own tables.
#include "backoff.h"
#include "catalog/files.h"
#include "catalog/journal.h"
#include "catalog/sql.h"
#include "catalog/tasks.h"
#include "compat.h"
#include "database_guard.h"
#include "event_loop.h"
#include "extension_identity.h"
#include "settings.h"
#include "shared.h"
#include "transaction.h"
#include "workers/process.h"

namespace podyn {
namespace {

constexpr long kLookBusy = 1000;  // milliseconds between two looks while something changes by itself
constexpr long kLookIdle = 10000;
constexpr long kBeforeLeaving = 3000;  // how long to stay without work
// Shards and the like share a worker, as it waits for many sockets at once; a segment keeps one busy.
constexpr int kTasksPerWorker = 32;
constexpr int64 kBetweenCleanups = USECS_PER_MINUTE;
constexpr int64 kBetweenProgress = 5 * USECS_PER_SEC;  // notifications for a replication that copies or merges
constexpr Backoff kBetweenStarts = {USECS_PER_SEC / 4, USECS_PER_MINUTE};
constexpr int kManyStarts = 5;  // in a row: the worker ends whenever it is launched
// Room is kept for some seconds for the one who asked (shared.cpp); asking all the time would be unfair to the others.
constexpr int64 kBetweenRequests = 10 * USECS_PER_SEC;
constexpr char kDoNotStart[] = "workers end right after their start: see the server's log";
constexpr char kNotAsOwner[] = "no worker can start as the owner, ";  // followed by why, and the remedy
constexpr char kNoSlot[] = "no background worker slot is free: raise max_worker_processes";
constexpr char kPoolFull[] =
    "waiting for a worker, all are busy for other owners or databases: raise podyn.max_workers";

void note(uint64 row, const char *event, const char *message)
{
    catalog::record_event(catalog::get_oid(row, 2), catalog::string(CurrentMemoryContext, row, 3), event, message);
}

// Tells of the replications that the last statement returned as (id, owner, name). Without a message, it is column 4.
void record_events(const char *event, const char *message, uint64 rows)
{
    SPITupleTable *result = SPI_tuptable;
    for (uint64 row = 0; row < rows; ++row) {
        SPI_tuptable = result;
        const char *text = message != nullptr ? message : SPI_getvalue(result->vals[row], result->tupdesc, 4);
        note(row, event, text);
        ereport(LOG, (errmsg("replication \"%s\": %s", SPI_getvalue(result->vals[row], result->tupdesc, 3), text)));
    }
    SPI_tuptable = result;
}

// Copies that upsert, when the last segment or file is done.
uint64 begin_pruning()
{
    uint64 rows = catalog::run(
        "WITH copied AS (UPDATE podyn.replication AS r SET copied_at = clock_timestamp() "
        "WHERE r.id IN (SELECT id FROM podyn.replication WHERE phase = 'copying' AND copy_upserts "
        "AND copied_at IS NULL FOR NO KEY UPDATE SKIP LOCKED) AND NOT EXISTS (SELECT FROM podyn.task AS t "
        "WHERE t.replication = r.id AND t.kind IN ('segment', 'export', 'file') AND t.state <> 'done') "
        "RETURNING r.id, r.owner, r.name), "
        "prune AS (INSERT INTO podyn.task (replication, kind, task, state) SELECT id, 'prune', '', 'ready' "
        "FROM copied) SELECT id, owner::oid, name FROM copied");
    record_events("pruning", "all items are copied, looking for rows that the source no longer has", rows);
    return rows;
}

// True: there are tasks to be claimed.
bool finish_copies()
{
    catalog::Scope scope = catalog::enter();
    bool pruning = begin_pruning() > 0;
    uint64 rows = catalog::run(
        "WITH copied AS (UPDATE podyn.replication AS r SET phase = 'merging', "
        "copied_at = coalesce(copied_at, clock_timestamp()) "
        "WHERE r.id IN (SELECT id FROM podyn.replication WHERE phase = 'copying' AND replay_changes AND (copied_at IS "
        "NOT NULL OR NOT copy_upserts) "
        "FOR NO KEY UPDATE SKIP LOCKED) AND NOT EXISTS (SELECT FROM podyn.task AS t "
        "WHERE t.replication = r.id AND t.kind IN ('segment', 'export', 'file', 'prune') AND t.state <> 'done') "
        "RETURNING r.id, r.owner, r.name), "
        "merge AS (INSERT INTO podyn.task (replication, kind, task, state) SELECT id, 'merge', '', 'ready' FROM "
        "copied) "
        "SELECT id, owner::oid, name FROM copied");
    record_events("copied", "all items are copied, merging the changes that came meanwhile", rows);
    bool new_tasks = pruning || rows > 0;
    rows = catalog::run(
        "UPDATE podyn.replication AS r SET phase = 'completed', "
        "copied_at = coalesce(copied_at, clock_timestamp()) "
        "WHERE r.id IN (SELECT id FROM podyn.replication WHERE phase = 'copying' AND NOT replay_changes AND (copied_at "
        "IS NOT NULL OR NOT copy_upserts) "
        "FOR NO KEY UPDATE SKIP LOCKED) AND NOT EXISTS (SELECT FROM podyn.task AS t "
        "WHERE t.replication = r.id AND t.kind IN ('segment', 'export', 'file', 'prune', 'complete', 'index') AND "
        "t.state <> 'done') "
        "RETURNING r.id, r.owner::oid, r.name, CASE WHEN NOT r.imports THEN 'all items are copied' ELSE "
        "(SELECT format('all items are loaded: %s read, %s written, %s skipped, %s rejected', sum(t.items_read), "
        "sum(t.items), sum(t.skipped), (SELECT count(*) FROM podyn.error AS e WHERE e.name = r.name)) "
        "FROM podyn.task AS t WHERE t.replication = r.id) END");
    record_events("complete", nullptr, rows);
    catalog::leave(scope);
    return new_tasks;
}

// Shards that ended are kept for two days (their children must find them), then only their counters. Like everything
// here that changes several replications, it waits for nobody who holds one: that session may want another one next.
void forget_old_things()
{
    static int64 last_time = 0;
    if (last_time + kBetweenCleanups > now().monotonic_us)
        return;
    last_time = now().monotonic_us;
    catalog::execute(
        "WITH free AS MATERIALIZED (SELECT id FROM podyn.replication FOR NO KEY UPDATE SKIP LOCKED), "
        "old AS (DELETE FROM podyn.task AS t USING free WHERE t.replication = free.id AND t.kind = 'shard' AND t.state "
        "= 'done' AND t.done_at < clock_timestamp() - interval '48 hours' AND EXISTS (SELECT FROM podyn.task AS child "
        "WHERE child.replication = t.replication AND child.parent = t.task) RETURNING t.*), "
        "sums AS (SELECT replication, sum(changes) AS changes, sum(throttled) AS throttled FROM old GROUP BY 1) "
        "UPDATE podyn.replication AS r SET changes = r.changes + s.changes, throttled = r.throttled + s.throttled "
        "FROM sums AS s WHERE r.id = s.replication");
    catalog::execute("DELETE FROM podyn.event WHERE at < clock_timestamp() - interval '30 days'");
}

// What one owner's tasks want.
struct Demand {
    Oid owner;
    int64 unclaimed_segments;  // that the option `workers` allows to be claimed
    int64 others;              // shards and the like, claimed or not
    int have;                  // workers
    int taken;                 // of them, by one task each, which leaves them no time for others
};

struct Demands {
    Demand *demands;
    int count;
    bool settling;  // some replication changes phase by itself soon
};

Demands read_demands()
{
    Demands result = {};
    MemoryContext context = CurrentMemoryContext;
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT owner::oid, sum(least(unclaimed, greatest(coalesce(workers - claimed, unclaimed), 0)))::int8, "
        "sum(others)::int8, bool_or(phase <> 'streaming') FROM (SELECT r.owner, r.workers, r.phase, "
        "count(*) FILTER (WHERE t.kind IN ('segment', 'file') AND live.task IS NULL) AS unclaimed, "
        "count(*) FILTER (WHERE t.kind IN ('segment', 'file') AND live.task IS NOT NULL) AS claimed, "
        "count(*) FILTER (WHERE t.kind NOT IN ('segment', 'file')) AS others "
        "FROM podyn.replication AS r JOIN podyn.task AS t ON t.replication = r.id "
        "LEFT JOIN podyn.live_tasks() AS live ON live.task = t.id WHERE r.enabled AND r.failure IS NULL AND t.state = "
        "'ready' GROUP BY r.id) AS demand GROUP BY owner");
    result.demands = static_cast<Demand *>(MemoryContextAllocZero(context, sizeof(Demand) * (rows + 1)));
    for (uint64 row = 0; row < rows; ++row) {
        Oid owner = catalog::get_oid(row, 1);
        int have = shared::count_processes(shared::Role::kWorker, MyDatabaseId, owner);
        int sharing = shared::count_sharing_workers(MyDatabaseId, owner);
        result.demands[result.count++] = {owner, catalog::get_int8(row, 2), catalog::get_int8(row, 3), have,
                                          Max(have - sharing, 0)};
        result.settling = result.settling || catalog::get_boolean(row, 4);
    }
    catalog::leave(scope);
    return result;
}

bool unfinished_copies()
{
    return catalog::execute(
               "SELECT FROM podyn.replication WHERE phase = 'copying' AND enabled AND failure IS NULL "
               "LIMIT 1") > 0;
}

// How soon an owner may get another worker, if those before ended early, and ask others for room again.
struct Throttle {
    Oid owner;
    TimestampTz next;
    int starts;  // in a row
    TimestampTz next_request;
};

constexpr int kThrottles = 64;
Throttle throttles[kThrottles];

Throttle *throttle_of(Oid owner)
{
    Throttle *chosen = &throttles[0];
    for (Throttle &throttle : throttles) {
        if (throttle.owner == owner)
            return &throttle;
        if (throttle.next < chosen->next)
            chosen = &throttle;
    }
    *chosen = {owner, 0, 0, 0};
    return chosen;
}

void note_launch(Throttle *throttle, bool was_first)
{
    TimestampTz time = GetCurrentTimestamp();
    bool again = was_first && time <= throttle->next + USECS_PER_MINUTE;
    throttle->next = again ? time + kBetweenStarts.wait(throttle->starts) : time;
    throttle->starts = again ? throttle->starts + 1 : 0;
}

void ask_for_room(Throttle *throttle)
{
    TimestampTz time = GetCurrentTimestamp();
    if (time < throttle->next_request)
        return;
    throttle->next_request = time + kBetweenRequests;
    shared::request_yield(throttle->owner);
}

// Why an owner's replications have no worker stands in podyn_status; null: they have one.
void report(Oid owner, const char *reason)
{
    if (reason != nullptr)
        catalog::execute(
            "UPDATE podyn.replication SET last_error = $2, last_error_at = clock_timestamp() WHERE id IN "
            "(SELECT id FROM podyn.replication WHERE owner = $1 AND enabled AND failure IS NULL "
            "AND last_error IS DISTINCT FROM $2 FOR NO KEY UPDATE SKIP LOCKED)",
            {catalog::regrole(owner), catalog::text(reason)});
    else
        catalog::execute(
            "UPDATE podyn.replication SET last_error = NULL, last_error_at = NULL WHERE id IN "
            "(SELECT id FROM podyn.replication WHERE owner = $1 AND (last_error IN ($2, $3, $4) OR "
            "starts_with(last_error, $5)) FOR NO KEY UPDATE SKIP LOCKED)",
            {catalog::regrole(owner), catalog::text(kNoSlot), catalog::text(kDoNotStart), catalog::text(kPoolFull),
             catalog::text(kNotAsOwner)});
}

// Why no worker can start as the owner, with the remedy; null: one can.
const char *why_not_as(Oid owner)
{
    const char *role = GetUserNameFromId(owner, true);
    if (role == nullptr)
        return psprintf(
            "%swhose role is gone: use podyn_start, as a superuser, to give the replication to the owner of its "
            "target; or podyn_drop",
            kNotAsOwner);
    role = quote_identifier(role);
    if (!worker_may_log_in(owner))
        return psprintf("%swho may not log in: use ALTER ROLE %s LOGIN", kNotAsOwner, role);
    if (!may(DatabaseRelationId, MyDatabaseId, owner, ACL_CONNECT))
        return psprintf("%swho may not connect: use GRANT CONNECT ON DATABASE %s TO %s", kNotAsOwner,
                        quote_identifier(get_database_name(MyDatabaseId)), role);
    return nullptr;
}

// Workers that are there take shards and the like as they come; each unclaimed segment wants one more.
int wanted_workers(const Demand &demand)
{
    int64 for_others = (demand.others - demand.taken + kTasksPerWorker - 1) / kTasksPerWorker + demand.taken;
    int64 wanted = Max(for_others, demand.have + demand.unclaimed_segments);
    return static_cast<int>(Min(Max(wanted, INT64CONST(1)), static_cast<int64>(settings::max_workers)));
}

void meet(const Demand &demand)
{
    int have = demand.have, wanted = wanted_workers(demand);
    const char *reason = have < wanted ? why_not_as(demand.owner) : nullptr;
    Throttle *throttle = throttle_of(demand.owner);
    while (reason == nullptr && have < wanted && GetCurrentTimestamp() >= throttle->next) {
        shared::Launch launch = shared::launch(shared::Role::kWorker, MyDatabaseId, demand.owner);
        if (launch == shared::Launch::kPoolFull && have == 0) {
            ask_for_room(throttle);
            reason = kPoolFull;
        }
        if (launch == shared::Launch::kNoServerSlot && have == 0)
            reason = kNoSlot;
        if (launch != shared::Launch::kLaunched)
            break;
        note_launch(throttle, have == 0);
        ++have;
    }
    if (reason == nullptr && demand.have == 0 && throttle->starts >= kManyStarts)
        reason = kDoNotStart;
    if (reason != nullptr || demand.have > 0)
        report(demand.owner, reason);
}

// In a transaction of its own, so that nothing else waits for whoever else notifies.
void notify_progress()
{
    static int64 last_time = 0;
    if (last_time + kBetweenProgress > now().monotonic_us)
        return;
    begin_transaction();
    if (lock_extension()) {
        MemoryContext context = CurrentMemoryContext;
        List *names = NIL;
        catalog::Scope scope = catalog::enter();
        uint64 rows = catalog::run(
            "SELECT name FROM podyn.replication WHERE enabled AND failure IS NULL AND phase IN ('copying', 'merging')");
        MemoryContext spi = MemoryContextSwitchTo(context);
        for (uint64 row = 0; row < rows; ++row)
            names = lappend(names, catalog::string(context, row, 1));
        MemoryContextSwitchTo(spi);
        catalog::leave(scope);
        if (rows > 0)
            last_time = now().monotonic_us;
        ListCell *cell;
        foreach (cell, names)
            catalog::notify("progress", static_cast<const char *>(lfirst(cell)));
    }
    commit_transaction();
}

struct Look {
    bool installed;
    bool work;
    bool settling;
    bool unserved;  // some owner had no worker: whether it has one now, or can have one, is seen soon
};

Look look()
{
    Look look = {};
    bool new_tasks = false;
    begin_transaction();
    look.installed = lock_extension();
    if (look.installed) {
        new_tasks = finish_copies();
        new_tasks = catalog::release_missed_children() > 0 || new_tasks;
        new_tasks = catalog::release_next_files() > 0 || new_tasks;
        forget_old_things();
        Demands demands = read_demands();
        for (int i = 0; i < demands.count; ++i)  // first those that have none
            if (demands.demands[i].have == 0) {
                look.unserved = true;
                meet(demands.demands[i]);
            }
        for (int i = 0; i < demands.count; ++i)
            if (demands.demands[i].have > 0)
                meet(demands.demands[i]);
        look.work = demands.count > 0 || unfinished_copies();
        look.settling = demands.settling;
    }
    commit_transaction();
    if (new_tasks)
        shared::wake_workers(MyDatabaseId);
    return look;
}

// A look that fails (a lock time-out, a full disk) is tried again; the error stands in the server's log.
bool look_again(Look *result)
{
    volatile bool succeeded = false;
    PG_TRY();
    {
        *result = look();
        if (result->settling)
            notify_progress();
        succeeded = true;
    }
    PG_CATCH();
    {
        report_and_abort();
    }
    PG_END_TRY();
    return succeeded;
}

// Waits until woken or so long, or until somebody needs the database.
void rest(long milliseconds)
{
    int64 until = now().monotonic_us + milliseconds * 1000;
    while (!somebody_needs_our_database()) {
        long left = static_cast<long>((until - now().monotonic_us) / 1000);
        if (left <= 0 || wait_for_latch(Min(left, kLookAtDatabase)))
            return;
    }
}

// Where no launcher looks after the database: the successor waits, before it is one of the database's sessions, until
// whoever needs the database has finished, and goes on if there still is one.
void hand_over()
{
    if (shared::count_processes(shared::Role::kLauncher, InvalidOid, InvalidOid) > 0)
        return;
    shared::leave();
    if (shared::launch(shared::Role::kSupervisor, MyDatabaseId, InvalidOid) == shared::Launch::kNoServerSlot)
        ereport(LOG,
                (errmsg("podyn supervisor found no free background worker slot for its successor"),
                 errhint("Raise \"max_worker_processes\" (now %d), and use podyn_start().", max_worker_processes)));
}

void run()
{
    bool about_to_leave = false;
    for (;;) {
        if (somebody_needs_our_database()) {
            hand_over();
            return;
        }
        Look result = {};
        if (!look_again(&result)) {
            rest(kLookBusy);
            continue;
        }
        if (extension_was_replaced()) {
            adopt_extension();
            continue;
        }
        if (result.installed && result.work) {
            about_to_leave = false;
            rest(result.settling || result.unserved ? kLookBusy : kLookIdle);
        } else if ((about_to_leave || !result.installed) && shared::leave_if_not_woken()) {
            return;
        } else {
            about_to_leave = true;
            rest(kBeforeLeaving);
        }
    }
}

}  // namespace
}  // namespace podyn

extern "C" PGDLLEXPORT void podyn_supervisor_main(Datum argument)
{
    using namespace podyn;
    shared::Process self;
    if (start_process(argument, &self))
        run();
}
