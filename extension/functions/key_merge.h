// The keys that source and target have, by their hashes: of which keys there are rows and no items. Both sides are
// sorted, on disk beyond some megabytes, and merged.
#pragma once

#include "compat.h"
#include "load/key_hash.h"
#include "load/target.h"

namespace podyn {

struct KeyMerge {
    Tuplesortstate *items;  // KeyHash
    Tuplesortstate *rows;   // KeyHash and key columns
    TupleDesc row;
    TupleTableSlot *slot;
};

KeyMerge make_key_merge(const Target &target, Oid relation);
void add_item(KeyMerge *merge, const KeyHash &hash);
// `keys`: the row's key columns, in the order of the key.
void add_row(KeyMerge *merge, const KeyHash &hash, const Datum *keys);

// Merges, at last: tells of the keys of rows without an item, in a memory context that goes with each. `tick` is called
// every now and then.
void find_unmet_rows(KeyMerge *merge, void (*unmet)(void *context, const Datum *keys), void (*tick)(void *context),
                     void *context);

}  // namespace podyn
