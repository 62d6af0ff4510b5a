// 128 bits for a key as it stands in the target's columns, by which rows are found again in memory and on disk: that
// two keys share them is as good as impossible.
#pragma once

#include "compat.h"
#include "load/target.h"

namespace podyn {

using KeyHash = pg_uuid_t;  // a type that sorts

struct KeyHasher {
    int count;
    FmgrInfo functions[2];
    Oid collations[2];
};

// Lives as long as the context.
KeyHasher make_key_hasher(MemoryContext context, const Target &target, TupleDesc descriptor);
// Equal values have equal hashes. `keys`: in the order of the key.
KeyHash hash_key(KeyHasher *hasher, const Datum *keys);

}  // namespace podyn
