// A user's call that does a worker's work in its own transaction: reads or writes the target as the replication's
// owner, whoever calls. It runs what the owner has put into triggers, constraints, policies and types.
#pragma once

#include "catalog/replications.h"

namespace podyn {

// An error under REPEATABLE READ and above: a transaction's only snapshot does not show what the workers have written
// since. `function`: whose call it is.
void require_fresh_snapshots(const char *function);

// Held until the end of the transaction, so that no worker writes meanwhile; as it is then.
catalog::Replication *hold_own_replication(const char *name);

// An error while changes go to the spool. `detail`: why that matters.
void require_no_copy(const catalog::Replication &replication, const char *detail);

// Deferred triggers that wait by now are the caller's, and fail as such; those to come are to run before the identity
// changes again.
void check_constraints_at_once();

struct Identity {
    Oid user;
    int security_context;
    int guc_level;
};

// From here on what runs has no more than the owner's rights, as in a worker. It leaves nothing behind that would run
// as the caller. An error undoes it with the transaction.
Identity become_owner(const catalog::Replication &replication);
void become_caller(const Identity &caller);

}  // namespace podyn
