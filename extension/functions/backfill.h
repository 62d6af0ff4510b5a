// The copy of a replication that scans nothing (option backfill): an export that DynamoDB will be asked for, or exports
// that are there. What can be checked is checked here, in the user's call.
#pragma once

#include "functions/replicate_options.h"
#include "imports/exports.h"

namespace podyn {

// Exports that are there; all zero for other backfills. In that case the sample becomes one of their first items.
ImportFiles check_backfill(const Source &source, const engine::TableDescription &table, const ReplicateOptions &options,
                           engine::ScanPage *sample);

}  // namespace podyn
