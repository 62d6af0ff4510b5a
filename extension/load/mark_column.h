// The column podyn_deleted_at: when an item was deleted whose row stays (`deletes` or `ttl_deletes` => 'mark').
#pragma once

#include "catalog/replications.h"
#include "compat.h"
#include "load/target.h"

namespace podyn {

bool is_mark_column(const FormData_pg_attribute &attribute);
inline bool marks_deletions(const catalog::Replication &replication)
{
    return replication.deletes == Deletes::kMark || replication.ttl_deletes == Deletes::kMark;
}

// Makes the column if there is none, inside the caller's transaction.
void make_mark_column(const catalog::Replication &replication);

// The same in a transaction of its own, in a worker, outside of one.
void add_mark_column(const catalog::Replication &replication);

}  // namespace podyn
