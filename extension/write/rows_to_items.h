// The rows of a query as items: one attribute for each column, or one column that holds the whole item.
#pragma once

#include "engine/operations.h"
#include "write/values.h"

namespace podyn {

struct RowsToItems {
    enum class Shape : uint8 {
        kColumns,       // column names are attribute names
        kItem,          // one column "item" of type jsonb: plain JSON
        kDynamoDbJson,  // one column "dynamodb_json" of type jsonb
    } shape;
    int column_count;
    ColumnValues **columns;
};

RowsToItems read_row_shape(TupleDesc descriptor, ValueOptions options);
// In the current memory context, which has to outlive what is done with it.
ItemValues row_to_item(const RowsToItems &rows, TupleDesc descriptor, HeapTuple row);

// An item that is DynamoDB JSON, all of it kept.
ItemValues dynamodb_json_to_item(Jsonb *document);

// The key attributes among an item's values as JSON, for messages: {"pk": "a", "sk": 3}. What is missing is left out.
const char *describe_key(const ItemValues &item, std::span<const engine::KeyAttribute> keys);

}  // namespace podyn
