// What a page of changes does to each key, under the replication's `deletes` and `ttl_deletes`.
#pragma once

#include "catalog/replications.h"
#include "engine/operations.h"
#include "workers/page_writer.h"
#include "workers/reread.h"

namespace podyn {

// Fills the page's items and kept keys, palloc'ed: of each key from `first` up to `end` of `records.last` what its
// changes come to. A put counts and what follows it; a deletion that is applied makes an end of all before it; one that
// is marked goes with the put before it, or else concerns the row that the target has; one that is ignored is as if it
// had not been. `reread`: has the items as they are now, where the records do not tell; null: they do.
void add_changes(const catalog::Replication &replication, const engine::RecordsPage &records, uint32 first, uint32 end,
                 const Reread *reread, Page *page);

}  // namespace podyn
