// The memory behind shared.h: what it holds and its lock, for the two files that work on it.
#pragma once

#include "shared.h"

namespace podyn::shared {

constexpr int kMaxProcesses = 160;
constexpr int kMaxOrphans = 64;
constexpr int kMaxHeld = 16;

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

// Null until attach().
extern State *state;
extern Replication *replications;
extern Task *tasks;
extern int my_process;  // this process's entry; -1: none

void exclusive();
void sharing();
void release();
// To be called with the lock.
void withdraw_all_tasks();

}  // namespace podyn::shared
