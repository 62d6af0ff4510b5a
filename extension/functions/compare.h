// Whether a row of the target is what an item comes to: attribute by attribute, wherever the row has them (in columns,
// in podyn_rest, in data). Numbers are compared by value, documents as jsonb, sets without order at every level.
#pragma once

#include "compat.h"
#include "load/target.h"

namespace podyn {

// A row in the shape of the target's descriptor; only columns that hold attributes, or a mark, need to be there.
struct TargetRow {
    const Datum *values;
    const bool *nulls;
};

struct Difference {
    std::string_view attribute;
    const engine::Value *source;  // null: the item has no such attribute
    AttrNumber column;            // 0: `document` says what the row has
    Jsonb *document;              // null: the row has nothing
};

using Differs = void (*)(void *context, const Difference &difference);

struct Comparison {
    const Target *target;
    TupleDesc descriptor;
    Differs differs;  // told of each difference; null: the first one is enough
    void *context;
};

// `item` is sound. An attribute that the target does not know (note_columns) has no column yet, and differs. An error
// of class 22 or the like if a value cannot stand in its column (convert.h).
bool is_same(const Comparison &comparison, const engine::Item &item, const TargetRow &row);

// One value of a row as jsonb. Palloc'ed.
Jsonb *column_document(const FormData_pg_attribute &column, Datum value);

}  // namespace podyn
