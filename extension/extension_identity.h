// Which extension we are: its owner, and whether it is still there.
#pragma once

#include "compat.h"

namespace podyn {

// The role that owns the extension; an error if the extension is not installed in this database.
Oid extension_owner();

// Holds the extension until the end of the transaction, so that DROP EXTENSION waits for it.
// False: it is not installed (any more).
bool lock_extension();

}  // namespace podyn
