// Starting and stopping one replication of the caller's, when its transaction commits.
#pragma once

#include "compat.h"

namespace podyn {

// Both return how many they moved: 0 or 1. An error if there is no such replication of the caller's.
int start_one(const char *name);
// Waits for the batch that is being written. `message`: for podyn_events.
int stop_one(const char *name, const char *message);

}  // namespace podyn
