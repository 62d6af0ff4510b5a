// Writing to foreign tables: INSERT, COPY, UPDATE, DELETE.
#pragma once

#include "compat.h"

namespace podyn {

void set_modify_routines(FdwRoutine *routine);

}  // namespace podyn
