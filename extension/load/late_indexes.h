// Indexes that are built when the rows are there. Of an index over keys that arrive in no order, as those of an export
// do, a build at the end costs half of what its upkeep row by row costs (of a million items of 500 bytes, 2.1 s instead
// of 4.3 s, of 7.5 s that COPY with the upkeep takes).
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

// Builds them by at most so many processes, in memory for that many. Raises an error where rows do not go together with
// an index, as two of the same key.
void build_indexes(Oid table, int processes);

// Empties the import's table, for which its indexes are complete.
void empty_and_index(const catalog::Replication &replication);

}  // namespace podyn
