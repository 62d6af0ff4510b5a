// Writing batches into the target, set-based through SPI: one upsert, one delete and one update (of marks) for a batch,
// whatever triggers, constraints or rules the target has. Works inside the caller's transaction, as the caller's role.
#pragma once

#include "compat.h"
#include "load/page_item.h"
#include "load/rows.h"

namespace podyn {

// A batch's working memory and the target's shape while one transaction writes it.
struct Batch {
    const Target *target;
    OnConflict on_conflict;  // what becomes of rows that are put whose key has a row
    Relation relation;       // open for the transaction
    TupleDesc descriptor;    // a copy, not reference-counted
};

Batch open_batch(const Target &target, OnConflict on_conflict = OnConflict::kUpdate);
// The batch's rows, one for each item, which is to be sound (check_item).
Row *make_rows(const Batch &batch, const PageItem *items, int count);
void close_batch(const Batch &batch);

// The same for reading: what is written to it is an error.
Batch open_batch_for_reading(const Target &target);
// Finds the rows of the target that have the keys of `rows`. `columns`: what to select of `target`. `take` is called
// once, while what was found stands in SPI_tuptable.
struct Reader {
    void (*take)(void *context);
    void *context;
};
void find_rows(const Batch &batch, Row *rows, int count, const char *columns, const Reader &reader);

// Removes or marks the rows whose items are gone, then writes the others, as on_conflict says. Each key stands at most
// once in the batch. With `compact`, items are written in their compact form. Returns how many rows have been taken:
// all but those that OnConflict::kNothing leaves out.
int apply_rows(const Batch &batch, Row *rows, int count, bool compact);

// Inserts rows. A row whose key exists raises an error, like any other.
void insert_rows(const Batch &batch, Row *rows, int count);

}  // namespace podyn
