// The replications and tasks of shared.h: budgets, rates, who copies.
#include <cmath>

#include "shared_state.h"

namespace podyn::shared {
namespace {

constexpr double kMeterSeconds = 5;   // how far back a rate looks
constexpr double kStandstill = 1e-3;  // per second: what fades below it is 0, not an ever smaller number

double faded(const Meter &meter, TimestampTz now)
{
    double rate = meter.per_second * std::exp(-static_cast<double>(now - meter.at) / USECS_PER_SEC / kMeterSeconds);
    return rate < kStandstill ? 0 : rate;
}

void add(Meter *meter, double amount, TimestampTz now)
{
    meter->per_second = faded(*meter, now) + amount / kMeterSeconds;
    meter->at = now;
}

// What has come back since then came back at the rate of that time, which podyn_alter may have changed.
void refill(Replication *entry, double rate, TimestampTz now)
{
    double seconds = static_cast<double>(now - entry->filled_at) / USECS_PER_SEC;
    entry->read_units = rate <= 0 ? 0 : Min(entry->read_units + Max(seconds, 0.0) * entry->rate, rate);
    entry->rate = rate;
    entry->filled_at = now;
}

// To be called with the lock.
int count_copiers(int32 replication, bool leaving_too)
{
    int count = 0;
    for (const Process &process : state->processes)
        if (process.in_use && process.database == MyDatabaseId && process.copies == replication &&
            (leaving_too || !process.leaving))
            ++count;
    return count;
}

}  // namespace

Replication *replication(int32 id, Oid owner)
{
    Replication *entry = nullptr, *oldest = nullptr;
    exclusive();
    for (int i = 0; i < state->replication_count && entry == nullptr; ++i) {
        Replication &candidate = replications[i];
        if (candidate.id == id && candidate.database == MyDatabaseId)
            entry = &candidate;
        else if (oldest == nullptr || (oldest->id != 0 && (candidate.id == 0 || candidate.used_at < oldest->used_at)))
            oldest = &candidate;
    }
    if (entry == nullptr && oldest != nullptr) {
        // An entry that nobody has used for an hour belongs to a replication that no longer runs.
        if (oldest->id == 0 || oldest->used_at + USECS_PER_HOUR < GetCurrentTimestamp()) {
            entry = oldest;
            *entry = Replication{};
            entry->database = MyDatabaseId;
            entry->id = id;
            entry->filled_at = GetCurrentTimestamp();
            SpinLockInit(&entry->mutex);
        }
    }
    if (entry != nullptr) {
        entry->owner = owner;
        entry->used_at = GetCurrentTimestamp();
    }
    release();
    if (entry == nullptr)
        ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                        errmsg("too many replications run at once: %d", state->replication_count),
                        errhint("Add podyn to \"shared_preload_libraries\", which raises the limit, or stop some.")));
    return entry;
}

void spend_read_units(Replication *entry, double rate, double units)
{
    TimestampTz now = GetCurrentTimestamp();
    SpinLockAcquire(&entry->mutex);
    refill(entry, rate, now);
    if (rate > 0)
        entry->read_units -= units;
    entry->used_at = now;
    SpinLockRelease(&entry->mutex);
}

int64 read_units_wait(Replication *entry, double rate)
{
    if (rate <= 0)
        return 0;
    TimestampTz now = GetCurrentTimestamp();
    SpinLockAcquire(&entry->mutex);
    refill(entry, rate, now);
    double missing = -entry->read_units;
    SpinLockRelease(&entry->mutex);
    return missing <= 0 ? 0 : static_cast<int64>(Min(missing / rate, 3600.0) * USECS_PER_SEC) + 1;
}

void count(Replication *entry, int64 items, int64 changes)
{
    TimestampTz now = GetCurrentTimestamp();
    SpinLockAcquire(&entry->mutex);
    add(&entry->items, static_cast<double>(items), now);
    add(&entry->changes, static_cast<double>(changes), now);
    entry->used_at = now;
    SpinLockRelease(&entry->mutex);
}

void request_describe(Replication *entry)
{
    SpinLockAcquire(&entry->mutex);
    ++entry->describe_requests;
    SpinLockRelease(&entry->mutex);
    wake(MyDatabaseId);
}

uint32 describe_requests(Replication *entry)
{
    SpinLockAcquire(&entry->mutex);
    entry->used_at = GetCurrentTimestamp();
    uint32 requests = entry->describe_requests;
    SpinLockRelease(&entry->mutex);
    return requests;
}

bool has_room_to_copy(int32 replication, int32 most)
{
    if (most <= 0)
        return true;
    sharing();
    bool room = count_copiers(replication, true) < most;
    release();
    return room;
}

bool join_copy(int32 replication, int32 most)
{
    exclusive();
    bool joins = most <= 0 || count_copiers(replication, true) < most;
    if (joins)
        state->processes[my_process].copies = replication;
    release();
    return joins;
}

void leave_copy()
{
    exclusive();
    state->processes[my_process].copies = 0;
    state->processes[my_process].leaving = false;
    release();
}

bool must_leave_copy(int32 replication, int32 most)
{
    if (most <= 0)
        return false;
    exclusive();
    Process &self = state->processes[my_process];
    bool leaves = !self.leaving && count_copiers(replication, false) > most;
    self.leaving = self.leaving || leaves;
    release();
    return leaves;
}

void withdraw_all_tasks()
{
    for (int i = 0; i < state->task_count; ++i)
        if (tasks[i].worker == MyProcPid)
            tasks[i].worker = 0;
}

Task *publish_task(int64 id)
{
    Task *entry = nullptr;
    exclusive();
    for (int i = 0; i < state->task_count && entry == nullptr; ++i)
        if (tasks[i].worker == 0)
            entry = &tasks[i];
    if (entry != nullptr)
        *entry = Task{MyDatabaseId, state->processes[my_process].owner, MyProcPid, id, 0};
    release();
    return entry;
}

void publish_read_through(Task *task, TimestampTz read_through)
{
    task->read_through = read_through;  // one aligned word, written by its holder only
}

void withdraw_task(Task *task)
{
    exclusive();
    task->worker = 0;
    release();
}

LiveReplication *live_replications(int *count)
{
    *count = 0;
    auto *live = static_cast<LiveReplication *>(palloc(sizeof(LiveReplication) * state->replication_count));
    TimestampTz now = GetCurrentTimestamp();
    sharing();
    for (int i = 0; i < state->replication_count; ++i) {
        Replication &entry = replications[i];
        if (entry.id == 0 || entry.database != MyDatabaseId)
            continue;
        SpinLockAcquire(&entry.mutex);
        Meter items = entry.items, changes = entry.changes;
        double read_units = entry.read_units;
        TimestampTz filled_at = entry.filled_at;
        SpinLockRelease(&entry.mutex);
        live[(*count)++] =
            LiveReplication{entry.id, entry.owner, faded(items, now), faded(changes, now), read_units, filled_at};
    }
    release();
    return live;
}

Task *live_tasks(int *count)
{
    *count = 0;
    auto *live = static_cast<Task *>(palloc(sizeof(Task) * state->task_count));
    sharing();
    for (int i = 0; i < state->task_count; ++i)
        if (tasks[i].worker != 0 && tasks[i].database == MyDatabaseId)
            live[(*count)++] = tasks[i];
    release();
    return live;
}

}  // namespace podyn::shared
