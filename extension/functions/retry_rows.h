// Rejected items that become rows, tried again: the stored items of an import, or what the items of a replication are
// now. A portion at a time, as workers write pages.
#pragma once

#include "functions/stored_errors.h"
#include "source_table.h"

namespace podyn {

// `source`: of a replication, where its items are read again; null: of an import.
void retry_rows(const catalog::Replication &replication, const Origin &origin, const Source *source, Outcome *outcome);

}  // namespace podyn
