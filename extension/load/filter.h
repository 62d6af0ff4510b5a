// Option `filter` of podyn_import: an SQL condition over `item`, the item as jsonb. It runs as the import's owner, with
// an empty search_path: what is not PostgreSQL's own needs its schema's name.
#pragma once

#include "compat.h"
#include "engine/item.h"

namespace podyn {

// Raises an error where the condition is none.
void try_filter(const char *filter);

// Sets keeps[i] for each item that fulfils the condition. Inside a transaction.
void apply_filter(const char *filter, const engine::Item *const *items, int count, bool *keeps);

}  // namespace podyn
