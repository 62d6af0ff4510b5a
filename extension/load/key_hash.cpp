// See key_hash.h.
#include "load/key_hash.h"

namespace podyn {
namespace {

constexpr uint64 kSeeds[] = {0x706f64796e, 0x766572696679};

}  // namespace

KeyHasher make_key_hasher(MemoryContext context, const Target &target, TupleDesc descriptor)
{
    KeyHasher hasher = {};
    hasher.count = target.key_count;
    for (int i = 0; i < target.key_count; ++i) {
        const FormData_pg_attribute &column = *TupleDescAttr(descriptor, target.columns[target.keys[i]].number - 1);
        TypeCacheEntry *type = lookup_type_cache(column.atttypid, TYPECACHE_HASH_EXTENDED_PROC);
        fmgr_info_cxt(type->hash_extended_proc, &hasher.functions[i], context);
        hasher.collations[i] = column.attcollation;
    }
    return hasher;
}

KeyHash hash_key(KeyHasher *hasher, const Datum *keys)
{
    uint64 parts[lengthof(kSeeds)];
    for (size_t part = 0; part < lengthof(kSeeds); ++part) {
        parts[part] = kSeeds[part];
        for (int i = 0; i < hasher->count; ++i)
            parts[part] = hash_combine64(
                parts[part], DatumGetUInt64(FunctionCall2Coll(&hasher->functions[i], hasher->collations[i], keys[i],
                                                              UInt64GetDatum(kSeeds[part]))));
    }
    KeyHash hash;
    static_assert(sizeof(hash) == sizeof(parts));
    memcpy(&hash, parts, sizeof(hash));
    return hash;
}

}  // namespace podyn
