// A task that this worker has claimed. Each kind of task is a small state machine, moved by two events: a finished
// call, and a time that has come. The worker's loop (worker.cpp) brings the events, catches errors and retries.
#pragma once

#include "catalog/tasks.h"
#include "compat.h"
#include "engine/operations.h"
#include "event_loop.h"
#include "workers/job.h"

namespace podyn {

struct RunningTask;

struct TaskMethods {
    // Starts from the position in the catalog: first of all, and again after an error. Outside of a transaction.
    void (*begin)(RunningTask *task);
    // A call has finished successfully (task->call). Not called while task->page_pending. Null: the kind makes no
    // calls.
    void (*on_response)(RunningTask *task);
    // task->due has come.
    void (*on_time)(RunningTask *task);
    // A call has failed; true: the task has dealt with it. Null: never.
    bool (*on_failure)(RunningTask *task, const engine::Status &status);
};

struct RunningTask {
    RunningTask *next;
    const TaskMethods *methods;
    MemoryContext context;  // the task itself and what lives as long as it
    MemoryContext run;      // what lives from begin() to the next begin(): state, handles of the engine
    int64 id;
    int32 replication;
    catalog::Task *task;  // as read at the last begin(), in `run`; its position is the one last committed
    Job *job;
    engine::Call *call;  // under way or finished and not yet taken; null: none
    void *state;         // the kind's own, in `run`
    shared::Task *published;
    int64 due;          // monotonic microseconds; -1: no time is waited for
    int failures;       // in a row
    int postponed;      // how often in a row somebody else held the replication
    int64 throttled;    // throttled attempts, not yet written down
    double read_units;  // of pages read, not yet written down
    bool outdated;      // options have changed since the last begin(): it begins again soon
    bool leaving;       // segment, file: to be given back after its page, there are too many workers for it
    bool retrying;      // `due` is the time of the next begin()
    bool page_pending;  // a page waits to be written: on_time tries
    bool finished;      // done, or not ours any more: to be released
};

const TaskMethods *methods_of(catalog::TaskKind kind);
// A segment or a file, which keeps a worker busy; the other tasks wait most of the time.
bool is_copy(const TaskMethods *methods);
// An index, which one statement builds, however long that takes: its worker does nothing beside it.
bool takes_all(const TaskMethods *methods);

// The worker's loop, for start_… functions.
EventLoop *worker_loop();

// Drops the task's call, finished or not.
void drop_call(RunningTask *task);
void wake_after(RunningTask *task, int64 microseconds);
// Gives up what is under way: the task begins again from its position.
void begin_again(RunningTask *task, int64 microseconds = 0);
// TaskMethods::begin of a kind that has nothing to prepare.
void begin_at_once(RunningTask *task);
// Writes down that the task is done, in the transaction that is open.
void record_done(const RunningTask *task);
// Commits the transaction that is open; the task is finished.
void commit_finished(RunningTask *task);
// Remembers the position that has just been committed.
void keep_position(RunningTask *task, std::string_view position);
// Lets the network move on during long work on a page.
void keep_network_moving();

// How a transaction that writes for a task begins. kGo: it is open, with the extension and the replication held.
enum class Turn : uint8 {
    kGo,
    kLater,  // somebody holds the replication for a moment: on_time comes soon, to try again
    kGone,   // it has been stopped, has failed or is gone: the task is finished here
};
Turn begin_turn(RunningTask *task, catalog::Standing *standing);

// Whether an error of this server passes by itself, however long it takes.
bool passes_here(int sqlerrcode);
// The same, or one of a connection.
bool is_passing(int sqlerrcode);

// Ends the replication's work in a transaction of its own: failure is "failed" or "needs_resync".
void end_replication(RunningTask *task, const char *failure, const char *reason);

extern const TaskMethods kSetupTask;
extern const TaskMethods kSegmentTask;
extern const TaskMethods kExportTask;
extern const TaskMethods kFileTask;
extern const TaskMethods kStreamTask;
extern const TaskMethods kShardTask;
extern const TaskMethods kMergeTask;
extern const TaskMethods kPruneTask;
extern const TaskMethods kCompleteTask;
extern const TaskMethods kIndexTask;

}  // namespace podyn
