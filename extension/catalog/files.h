// Rows of podyn.file: what is known of the files of an import, or of exports that a replication copies from.
#pragma once

#include "compat.h"

namespace podyn::catalog {

struct File {
    bool changes;      // of an incremental export
    int64 size;        // as it was listed; -1: not known
    char *md5;         // of the stored bytes, base64; null: not known
    int64 item_count;  // -1: not known
    int64 items_read;  // before the task's position
};

// Null: the task is gone.
File *find_file(MemoryContext context, int64 task);

// The file begins anew, with whatever stands in its place by then. `source`: what podyn.error calls it.
void forget_file(int64 task, const char *import, const char *source);

// Those of the first stage may be loaded.
void release_first_files(int32 replication);

// The files of the first stage begin anew, and after them the task of kind index.
void load_files_again(int32 replication);

// Files whose turn has come, as those of the stages before are done, may be loaded. When those of the first stage are,
// the indexes that have been put off may be built, before the files of the next stage; and when all are, on_complete
// may run. Returns how many tasks there were.
uint64 release_next_files();

}  // namespace podyn::catalog
