// See key_merge.h.
#include "functions/key_merge.h"

namespace podyn {
namespace {

constexpr int kSortKilobytes = 8 * 1024;

TupleDesc describe_row(const Target &target, Oid relation)
{
    TupleDesc row = CreateTemplateTupleDesc(target.key_count + 1);
    TupleDescInitEntry(row, 1, "hash", UUIDOID, -1, 0);
    Relation opened = relation_open(relation, AccessShareLock);
    for (int i = 0; i < target.key_count; ++i)
        TupleDescCopyEntry(row, static_cast<AttrNumber>(i + 2), RelationGetDescr(opened),
                           target.columns[target.keys[i]].number);
    relation_close(opened, AccessShareLock);
    return row;
}

// The items' keys, in order.
struct Items {
    Tuplesortstate *sort;
    KeyHash hash;
    bool there;
};

void advance(Items *items)
{
    Datum value;
    items->there = next_sorted(items->sort, &value);
    if (items->there)
        items->hash = *DatumGetUUIDP(value);
}

int compare_hashes(const KeyHash &one, const KeyHash &other)
{
    return memcmp(one.data, other.data, sizeof(one.data));
}

// Asked with hashes in order.
bool has_item(Items *items, const KeyHash &hash)
{
    while (items->there && compare_hashes(items->hash, hash) < 0)
        advance(items);
    return items->there && compare_hashes(items->hash, hash) == 0;
}

}  // namespace

KeyMerge make_key_merge(const Target &target, Oid relation)
{
    KeyMerge merge = {};
    TypeCacheEntry *uuid = lookup_type_cache(UUIDOID, TYPECACHE_LT_OPR);
    merge.items = tuplesort_begin_datum(UUIDOID, uuid->lt_opr, InvalidOid, false, kSortKilobytes, nullptr, kSortOnce);
    merge.row = describe_row(target, relation);
    AttrNumber first[] = {1};
    Oid collations[] = {InvalidOid};
    bool nulls_first[] = {false};
    merge.rows = tuplesort_begin_heap(merge.row, 1, first, &uuid->lt_opr, collations, nulls_first, kSortKilobytes,
                                      nullptr, kSortOnce);
    merge.slot = MakeSingleTupleTableSlot(merge.row, &TTSOpsVirtual);
    return merge;
}

void add_item(KeyMerge *merge, const KeyHash &hash)
{
    tuplesort_putdatum(merge->items, UUIDPGetDatum(&hash), false);
}

void add_row(KeyMerge *merge, const KeyHash &hash, const Datum *keys)
{
    TupleTableSlot *slot = merge->slot;
    ExecClearTuple(slot);
    slot->tts_values[0] = UUIDPGetDatum(&hash);
    memcpy(slot->tts_values + 1, keys, sizeof(Datum) * static_cast<size_t>(merge->row->natts - 1));
    memset(slot->tts_isnull, 0, sizeof(bool) * static_cast<size_t>(merge->row->natts));
    ExecStoreVirtualTuple(slot);
    tuplesort_puttupleslot(merge->rows, slot);
}

void find_unmet_rows(KeyMerge *merge, void (*unmet)(void *context, const Datum *keys), void (*tick)(void *context),
                     void *context)
{
    tuplesort_performsort(merge->items);
    tuplesort_performsort(merge->rows);
    Items items = {merge->items, {}, false};
    advance(&items);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(merge->row, &TTSOpsMinimalTuple);
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "podyn key", ALLOCSET_DEFAULT_SIZES);
    while (tuplesort_gettupleslot(merge->rows, true, false, slot, nullptr)) {
        slot_getallattrs(slot);
        if (!has_item(&items, *DatumGetUUIDP(slot->tts_values[0]))) {
            MemoryContext old = MemoryContextSwitchTo(memory);
            unmet(context, slot->tts_values + 1);
            MemoryContextSwitchTo(old);
            MemoryContextReset(memory);
        }
        tick(context);
    }
    ExecDropSingleTupleTableSlot(slot);
    MemoryContextDelete(memory);
    ExecDropSingleTupleTableSlot(merge->slot);
    tuplesort_end(merge->items);
    tuplesort_end(merge->rows);
}

}  // namespace podyn
