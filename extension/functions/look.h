// A look at the target: what it has under some keys, beside what the source has there.
#pragma once

#include "compat.h"
#include "load/key_hash.h"
#include "load/target.h"

namespace podyn {

enum class Finding : uint8 { kSame, kMissing, kExtra, kDifferent };

// An attribute in which the two sides differ; both values as jsonb, null: there is none.
struct AttributeDifference {
    char *attribute;
    Jsonb *source;
    Jsonb *target;
};

// One key.
struct Subject {
    const engine::Item *key;   // sound: check_item
    const engine::Item *item;  // null: the source has none
    // What the look found
    Finding finding;
    KeyHash hash;
    bool hashed;         // the key can stand in the target
    bool row;            // there is one
    uint64 version;      // of the row: another one whenever it is written
    const char *reason;  // why the item cannot be a row; null: it can, as far as this look knows
    List *differences;   // of AttributeDifference, if they were asked for
};

struct Look {
    const catalog::Replication *replication;
    MemoryContext context;  // of what it finds
    Subject *subjects;
    int count;
    bool lists_differences;
};

// Looks with a fresh snapshot, and lets go of the target's lock afterwards: who adds a column need not wait for the end
// of the caller's transaction. Items that cannot be rows are told apart one by one.
void look(const Look &look);

// Whether a row's version says that it has been written again. On Citus's nodes it only says that the row looks
// otherwise.
bool has_versions(const Target &target);

}  // namespace podyn
