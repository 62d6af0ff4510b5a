// Indexes that are built when the rows are there. Where keys arrive in no order, as those of an export do, a build at
// the end costs half of what upkeep row by row costs: of half a million items of 500 bytes with a key of two
// attributes 1.1 seconds of processor time instead of 2.1, where COPY takes 3.7 in all.
//
// Until then they stand in the catalog as those of CREATE INDEX CONCURRENTLY do at its beginning: known, but neither
// written nor read, and \d says INVALID. So nothing needs to be remembered of them, and REINDEX, anybody's, completes
// them.
#pragma once

#include "catalog/replications.h"
#include "compat.h"

namespace podyn {

// All indexes of a table without rows that nobody else sees yet.
void put_off_indexes(Oid table);

// Whether some are still to be built. A key may stand twice in such a table.
bool has_unbuilt_indexes(Relation table);
bool has_unbuilt_indexes(Oid table);

// Raises an error where some are, so that nobody is told to make an index that is there.
void require_built_indexes(Relation table);

// Builds those of an import's table by at most so many processes, in memory for that many; also a primary key that is
// gone, for pg_dump leaves out what is not valid. Raises an error where rows do not go together with an index, as two
// of the same key.
void build_indexes(const catalog::Replication &replication, int processes);

// Empties the table, for which its indexes are complete.
void empty_and_index(const catalog::Replication &replication);

}  // namespace podyn
