// The processes of shared.h: reserved, launched, woken, made to give way.
#include <csignal>

#include "settings.h"
#include "shared_state.h"

namespace podyn::shared {
namespace {

constexpr TimestampTz kHold = 10 * USECS_PER_SEC;
constexpr TimestampTz kKeepRoom = 5 * USECS_PER_SEC;
constexpr TimestampTz kStartTimeout = 10 * USECS_PER_SEC;

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
        process =
            Process{true, role, false, generation, database, owner, 0, nullptr, GetCurrentTimestamp(), 0, false, false};
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

}  // namespace

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

int count_sharing_workers(Oid database, Oid owner)
{
    int count = 0;
    sharing();
    for (const Process &process : state->processes)
        if (process.in_use && process.role == Role::kWorker && !process.taken && !never_started(process) &&
            process.database == database && process.owner == owner)
            ++count;
    release();
    return count;
}

void set_taken(bool taken)
{
    exclusive();
    state->processes[my_process].taken = taken;
    release();
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

}  // namespace podyn::shared
