// Between the rows of a foreign table and what is written of them to DynamoDB.
#pragma once

#include "engine/writer.h"
#include "fdw/table.h"
#include "fdw/values.h"
#include "write/values.h"

namespace podyn {

struct RowWriter {
    const ForeignTable *table;
    ColumnValues **columns;  // as in the table; null: a virtual column, which nobody stores
    Writer **spelled;        // as in the table; of key columns that are written in their type's one spelling, else null
    bool shares_attributes;  // several columns stand for one attribute
};

RowWriter make_row_writer(const ForeignTable &table, TupleDesc descriptor);

// The item of a row, with the columns that `wanted` marks (null: all); key columns always. Palloc's in the current
// context, which has to outlive what is done with it.
ItemValues item_of(const RowWriter &rows, TupleTableSlot *slot, const bool *wanted);
ItemValues key_of(const RowWriter &rows, TupleTableSlot *slot);

// What an UPDATE comes to.
struct ItemChange {
    ItemValues written;  // the key, and the attributes that are set
    std::string_view *removed;
    uint32 removed_count;
    bool nothing;
};
// What was NULL and stays NULL changes nothing: the attribute may be there with a type that the column does not show,
// and SET name = upper(name) has not seen it.
ItemChange change_of(const RowWriter &rows, const ItemValues &old_item, const ItemValues &new_item);

// For messages: "a" → "b".
const char *describe_change(const ItemChange &change, const ItemValues &old_item, const ForeignTable &table);

}  // namespace podyn
