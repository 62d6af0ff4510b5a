// The memory of shared.h: asked for, found, laid out.
#include "shared_state.h"

namespace podyn::shared {

State *state = nullptr;
Replication *replications = nullptr;
Task *tasks = nullptr;
int my_process = -1;

namespace {

// Entries with and without shared_preload_libraries; spare shared memory is about 100 kB.
constexpr int kReplicationsPreloaded = 2048, kReplicationsSpare = 64;
constexpr int kTasksPreloaded = 8192, kTasksSpare = 256;

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

bool is_attached()
{
    return state != nullptr;
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

}  // namespace podyn::shared
