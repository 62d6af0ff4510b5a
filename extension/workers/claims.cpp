// See claims.h.
#include "workers/claims.h"

#include "extension_identity.h"
#include "locks.h"
#include "shared.h"
#include "transaction.h"

namespace podyn {
namespace {

constexpr int kMaxTasks = 2048;  // shards and the like, of one worker

RunningTask *tasks = nullptr;

int count_tasks(bool copies)
{
    int count = 0;
    for (RunningTask *task = tasks; task != nullptr; task = task->next)
        if (is_copy(task->methods) == copies)
            ++count;
    return count;
}

bool holds(int64 id)
{
    for (RunningTask *task = tasks; task != nullptr; task = task->next)
        if (task->id == id)
            return true;
    return false;
}

// Not while it waits for a retry.
bool is_taken()
{
    for (RunningTask *task = tasks; task != nullptr; task = task->next)
        if (takes_all(task->methods) && (!task->retrying || task->failures == 0))
            return true;
    return false;
}

// Other workers shall have them.
void give_back_all_but(const RunningTask *one)
{
    for (RunningTask *task = tasks; task != nullptr; task = task->next)
        task->finished = task->finished || task != one;
}

// Another worker may have it.
void try_claim(const catalog::Task &listed)
{
    MemoryContext context = AllocSetContextCreate(TopMemoryContext, "podyn task", ALLOCSET_SMALL_SIZES);
    auto *task = static_cast<RunningTask *>(MemoryContextAllocZero(context, sizeof(RunningTask)));
    task->context = context;
    task->run = AllocSetContextCreate(context, "podyn task run", ALLOCSET_SMALL_SIZES);
    task->methods = methods_of(listed.kind);
    task->id = listed.id;
    task->replication = listed.replication;
    task->due = now().monotonic_us;
    task->retrying = true;  // the first begin() is like any other
    if (!locks::try_claim_task(listed.id)) {
        MemoryContextDelete(context);
        return;
    }
    if (is_copy(task->methods) && !shared::join_copy(listed.replication, listed.workers)) {
        locks::release_task(listed.id);
        MemoryContextDelete(context);
        return;
    }
    task->published = shared::publish_task(listed.id);
    task->next = tasks;
    tasks = task;
}

void release(RunningTask *task)
{
    drop_call(task);
    if (task->published != nullptr)
        shared::withdraw_task(task->published);
    locks::release_task(task->id);
    if (is_copy(task->methods))
        shared::leave_copy();
    if (takes_all(task->methods))
        shared::set_taken(false);
    if (task->job != nullptr)
        release_job(task->job);
    MemoryContextDelete(task->context);
}

bool has_room_for(const catalog::Task &task)
{
    const TaskMethods *methods = methods_of(task.kind);
    if (is_taken())
        return false;
    if (takes_all(methods))
        return count_tasks(true) == 0;
    if (is_copy(methods))
        return count_tasks(true) == 0 && shared::has_room_to_copy(task.replication, task.workers);
    return count_tasks(false) < kMaxTasks;
}

// Other workers of the same owner take their share: nobody holds more than its part, and a little.
int fair_share(const catalog::TaskList &list, Oid owner)
{
    int shared_tasks = 0;
    for (int i = 0; i < list.count; ++i)
        shared_tasks += !is_copy(methods_of(list.tasks[i].kind));
    int workers = Max(shared::count_sharing_workers(MyDatabaseId, owner), 1);
    return (shared_tasks + workers - 1) / workers * 5 / 4 + 1;
}

const catalog::Task *find_listed(const catalog::TaskList &list, int64 id)
{
    for (int i = 0; i < list.count; ++i)
        if (list.tasks[i].id == id)
            return &list.tasks[i];
    return nullptr;
}

// After podyn_alter, and when the server or a mapping has changed, as rights to it may be gone: what only waits begins
// again at once; what is under way comes to its end first.
void follow_options(RunningTask *task, const catalog::Task &listed)
{
    task->outdated = task->outdated || (task->job != nullptr &&
                                        (task->job->stale || task->job->replication->revision != listed.revision));
    if (is_copy(task->methods) && shared::must_leave_copy(task->replication, listed.workers))
        task->leaving = true;
    if (task->call != nullptr || task->page_pending)
        return;
    if (task->leaving)
        task->finished = true;
    else if (task->outdated && !task->retrying && task->due >= 0)
        begin_again(task);
}

// Tasks of replications that have been stopped, dropped or reset, and those beyond our share that rest just now.
void give_back(const catalog::TaskList &list, int share)
{
    int excess = count_tasks(false) - share;
    for (RunningTask *task = tasks; task != nullptr; task = task->next) {
        bool resting = task->methods == &kShardTask && !task->page_pending && task->due >= 0;
        const catalog::Task *listed = find_listed(list, task->id);
        if (listed == nullptr) {
            task->finished = true;
        } else if (excess > 0 && resting) {
            task->finished = true;
            --excess;
        } else {
            follow_options(task, *listed);
        }
    }
}

}  // namespace

RunningTask *claimed_tasks()
{
    return tasks;
}

bool role_exists(Oid role)
{
    return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role));
}

bool look_for_tasks(Oid owner)
{
    begin_transaction();
    if (!lock_extension() || !role_exists(owner)) {
        commit_transaction();
        return false;
    }
    catalog::TaskList list = catalog::ready_tasks(CurrentMemoryContext, owner);
    int share = fair_share(list, owner);
    give_back(list, share);
    for (int i = 0; i < list.count; ++i) {
        const catalog::Task &task = list.tasks[i];
        if (!task.may_begin || holds(task.id) || !has_room_for(task))
            continue;
        bool shares = !is_copy(methods_of(task.kind)) && !takes_all(methods_of(task.kind));
        if (shares && count_tasks(false) >= share)
            continue;
        try_claim(task);
    }
    commit_transaction();
    return true;
}

void take_all(const RunningTask *task)
{
    give_back_all_but(task);
    shared::set_taken(true);
}

void release_finished()
{
    bool released = false;
    for (RunningTask **link = &tasks; *link != nullptr;) {
        RunningTask *task = *link;
        if (task->finished) {
            *link = task->next;
            release(task);
            released = true;
        } else {
            link = &task->next;
        }
    }
    if (released)
        shared::wake(MyDatabaseId);  // what waited for them may go on
}

void release_all()
{
    give_back_all_but(nullptr);
    release_finished();
}

}  // namespace podyn
