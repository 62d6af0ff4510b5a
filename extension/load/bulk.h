// The fast way into a plain table: multi-insert, as COPY does it.
#pragma once

#include "load/apply.h"

namespace podyn {

// Whether the target is plain enough: not one of Citus's, no triggers, rules, row security, and no generated columns,
// defaults or domains (which may have a default, or refuse NULL) among the columns that a row leaves out.
bool bulk_insert_allowed(const Batch &batch);

// Inserts rows. A row whose key exists raises an error, like any other. `between` is called now and then, so that the
// network can move on.
void bulk_insert(const Batch &batch, const Row *rows, int count, void (*between)());

}  // namespace podyn
