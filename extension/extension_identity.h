// Which extension we are: its owner, and whether it is still there.
#pragma once

#include "compat.h"

namespace podyn {

// The role that owns the extension; an error if the extension is not installed in this database.
Oid extension_owner();

// For background processes: holds the extension until the end of the transaction, so that DROP EXTENSION waits for it.
// False: it is not installed any more, or another one is that was created since this process began; what the process
// knows of tasks and replications is then of the past, even if their numbers are the same.
bool lock_extension();
// Whether the last lock_extension failed for the second reason.
bool extension_was_replaced();
// From now on the process serves the extension that is installed then.
void adopt_extension();

}  // namespace podyn
