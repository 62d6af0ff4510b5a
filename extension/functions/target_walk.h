// A walk over the target's keys in a user's session, in their order. It reads a portion at a time, with a fresh
// snapshot and without a lock that outlasts it, so that the workers may change the table meanwhile.
#pragma once

#include "catalog/replications.h"
#include "load/key_hash.h"

namespace podyn {

struct WalkedRow {
    Datum keys[2];  // the key columns
    KeyHash hash;
    bool marked;  // its item is gone
};

struct TargetWalk {
    const catalog::Replication *replication;
    // Given each portion.
    void (*take)(void *context, const WalkedRow *rows, int count);
    void *context;
};

// Rows with a key that is NULL are nobody's, and left out.
void walk_target(const TargetWalk &walk);

}  // namespace podyn
