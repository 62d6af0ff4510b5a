// See shared.h.
#include "shared.h"

#include <cmath>
#include <csignal>

#include "settings.h"

namespace podyn::shared {
namespace {

constexpr int kMaxProcesses = 160;
constexpr int kMaxOrphans = 64;
constexpr int kMaxHeld = 16;
constexpr TimestampTz kHold = 10 * USECS_PER_SEC;
constexpr TimestampTz kKeepRoom = 5 * USECS_PER_SEC;
constexpr TimestampTz kStartTimeout = 10 * USECS_PER_SEC;
constexpr double kMeterSeconds = 5;   // how far back a rate looks
constexpr double kStandstill = 1e-3;  // per second: what fades below it is 0, not an ever smaller number
// Entries with and without shared_preload_libraries; spare shared memory is about 100 kB.
constexpr int kReplicationsPreloaded = 2048, kReplicationsSpare = 64;
constexpr int kTasksPreloaded = 8192, kTasksSpare = 256;

// A database that shall have no process of ours for now.
struct Held {
    Oid database;
    TimestampTz until;
};

// An owner that waits for room in the pool.
struct Hungry {
    Oid database;
    Oid owner;
    TimestampTz until;
};

struct State {
    LWLock lock;
    int replication_count;
    int task_count;
    Process processes[kMaxProcesses];
    Hungry hungry;
    Held held[kMaxHeld];
    Oid orphans[kMaxOrphans];  // databases that lost their supervisor
    // followed by replications, then tasks
};

State *state = nullptr;
Replication *replications = nullptr;
Task *tasks = nullptr;
int my_process = -1;

Size state_size(int replication_count, int task_count)
{
    Size size = MAXALIGN(sizeof(State));
    size = add_size(size, MAXALIGN(mul_size(sizeof(Replication), replication_count)));
    return add_size(size, mul_size(sizeof(Task), task_count));
}

void initialize(int replication_count, int task_count)
{
    memset(static_cast<void *>(state), 0, state_size(replication_count, task_count));
    LWLockInitialize(&state->lock, LWLockNewTrancheId());
    state->replication_count = replication_count;
    state->task_count = task_count;
}

void locate()
{
    char *base = reinterpret_cast<char *>(state) + MAXALIGN(sizeof(State));
    replications = reinterpret_cast<Replication *>(base);
    tasks = reinterpret_cast<Task *>(base + MAXALIGN(sizeof(Replication) * state->replication_count));
    LWLockRegisterTranche(state->lock.tranche, "podyn");
}

void exclusive()
{
    LWLockAcquire(&state->lock, LW_EXCLUSIVE);
}

void sharing()
{
    LWLockAcquire(&state->lock, LW_SHARED);
}

void release()
{
    LWLockRelease(&state->lock);
}

bool never_started(const Process &process)
{
    return process.pid == 0 && process.launched_at + kStartTimeout < GetCurrentTimestamp();
}

bool is_held(Oid database)
{
    for (const Held &held : state->held)
        if (held.database == database && held.until > GetCurrentTimestamp())
            return true;
    return false;
}

bool room_is_kept_for_another(Oid database, Oid owner)
{
    const Hungry &hungry = state->hungry;
    return hungry.until > GetCurrentTimestamp() && (hungry.database != database || hungry.owner != owner);
}

int reserve_process(Role role, Oid database, Oid owner)
{
    int slot = -1, workers = 0;
    bool second_supervisor = false;
    exclusive();
    for (int i = 0; i < kMaxProcesses; ++i) {
        Process &process = state->processes[i];
        if (process.in_use && never_started(process))
            process.in_use = false;
        if (process.in_use && process.role == Role::kWorker)
            ++workers;
        second_supervisor = second_supervisor || (role == Role::kSupervisor && process.in_use && process.role == role &&
                                                  process.database == database);
        if (!process.in_use && slot < 0)
            slot = i;
    }
    bool full =
        role == Role::kWorker && (workers >= settings::max_workers || room_is_kept_for_another(database, owner));
    if (full || second_supervisor || (OidIsValid(database) && is_held(database)))
        slot = -1;
    if (slot >= 0 && role == Role::kWorker)
        state->hungry.until = 0;
    if (slot >= 0) {
        Process &process = state->processes[slot];
        uint32 generation = (process.generation + 1) & 0xFFFFFF;
        process = Process{true, role, false, generation, database, owner, 0, nullptr, GetCurrentTimestamp(), 0, false};
    }
    release();
    return slot;
}

void free_process(int slot)
{
    exclusive();
    state->processes[slot].in_use = false;
    release();
}

void withdraw_all_tasks()
{
    for (int i = 0; i < state->task_count; ++i)
        if (tasks[i].worker == MyProcPid)
            tasks[i].worker = 0;
}

void forget_myself()
{
    state->processes[my_process].in_use = false;
    withdraw_all_tasks();
    my_process = -1;
}

void remember_orphan(Oid database)
{
    for (Oid &orphan : state->orphans)
        if (!OidIsValid(orphan) || orphan == database) {
            orphan = database;
            return;
        }
}

void detach_process(int, Datum)
{
    if (my_process < 0)
        return;
    exclusive();
    Oid database = state->processes[my_process].database;
    bool supervisor = state->processes[my_process].role == Role::kSupervisor;
    if (supervisor)
        remember_orphan(database);
    state->processes[my_process].in_use = false;
    withdraw_all_tasks();
    release();
    my_process = -1;
    Oid hungry = state->hungry.database;
    wake(supervisor ? InvalidOid : database);  // whoever has to replace this one
    if (OidIsValid(hungry))
        wake(hungry);
}

void take_process(int slot)
{
    Process &process = state->processes[slot];
    process.pid = MyProcPid;
    process.latch = MyLatch;
    my_process = slot;
    before_shmem_exit(detach_process, 0);
}

void wake_where(Oid database, bool workers_only)
{
    if (state == nullptr)
        return;
    sharing();
    for (const Process &process : state->processes)
        if (process.in_use && process.pid != 0 && process.database == database &&
            (!workers_only || process.role == Role::kWorker))
            SetLatch(process.latch);
    release();
}

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

void request()
{
    RequestAddinShmemSpace(state_size(kReplicationsPreloaded, kTasksPreloaded));
}

// The postmaster's own pointers survive a crash, the memory behind them does not.
void start()
{
    state = nullptr;
    my_process = -1;
    attach();
}

void attach()
{
    if (state != nullptr)
        return;
    bool preloaded = process_shared_preload_libraries_in_progress || !IsUnderPostmaster;
    int replication_count = preloaded ? kReplicationsPreloaded : kReplicationsSpare;
    int task_count = preloaded ? kTasksPreloaded : kTasksSpare;
    bool found = false;
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    state = static_cast<State *>(ShmemInitStruct("podyn", state_size(replication_count, task_count), &found));
    if (!found)
        initialize(replication_count, task_count);
    LWLockRelease(AddinShmemInitLock);
    locate();
}

Launch launch(Role role, Oid database, Oid owner)
{
    int slot = reserve_process(role, database, owner);
    if (slot < 0)
        return Launch::kPoolFull;

    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    bool supervisor = role == Role::kSupervisor;
    strlcpy(worker.bgw_library_name, "podyn", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, supervisor ? "podyn_supervisor_main" : "podyn_worker_main",
            sizeof worker.bgw_function_name);
    strlcpy(worker.bgw_type, supervisor ? "podyn supervisor" : "podyn worker", sizeof worker.bgw_type);
    snprintf(worker.bgw_name, sizeof worker.bgw_name, "%s for database %u", worker.bgw_type, database);
    uint64 argument = (static_cast<uint64>(state->processes[slot].generation) << 16) | static_cast<uint64>(slot);
    worker.bgw_main_arg = static_cast<Datum>(argument);
    if (RegisterDynamicBackgroundWorker(&worker, nullptr))
        return Launch::kLaunched;
    free_process(slot);
    return Launch::kNoServerSlot;
}

bool attach_process(Datum argument, Process *copy)
{
    attach();
    int slot = static_cast<int>(argument & 0xFFFF);
    uint32 generation = static_cast<uint32>(argument >> 16);
    exclusive();
    Process &process = state->processes[slot];
    bool mine = process.in_use && process.pid == 0 && process.generation == generation;
    if (mine) {
        take_process(slot);
        *copy = process;
    }
    release();
    return mine;
}

void attach_launcher()
{
    attach();
    int slot = reserve_process(Role::kLauncher, InvalidOid, InvalidOid);
    if (slot < 0)
        ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("too many processes of podyn")));
    exclusive();
    take_process(slot);
    release();
}

