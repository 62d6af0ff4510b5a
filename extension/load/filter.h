// Option `filter` of podyn_import: an SQL condition over `item`, the item as jsonb. It runs as the import's owner, with
// an empty search_path: what is not PostgreSQL's own needs its schema's name.
#pragma once

#include "compat.h"
#include "load/page_item.h"

namespace podyn {

// Raises an error where the condition is none.
void try_filter(const char *filter);

// Sets keeps[i] to whether an item fulfils the condition, which is not asked of removals and of items with a problem. An
// item for which it raises an error is kept, too, and gets a problem, in `context`. Inside a transaction.
void apply_filter(const char *filter, PageItem *items, int count, MemoryContext context, bool *keeps);

}  // namespace podyn
