// The copy of a replication that scans nothing (option backfill): an export that DynamoDB will be asked for, or exports
// that are there. What can be checked is checked here, in the user's call.
#pragma once

#include "functions/source_table.h"
#include "imports/exports.h"

namespace podyn {

// Exports that are there; all zero for other backfills. In that case the sample becomes one of their first items.
ImportFiles check_backfill(const Source &source, const engine::TableDescription &table, const ReplicateOptions &options,
                           engine::ScanPage *sample);

// A task for each file, which waits; those of `ready_stages` stages do not.
void add_file_tasks(int32 replication, const ImportFiles &files, int ready_stages);

// An error for incremental exports, whose deletions hooks that make records know nothing of.
void refuse_removals(const ImportFiles &files, const char *profile);

char *describe_files(const ImportFiles &files);

}  // namespace podyn
