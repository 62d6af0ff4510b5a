// A worker's view of a replication, shared by the worker's tasks of it: its options, a session with the source, the
// target's shape.
#pragma once

#include "catalog/replications.h"
#include "compat.h"
#include "engine/client.h"
#include "load/target.h"
#include "shared.h"

namespace podyn {

struct Job {
    MemoryContext context;
    catalog::Replication *replication;
    engine::Session *session;
    shared::Replication *live;
    Target *target;  // null, or out of date: see current_target
    bool target_valid;
    int references;
    bool stale;  // the next task that begins reads everything anew
    Job *next;
};

// The job of a replication as it stands, made if need be. Inside a transaction. Null: the replication is gone.
Job *use_job(int32 replication, const catalog::Standing &standing);
bool is_current(const Job &job, const catalog::Standing &standing);
void release_job(Job *job);

// The target's shape as it is now; it stays valid until the transaction ends if the target is locked.
Target *current_target(Job *job);

// To be called once in a worker.
void watch_targets();

}  // namespace podyn
