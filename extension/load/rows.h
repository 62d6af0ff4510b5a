// From items to rows of the target.
#pragma once

#include "compat.h"
#include "engine/item.h"
#include "load/target.h"

namespace podyn {

// One item on its way into the target, or its key on its way out.
struct Row {
    const engine::Item *item;
    Datum *values;  // for every attribute of the target's descriptor
    bool *nulls;
    std::string_view position;  // sequence number of the change; empty in a backfill
    bool remove;
    TimestampTz deleted_at;  // 0: not marked; see PageItem
};

// Why an item cannot be a row of this target; exists() is false where it can.
engine::Problem check_item(const Target &target, const engine::Item &item);

enum class Form : uint8 {
    kColumns,  // one column for each attribute
    kCompact,  // key columns, and the rest in podyn_rest, for items that are too big otherwise
    kKeyOnly,  // for removal
};

// Fills values and nulls, which have room for the descriptor's attributes. Palloc's in the current context.
void fill_row(const Target &target, TupleDesc descriptor, Form form, Row *row);

}  // namespace podyn
