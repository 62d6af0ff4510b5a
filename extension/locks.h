// podyn's own advisory locks. They use a tag field that SQL's functions leave alone, so nobody can take one of ours.
// (But pg_advisory_unlock_all(), called by a trigger of the target, lets go of a worker's claims: see save_progress.)
#pragma once

#include "compat.h"

namespace podyn::locks {

// Held shared by every transaction that applies something for a replication, exclusively by whoever changes what these
// transactions rely on (whether it runs, spool or direct apply). Both until the end of the transaction.
bool try_share_replication(int32 replication);
void own_replication(int32 replication);
// The same for users, who do not wait for a trigger or a statement that takes its time: after half a second the batch
// of whoever writes is cancelled. It is as if it had never begun, and what comes next is the owner's affair.
void own_replication_soon(int32 replication);

// Held by whoever adds columns to the target. Until the end of the transaction.
void own_schema(int32 replication);

// Held by whoever grants rights on podyn's tables. Until the end of the transaction.
void own_grants();

// Held by whoever finds or mends differences of a replication (podyn_verify, podyn_repair). Until the end of the
// transaction.
void own_differences(int32 replication);
bool try_own_differences(int32 replication);

// Held by the worker that does a task, until released or the process ends.
bool try_claim_task(int64 task);
void release_task(int64 task);

}  // namespace podyn::locks