int count_processes(Role role, Oid database, Oid owner)
{
    int count = 0;
    sharing();
    for (const Process &process : state->processes)
        if (process.in_use && process.role == role && !never_started(process) &&
            (!OidIsValid(database) || process.database == database) && (!OidIsValid(owner) || process.owner == owner))
            ++count;
    release();
    return count;
}

bool is_attached()
{
    return state != nullptr;
}

void hold_database(Oid database)
{
    exclusive();
    Held *chosen = &state->held[0];
    for (Held &held : state->held)
        if (held.until < chosen->until)
            chosen = &held;
    *chosen = {database, GetCurrentTimestamp() + kHold};
    release();
}

bool leave_if_not_woken()
{
    exclusive();
    bool leaving = !MyLatch->is_set;
    if (leaving)
        forget_myself();
    release();
    return leaving;
}

void leave()
{
    exclusive();
    forget_myself();
    release();
}

Oid next_orphaned_database()
{
    Oid database = InvalidOid;
    exclusive();
    for (Oid &orphan : state->orphans)
        if (OidIsValid(orphan)) {
            database = orphan;
            orphan = InvalidOid;
            break;
        }
    release();
    return database;
}

void wake(Oid database)
{
    wake_where(database, false);
}

void wake_workers(Oid database)
{
    wake_where(database, true);
}

