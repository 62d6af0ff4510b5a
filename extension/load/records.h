// Records, which are JSON objects that a hook has made, written to a table: each member goes to the column of its name.
// Any relation that INSERT can write to will do; only on_conflict 'update' and 'merge' need a primary key.
#pragma once

#include "catalog/options.h"
#include "compat.h"

namespace podyn {

struct RecordColumn {
    const char *name;
    const char *quoted;
    const char *type;  // as jsonb_to_record declares it
    bool binary;       // bytea, which is base64 in jsonb
    bool key;          // of the primary key
    bool has_default;  // an update without its member sets it as an INSERT would
};

// A table's shape while one transaction writes it. Memory is that of the context it was opened in.
struct RecordTarget {
    Oid relation;
    const char *name;   // schema-qualified and quoted
    const char *title;  // for messages
    OnConflict on_conflict;
    RecordColumn *columns;  // that can be written
    int count;
    const char *keys;  // quoted, with commas; null: no primary key
    MemoryContext memory;
    List *unknown;  // char *: members that have no such column, as they are met
};

// Raises an error where on_conflict needs a primary key and there is none.
RecordTarget *open_record_target(Oid relation, OnConflict on_conflict);

// Writes the records in their order; returns how many have been taken: all but those that OnConflict::kNothing leaves
// out. A member without a column is left out and added to `unknown`. Connected to SPI.
int64 insert_records(RecordTarget *target, Datum *records, int count);

}  // namespace podyn
