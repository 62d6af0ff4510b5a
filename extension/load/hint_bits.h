// Rows are told early that their transaction has committed: by hint bits (PostgreSQL's access/htup_details.h), set
// while the pages of a bulk insert are still in memory and have yet to be written.
//
// Else whoever reads the table first sets them, an import's index build before all others, and every page is written
// once more, where there are checksums and a checkpoint came between, to the WAL, too: 5 of the 14 GB that an import of
// ten million items of 500 bytes wrote.
#pragma once

#include "compat.h"

namespace podyn {

// Rows of transactions that may not have reached the disk yet, and whose bits have to wait for that.
struct UnhintedRows;

// Lives as long as the context. Null for a table of which PostgreSQL's own heap does not keep the rows.
UnhintedRows *make_unhinted_rows(MemoryContext context, Relation relation);

// Rows that the current transaction has inserted.
void note_unhinted_rows(UnhintedRows *rows, TupleTableSlot *const *slots, int count);

// Sets the bits of rows whose transaction is over and on disk; forgets those whose transaction has failed, and old ones
// if there are too many, which others will find out about.
void set_hint_bits(UnhintedRows *rows, Relation relation);

}  // namespace podyn
