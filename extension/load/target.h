// The table that a replication writes: which attribute goes to which column, and new columns as attributes appear.
#pragma once

#include "catalog/replications.h"
#include "compat.h"
#include "engine/columns.h"
#include "engine/item.h"
#include "load/convert.h"
#include "load/hint_bits.h"
#include "load/page_item.h"

namespace podyn {

struct TargetColumn {
    AttrNumber number;        // 0: the attribute has no column in this table of the user's own
    engine::ColumnType type;  // of the attribute
    char name[NAMEDATALEN];
    const char *attribute;
    Converter *converter;  // null: the column holds the values as they are
};

struct Target {
    MemoryContext context;
    Oid relation;
    char *relation_name;     // schema-qualified and quoted
    bool made;               // by podyn, not its owner's own table
    bool adds_columns;       // for attributes that have none
    bool citus;              // a table that Citus spreads over nodes (distributed.h)
    bool jsonb_mode;         // key columns and one column for the whole item
    bool typed_document;     // jsonb mode: as DynamoDB JSON
    engine::Layout *layout;  // attribute and type -> index in columns
    TargetColumn *columns;   // the mapped ones; two types of one attribute may share one
    int column_count;
    int key_count;
    int keys[2];  // indexes in columns: partition key, sort key
    char *key_attributes[2];
    AttrNumber document;     // jsonb mode: column data
    AttrNumber rest;         // podyn_rest; 0: there is none yet
    AttrNumber deleted_at;   // podyn_deleted_at; 0: there is none
    bool checks_nulls;       // some column's domain may have something against NULL
    bool indexed;            // false: its indexes are still to be built (late_indexes.h)
    bool full;               // no more columns: attributes without one go to podyn_rest
    UnhintedRows *unhinted;  // of bulk inserts (hint_bits.h); null: it is not a heap
    bool wants_rest;         // a row was too big for columns: make podyn_rest before the next attempt
};

inline constexpr char kDocumentColumn[] = "data";
inline constexpr char kRestColumn[] = "podyn_rest";
inline constexpr char kDeletedAtColumn[] = "podyn_deleted_at";

// Reads the target's columns and the column map into a context of its own below `parent`. Inside a transaction.
Target *load_target(MemoryContext parent, const catalog::Replication &replication);

struct MissingColumn {
    std::string_view attribute;
    engine::ColumnType type;
};
struct MissingColumns {
    MissingColumn *columns;
    int count;
};
// Attributes of sound items that have no column yet, each once; empty in jsonb mode. Views into the items.
MissingColumns missing_columns(const Target &target, const engine::Item *const *items, int count);
// The same for those of a page's items that are put.
MissingColumns missing_columns(const Target &target, const PageItem *items, int count);

// For those who only read: where these attributes would go as the table is now, noted in `target` alone. Those that
// need a column which does not exist yet stay missing.
void note_columns(const catalog::Replication &replication, Target *target, const MissingColumns &missing);

// Finds or makes columns for them, in a transaction of its own, which this function begins and ends; called outside of
// one, in a worker, whose lock_timeout is short: readers queue up behind ADD COLUMN. Another process may have made some
// meanwhile. `with_rest`: makes podyn_rest as well.
void add_columns(const catalog::Replication &replication, const MissingColumns &missing, bool with_rest);

// The same inside the caller's transaction: maps attributes to columns that exist or are made. In a table of the user's
// own none are made; an attribute for which there is none is left out, or kept in podyn_rest if there is one.
void map_columns(const catalog::Replication &replication, const MissingColumns &missing, bool with_rest);

// Runs a statement that changes the table itself (ALTER TABLE, TRUNCATE), on all nodes where it is spread over several.
void alter_target(const Target &target, const char *statement);

}  // namespace podyn
