// Rows of podyn.task: the pieces of work of a replication.
#pragma once

#include "catalog/sql.h"
#include "compat.h"

namespace podyn::catalog {

enum class TaskKind : uint8 { kSetup, kSegment, kExport, kFile, kStream, kShard, kMerge, kPrune, kComplete, kIndex };

const char *task_kind_name(TaskKind kind);

struct Task {
    int64 id;
    int32 replication;
    TaskKind kind;
    char *name;      // segment number, ARN of the table to be exported, file, shard id
    char *position;  // null: from the start
    TimestampTz read_through;
    bool may_begin;  // not waiting for a retry
    // of its replication, see catalog::Replication
    int32 revision;
    int32 workers;
};

// Tasks of running replications that `owner` owns, ready to be done or being done, oldest first. Of a replication's
// segments and files only the first few, more than there can be workers for.
struct TaskList {
    Task *tasks;
    int count;
};
TaskList ready_tasks(MemoryContext context, Oid owner);

// The task as it stands now; null if it is gone or done.
Task *find_task(MemoryContext context, int64 id);

// What a batch adds to its task, in the transaction of its rows.
struct Progress {
    const char *position;  // null: unchanged
    bool done;
    int64 items;
    int64 items_read;  // file: written, skipped and rejected ones
    int64 skipped;     // file
    int64 changes;
    int64 spooled;
    double read_units;
    int64 throttled;
    TimestampTz read_through;    // 0: unchanged
    TimestampTz last_change_at;  // 0: unchanged
};
// An error (serialization failure) if the task is gone (podyn_reset or podyn_drop came between), or is not at `from`
// any more: pg_advisory_unlock_all() in a trigger lets go of a worker's claims, and another one may have gone on with
// them.
void save_progress(int64 task, const char *from, const Progress &progress);

// The task begins anew.
void forget_progress(int64 task);

// A task that could not go on for now.
void save_retry(int64 task, TimestampTz retry_at, const char *error, int64 throttled);

void add_task(int32 replication, TaskKind kind, std::string_view name, std::string_view parent, const char *state,
              TimestampTz read_through);
// Children of a shard that has been read to its end may be read now.
void release_children(int32 replication, const char *shard, TimestampTz read_through);
// The same for children that were added while their parent ended, in two transactions that did not see each other.
// Returns how many there were.
uint64 release_missed_children();

}  // namespace podyn::catalog
