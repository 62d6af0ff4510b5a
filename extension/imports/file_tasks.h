// Files that have been found, as tasks: those of an import, or of exports that a replication copies from.
#pragma once

#include "imports/exports.h"

namespace podyn {

// A task for each file, which waits; those of `ready_stages` stages do not.
void add_file_tasks(int32 replication, const ImportFiles &files, int ready_stages);

// An error for incremental exports, whose deletions hooks that make records know nothing of.
void refuse_removals(const ImportFiles &files, const char *profile);

char *describe_files(const ImportFiles &files);

}  // namespace podyn
