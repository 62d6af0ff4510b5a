// From PostgreSQL's values to those of DynamoDB's items: the way back of load/rows.h and load/document.h.
#pragma once

#include "compat.h"
#include "engine/item.h"

namespace podyn {

// The values of one item, as engine::Item has them. Palloc'ed, as is what they point to.
struct ItemValues {
    engine::Value *list;
    uint32 count;
    uint32 capacity;
    const char *refusal;  // why it cannot be an item; null: it may be one

    [[nodiscard]] std::span<const engine::Value> all() const { return {list, count}; }
};

struct ValueOptions {
    bool sets;   // arrays of text, numbers and bytea become sets, not lists
    bool nulls;  // SQL NULL becomes DynamoDB's NULL; else the attribute is left out
};

// How the values of one column are written. Made once for many rows.
struct ColumnValues {
    const char *attribute;
    ValueOptions options;
    enum class Form : uint8 { kString, kNumber, kBoolean, kBinary, kTimestamp, kLocalTime, kJson, kJsonb, kArray } form;
    Oid type;  // below all domains
    FmgrInfo output;
    ColumnValues *element;  // kArray
    int16 element_length;
    bool element_by_value;
    char element_alignment;
};

ItemValues make_item_values();
ColumnValues *make_column_values(const char *attribute, Oid type, ValueOptions options);
void append_column(ItemValues *item, ColumnValues *column, Datum value, bool null);
// The members of a JSON object as attributes.
void append_document(ItemValues *item, Jsonb *document);

// 2022-02-02T18:01:49.345261000Z; null for a time that has no such form.
char *rfc3339(TimestampTz time);

}  // namespace podyn