int signal_processes(Oid database, int signal)
{
    int count = 0;
    sharing();
    for (const Process &process : state->processes)
        if (process.in_use && process.database == database && process.role != Role::kLauncher) {
            ++count;
            if (process.pid != 0)
                kill(process.pid, signal);
        }
    release();
    return count;
}

void cancel_worker(pid_t pid)
{
    attach();
    sharing();
    for (const Process &process : state->processes)
        if (process.in_use && process.role == Role::kWorker && process.pid == pid)
            kill(pid, SIGINT);
    release();
}

void request_yield(Oid hungry)
{
    int chosen = -1, most = 0;
    exclusive();
    if (state->hungry.until < GetCurrentTimestamp())
        state->hungry = {MyDatabaseId, hungry, GetCurrentTimestamp() + kKeepRoom};
    for (int i = 0; i < kMaxProcesses; ++i) {
        Process &process = state->processes[i];
        if (!process.in_use || process.role != Role::kWorker ||
            (process.owner == hungry && process.database == MyDatabaseId))
            continue;
        if (process.yield) {
            chosen = -1;
            break;  // one is on its way out already
        }
        int siblings = 0;
        for (const Process &other : state->processes)
            if (other.in_use && other.role == Role::kWorker && other.owner == process.owner &&
                other.database == process.database)
                ++siblings;
        if (siblings > most) {
            most = siblings;
            chosen = i;
        }
    }
    if (chosen >= 0) {
        state->processes[chosen].yield = true;
        if (state->processes[chosen].latch != nullptr)
            SetLatch(state->processes[chosen].latch);
    }
    release();
}

bool should_yield()
{
    return my_process >= 0 && state->processes[my_process].yield;
}

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
