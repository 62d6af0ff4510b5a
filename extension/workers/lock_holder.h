// Who keeps a worker from the target.
#pragma once

#include "compat.h"

namespace podyn {

// After a lock could not be had: what other sessions hold on the table, for last_error; empty if nobody does any more.
// Palloc'ed; in a transaction of its own.
const char *describe_lock_holder(Oid relation);

}  // namespace podyn
