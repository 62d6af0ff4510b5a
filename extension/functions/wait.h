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

// An error unless the replication replays changes, or if the caller's own transaction has made or started it.
void require_changes(const catalog::Replication &replication);
void require_committed(const catalog::Replication &replication);
// Waits until every change acknowledged `since` a time less podyn.stream_delay is applied; false when the time is up.
// An error if the replication is stopped or has failed.
bool wait_for_changes(const catalog::Replication &replication, TimestampTz since, TimestampTz deadline);
// Such a time for what is acknowledged by now.
TimestampTz in_stream_by();

}  // namespace podyn
