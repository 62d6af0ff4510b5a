// The table that a replication begins with: made from DynamoDB's description, or found and checked.
#pragma once

#include "compat.h"
#include "engine/operations.h"
#include "load/target.h"

namespace podyn {

struct TargetRequest {
    const char *schema;
    const char *table;
    bool jsonb_mode;
    bool typed_document;
    bool lower_case_columns;
    bool citus;
    const char *colocate_with;  // null: where Citus would put it
};

// A column that stands for a declared attribute: a key, or an index's key.
struct DeclaredColumn {
    const char *attribute;
    engine::ColumnType type;
    const char *column;
};

struct NewTarget {
    Oid relation;
    DeclaredColumn *columns;
    int count;
    bool made;  // by podyn
};

// Of a key attribute, by its type in DynamoDB: S, N or B.
engine::ColumnType key_column_type(char declared);

// Creates the table with its primary key and one index for each secondary index, as the current user.
NewTarget create_target(const TargetRequest &request, const engine::TableDescription &source);

// Both are InvalidOid where there is no such table.
Oid existing_target(const TargetRequest &request);
Oid owner_of(Oid relation);

// Checks a table that exists: its kind and owner, its key columns and their types, a unique index on them.
// `must_be_empty`: it may not have rows.
NewTarget adopt_target(const TargetRequest &request, const engine::TableDescription &source, bool must_be_empty);

}  // namespace podyn
