// What every kind of task does alike: see running_task.h.
#include "workers/running_task.h"

#include "backoff.h"
#include "catalog/replications.h"
#include "extension_identity.h"
#include "locks.h"
#include "raise.h"
#include "transaction.h"

namespace podyn {
namespace {

// A replication that somebody else holds is asked for again after 10 ms, at last every half second.
constexpr Backoff kHeld = {10 * 1000, USECS_PER_SEC / 2};

}  // namespace

const TaskMethods *methods_of(catalog::TaskKind kind)
{
    switch (kind) {
        case catalog::TaskKind::kSetup:
            return &kSetupTask;
        case catalog::TaskKind::kSegment:
            return &kSegmentTask;
        case catalog::TaskKind::kExport:
            return &kExportTask;
        case catalog::TaskKind::kFile:
            return &kFileTask;
        case catalog::TaskKind::kStream:
            return &kStreamTask;
        case catalog::TaskKind::kShard:
            return &kShardTask;
        case catalog::TaskKind::kPrune:
            return &kPruneTask;
        case catalog::TaskKind::kComplete:
            return &kCompleteTask;
        case catalog::TaskKind::kIndex:
            return &kIndexTask;
        default:
            return &kMergeTask;
    }
}

bool is_copy(const TaskMethods *methods)
{
    return methods == &kSegmentTask || methods == &kFileTask;
}

bool takes_all(const TaskMethods *methods)
{
    return methods == &kIndexTask;
}

void begin_again(RunningTask *task, int64 microseconds)
{
    drop_call(task);
    task->page_pending = false;
    task->retrying = true;
    wake_after(task, microseconds);
}

void drop_call(RunningTask *task)
{
    if (task->call != nullptr)
        engine::call_destroy(task->call);
    task->call = nullptr;
}

void wake_after(RunningTask *task, int64 microseconds)
{
    task->due = now().monotonic_us + microseconds;
}

void begin_at_once(RunningTask *task)
{
    wake_after(task, 0);
}

void record_done(const RunningTask *task)
{
    catalog::Progress progress = {};
    progress.done = true;
    progress.throttled = task->throttled;
    catalog::save_progress(task->id, task->task->position, progress);
}

void commit_finished(RunningTask *task)
{
    commit_transaction();
    task->finished = true;
}

void keep_position(RunningTask *task, std::string_view position)
{
    MemoryContext old = MemoryContextSwitchTo(task->run);
    char *copy = copy_string(position);
    MemoryContextSwitchTo(old);
    if (task->task->position != nullptr)
        pfree(task->task->position);
    task->task->position = copy;
}

void keep_network_moving()
{
    CHECK_FOR_INTERRUPTS();
    engine::client_drive(worker_loop()->client, now());
}

Turn begin_turn(RunningTask *task, catalog::Standing *standing)
{
    begin_transaction();
    if (!lock_extension()) {
        commit_finished(task);
        return Turn::kGone;
    }
    if (!locks::try_share_replication(task->replication)) {
        commit_transaction();
        wake_after(task, kHeld.wait(task->postponed++));
        return Turn::kLater;
    }
    task->postponed = 0;
    // A snapshot taken before the lock might not see what its last holder did.
    PopActiveSnapshot();
    PushActiveSnapshot(GetTransactionSnapshot());
    *standing = catalog::replication_standing(task->replication);
    if (!standing->exists || !standing->runs || standing->owner != GetSessionUserId()) {
        commit_finished(task);
        return Turn::kGone;
    }
    if (task->job != nullptr && task->task != nullptr && task->job->replication->revision != standing->revision) {
        task->outdated = true;
        // A copy's page is what it would be under the new options, if U+0000 is still treated as before.
        bool page_is_good =
            is_copy(task->methods) && task->job->replication->nul_characters == standing->nul_characters;
        if (!page_is_good) {
            commit_transaction();
            begin_again(task);  // under the options as they are now
            return Turn::kLater;
        }
    }
    return Turn::kGo;
}

bool passes_here(int sqlerrcode)
{
    switch (ERRCODE_TO_CATEGORY(sqlerrcode)) {
        case ERRCODE_TRANSACTION_ROLLBACK:
        case ERRCODE_INSUFFICIENT_RESOURCES:
        case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:  // class 55: lock not available
        case ERRCODE_OPERATOR_INTERVENTION:
        case ERRCODE_SYSTEM_ERROR:
            return true;
        default:
            return false;
    }
}

bool is_passing(int sqlerrcode)
{
    return passes_here(sqlerrcode) || ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_CONNECTION_EXCEPTION;
}

void end_replication(RunningTask *task, const char *failure, const char *reason)
{
    begin_transaction();
    bool installed = lock_extension();
    if (installed && !locks::try_share_replication(task->replication)) {
        // It is being stopped or reset. What the task has found out it will find out again.
        commit_transaction();
        begin_again(task, kHeld.last);
        return;
    }
    task->finished = true;
    // The replication may have been reset meanwhile: what happened to a task of its past is no news.
    if (installed && catalog::find_task(CurrentMemoryContext, task->id) != nullptr) {
        catalog::Replication *replication = catalog::find_replication(CurrentMemoryContext, task->replication);
        if (replication != nullptr && replication->owner == GetSessionUserId() &&
            catalog::set_failure(*replication, failure, reason))
            ereport(LOG, (errmsg("replication \"%s\": %s: %s", replication->name, failure, reason)));
    }
    commit_transaction();
}

}  // namespace podyn
