// What a foreign table is: its options, which attribute stands in which column, and the table in DynamoDB as it is now.
// Reading and writing both begin here.
#pragma once

#include "compat.h"
#include "engine/columns.h"
#include "engine/operations.h"
#include "fdw/connection.h"
#include "fdw/options.h"

namespace podyn {

// A column holds the attributes of one type; an attribute that has another type in an item is NULL there.
struct ForeignColumn {
    AttrNumber number;
    const char *name;
    const char *attribute;    // empty for the document, see ForeignTable
    engine::ColumnType type;  // of the attribute. Of a key: as DynamoDB says; else as the column's type suggests
    KeyRole key;              // in the table itself, not in an index
    Oid base_type;            // the column's type, or what its domain stands on
    int32 modifier;           // of that
    bool plain;               // it has exactly the type that podyn gives such attributes: values are not converted
    Nulls nulls;              // how NULL is written
    bool sets;                // whether an array is written as a set
};

inline constexpr int kNoForeignColumn = -1;

struct ForeignTable {
    Oid relation;
    const char *relation_name;
    TableOptions options;
    const char *table_name;  // in DynamoDB
    ForeignColumn *columns;  // without those that are dropped
    int column_count;
    int document;   // modes jsonb and dynamodb_json: the column `data`, else kNoForeignColumn
    int keys[2];    // in columns: partition key and sort key; kNoForeignColumn: it has no column
    int key_count;  // attributes of the table's key
    engine::TableDescription source;
    Connection *connection;
};

// Reads and checks it, with errors for users; asks DynamoDB for the table if that has not just been done, and waits for
// what other statements of the session write to it. Made in the current memory context, which keeps its connection
// open.
ForeignTable *open_foreign_table(Oid relation, Oid role);

// The column with this number; kNoForeignColumn for system columns.
int find_column(const ForeignTable &table, AttrNumber number);
// The first column that holds attributes of this name and type.
int find_column(const ForeignTable &table, std::string_view attribute, engine::ColumnType type);
// Null: there is no such index.
const engine::IndexDescription *find_index(const ForeignTable &table, std::string_view name);
// Whether the attribute belongs to the key of the table or of one of its indexes.
bool is_key_attribute(const ForeignTable &table, std::string_view attribute);

}  // namespace podyn
