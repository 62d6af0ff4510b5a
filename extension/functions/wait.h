// What a session that waits for a replication looks at.
#pragma once

#include "catalog/replications.h"

namespace podyn {

struct State {
    char *name;   // as in podyn_status
    char *error;  // may be null
};

// With a fresh snapshot. An error if the replication was dropped.
State current_state(const catalog::Replication &replication);
// An error with the reason if the state is failed or needs_resync.
void raise_if_failed(const catalog::Replication &replication, const State &state);

}  // namespace podyn
