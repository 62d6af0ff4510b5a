// Rejected items of an import whose hooks make or write records, tried again. A group that has failed is tried as a
// whole: its items stand in podyn.error with the position of its first one.
#pragma once

#include "functions/stored_errors.h"

namespace podyn {

void retry_records(const catalog::Replication &replication, const Origin &origin, Outcome *outcome);

}  // namespace podyn
