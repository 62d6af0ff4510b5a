// From DynamoDB's items to rows of a foreign table.
#pragma once

#include "compat.h"
#include "fdw/table.h"

namespace podyn {

struct RowMaker;

// `needed`: the columns that are looked at, pull_varattnos' way; the others stay NULL.
RowMaker *make_row_maker(MemoryContext context, const ForeignTable *table, TupleDesc descriptor, Bitmapset *needed);
// Palloc's in the current context. Errors name the column, or the item by its key.
void make_row(RowMaker *maker, const engine::Item &item, Datum *values, bool *nulls);

}  // namespace podyn
