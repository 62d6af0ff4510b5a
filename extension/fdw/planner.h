// Planning of scans of foreign tables.
#pragma once

#include "compat.h"

namespace podyn {

void set_planner_routines(FdwRoutine *routine);

}  // namespace podyn
