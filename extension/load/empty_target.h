// A copy may begin with an empty target: what it held before is an earlier copy, or not wanted.
#pragma once

#include "catalog/replications.h"
#include "compat.h"

namespace podyn {

// Whether the next copy begins with TRUNCATE.
bool will_empty_target(const catalog::Replication &replication);

// Whether the next copy must find the target empty, as it neither empties it nor removes what the source does not have.
bool wants_empty_target(const catalog::Replication &replication);

// Inside a transaction of the owner's. `relation_name`: qualified and quoted.
bool has_rows(const char *relation_name);

// PostgreSQL refuses TRUNCATE for a table that others refer to. `name`: the replication's.
void require_truncatable(const char *name, Oid target);

// Inside the transaction in which the copy begins.
void empty_target(const catalog::Replication &replication);

}  // namespace podyn
