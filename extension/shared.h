// What podyn's processes share in memory: who runs where, the read budget of each replication, and what the status view
// shows live. Everything that must survive a crash is in tables; this may vanish at any moment.
//
// Reserved at server start if podyn is preloaded; else taken from the server's spare shared memory at first use, with
// smaller limits (as contrib/pg_prewarm does).
#pragma once

#include "compat.h"

namespace podyn::shared {

enum class Role : uint8 { kLauncher, kSupervisor, kWorker };

// A process of podyn. Reserved by whoever launches it, then attached by the process itself. A reservation that nobody
// attaches to within kStartTimeout is void.
struct Process {
    bool in_use;
    Role role;
    bool yield;         // worker: make room for another owner's worker
    uint32 generation;  // counts reservations, so that a late starter knows that it is too late
    Oid database;
    Oid owner;  // worker: the role it runs as
    pid_t pid;  // 0: reserved, not yet attached
    Latch *latch;
    TimestampTz launched_at;
    int32 copies;  // worker: the replication of which it does a segment; 0: none
    bool leaving;  // the segment is given back after the page under way
    bool taken;    // worker: one task has all of it for a long time, and others cannot count on it
};

// An exponentially fading rate.
struct Meter {
    double per_second;
    TimestampTz at;
};

// A replication that runs.
struct Replication {
    Oid database;
    int32 id;  // 0: free
    Oid owner;
    slock_t mutex;
    TimestampTz used_at;
    double read_units;  // the budget left; negative: spent ahead
    double rate;        // at which it comes back since then; 0: no limit, and no budget
    TimestampTz filled_at;
    Meter items;
    Meter changes;
    uint32 describe_requests;  // counts shards that ended: the stream's task looks for their children
};

// A task that a worker holds.
struct Task {
    Oid database;
    Oid owner;
    pid_t worker;  // 0: free
    int64 id;
    TimestampTz read_through;  // shard: every change up to then has been applied; 0: not known here
};

void request();  // at server start: asks for the memory
void start();    // at server start, and again after a crash: the memory is new
void attach();   // in any process: finds or makes it; an error if there is not enough

// ---- Processes -----------------------------------------------------------------------------------------------------

enum class Launch { kLaunched, kPoolFull, kNoServerSlot };

// Launches a background process, unless podyn.max_workers (workers) is reached. kNoServerSlot: max_worker_processes is.
Launch launch(Role role, Oid database, Oid owner);
// In a new process: takes its reservation, given as bgw_main_arg. False: too late, exit.
bool attach_process(Datum argument, Process *copy);
// Takes a process entry for the launcher itself.
void attach_launcher();
int count_processes(Role role, Oid database, Oid owner);  // InvalidOid: any
// Workers that take their share of what the owner's tasks are.
int count_sharing_workers(Oid database, Oid owner);
void set_taken(bool taken);
// Lets no process be launched for a database for a while (kHold): somebody is about to drop or move it.
void hold_database(Oid database);
bool is_attached();
// For a process that found nothing to do: gives its entry back, unless somebody woke it meanwhile. True: exit now.
bool leave_if_not_woken();
// Gives it back in any case: the process ends now, and another may take its place before it has.
void leave();
// Databases whose supervisor ended though it had work; each is given once. InvalidOid: none (any more).
Oid next_orphaned_database();
// Wakes every process of a database (InvalidOid: the launcher).
void wake(Oid database);
void wake_workers(Oid database);
// Sends a signal to every process of a database; returns how many there were.
int signal_processes(Oid database, int signal);
// Cancels what a worker is doing in the database; nothing if that process is none.
void cancel_worker(pid_t pid);
// For an owner of this database without a worker while the pool is full: asks one worker of the owner with the most
// workers to make room, and keeps the room for this one for a while.
void request_yield(Oid hungry);
bool should_yield();

// ---- Replications and tasks ----------------------------------------------------------------------------------------

// The entry of a replication, made if need be. An error if there are too many.
Replication *replication(int32 id, Oid owner);
// The budget of read units, refilled at `rate` per second up to one second's worth. Spending may overdraw. A new rate
// counts from now on: what was spent before stays spent.
void spend_read_units(Replication *entry, double rate, double units);
// Microseconds until the budget is positive again; 0: it is.
int64 read_units_wait(Replication *entry, double rate);
void count(Replication *entry, int64 items, int64 changes);
void request_describe(Replication *entry);
uint32 describe_requests(Replication *entry);

// A worker does one segment at a time, and of a replication at most `most` workers (0: any number) do one at once.
bool has_room_to_copy(int32 replication, int32 most);
bool join_copy(int32 replication, int32 most);  // false: so many are there already
void leave_copy();
// Whether there are too many, and this worker is one of those that leave; true once, then it counts as gone already.
bool must_leave_copy(int32 replication, int32 most);

// Entries for tasks that this process holds; null if there are too many.
Task *publish_task(int64 id);
void publish_read_through(Task *task, TimestampTz read_through);
void withdraw_task(Task *task);

// ---- For the views -------------------------------------------------------------------------------------------------

struct LiveReplication {
    int32 id;
    Oid owner;
    double items_per_second;
    double changes_per_second;
    double read_units;  // the budget left at that time; negative: spent ahead
    TimestampTz filled_at;
};

// Copies of the current database's entries, palloc'ed.
LiveReplication *live_replications(int *count);
Task *live_tasks(int *count);

}  // namespace podyn::shared
