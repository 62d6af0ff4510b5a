// podyn_replicate's options citus and colocate_with: spreading a new target over Citus's nodes.
#pragma once

#include "compat.h"
#include "engine/columns.h"

namespace podyn {

// Raises an error unless the options make sense here: Citus is in the database, and colocate_with does not stand alone.
void check_citus_options(bool citus, const char *colocate_with);

// Raises an error unless a table can share its placement with a new one whose partition key has this type. Returns its
// name, qualified; null for null.
char *check_colocation(const char *colocate_with, engine::ColumnType partition_key);

// Distributes an empty table by a column, as the current user.
void distribute(Oid relation, const char *column, const char *colocate_with);

// For a target that the user has made.
void require_distributed(Oid relation, const char *column);

}  // namespace podyn
