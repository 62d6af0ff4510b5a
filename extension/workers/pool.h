// Launching and waking podyn's processes, from a user's call.
#pragma once

#include "compat.h"

namespace podyn {

// For a user's call that starts something: makes sure that this database has a supervisor and the owner a worker, or
// raises an error that names the setting. Warns where podyn is not preloaded. They are woken when the transaction
// commits.
void start_processes(Oid owner);

// Wakes this database's processes when the transaction commits, so that they see what it changed.
void wake_at_commit();

}  // namespace podyn
