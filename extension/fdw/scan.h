// Scans of foreign tables, as the executor runs them.
#pragma once

#include "compat.h"

namespace podyn {

void set_scan_routines(FdwRoutine *routine);

}  // namespace podyn
