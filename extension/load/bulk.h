// The fast way into a plain table: multi-insert, as COPY does it.
#pragma once

#include "load/apply.h"

namespace podyn {

// Whether the target is plain enough: no triggers, rules, row security, generated columns or defaults that a row
// would have to get.
bool bulk_insert_allowed(const Batch &batch);

// Inserts rows. A row whose key exists raises an error, like any other. `between` is called now and then, so that the
// network can move on.
void bulk_insert(const Batch &batch, const Row *rows, int count, void (*between)());

}  // namespace podyn
