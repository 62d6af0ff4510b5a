// Option `filter` of podyn_import: an SQL condition over `item`, the item as jsonb. It runs as the import's owner, with
// an empty search_path: what is not PostgreSQL's own needs its schema's name.
#pragma once

#include "compat.h"

namespace podyn {

// Raises an error where the condition is none.
void try_filter(const char *filter);

// The statement that gives number (from 1) and item for each of $1, a jsonb[], that fulfils the condition.
char *filter_statement(const char *filter);

}  // namespace podyn
