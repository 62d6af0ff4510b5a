// See lookup_batch.h.
#include "fdw/lookup_batch.h"

#include "raise.h"

namespace podyn {
namespace {

struct Entry {
    uint8 digest[engine::kKeyDigestBytes];  // first, as HTAB's key
    const engine::Item *item;               // null: not here yet, or there is none
};

}  // namespace

struct LookupBatch {
    ForeignTable *table;
    const PlannedScan *plan;
    MemoryContext context;  // of everything up to figures
    HTAB *entries;
    std::string_view *keys;
    int count;
    int capacity;
    int asked;             // of the keys
    Fetch *fetch;          // of those asked for last; null: none
    FetchFigures figures;  // without those of the fetch
    double items;
    double bytes;
};

namespace {

void append_key(LookupBatch *batch, std::string_view json)
{
    if (batch->count == batch->capacity) {
        batch->capacity *= 2;
        batch->keys = static_cast<std::string_view *>(
            repalloc(batch->keys, sizeof(std::string_view) * static_cast<size_t>(batch->capacity)));
    }
    auto *copy = static_cast<char *>(MemoryContextAlloc(batch->context, json.size()));
    memcpy(copy, json.data(), json.size());
    batch->keys[batch->count++] = {copy, json.size()};
}

// Null: no item can have the key.
Entry *find_or_add(LookupBatch *batch, const PlanValue *values)
{
    WantedKey key;
    if (!make_key(*batch->table, *batch->plan, values, &key))
        return nullptr;
    bool found;
    auto *entry = static_cast<Entry *>(hash_search(batch->entries, key.digest, HASH_ENTER, &found));
    if (!found) {
        entry->item = nullptr;
        append_key(batch, key.json);
    }
    return entry;
}

// False: there is no further item.
bool take_item(LookupBatch *batch)
{
    const engine::Item *item = batch->fetch == nullptr ? nullptr : next_item(batch->fetch);
    if (item == nullptr)
        return false;
    auto *entry =
        static_cast<Entry *>(hash_search(batch->entries, key_digest_of_item(batch->fetch), HASH_FIND, nullptr));
    if (entry == nullptr)
        ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
                        errmsg("DynamoDB table \"%s\" gave an item that was not asked for", batch->table->table_name)));
    entry->item = item;
    batch->items += 1;
    batch->bytes += static_cast<double>(item->json.size());
    return true;
}

void end_fetch(LookupBatch *batch)
{
    if (batch->fetch != nullptr)
        add(&batch->figures, figures_of(batch->fetch));
    batch->fetch = nullptr;
}

void ask(LookupBatch *batch)
{
    while (take_item(batch)) {
    }
    end_fetch(batch);
    MemoryContext old = MemoryContextSwitchTo(batch->context);
    Wanted wanted = make_lookups(*batch->table, *batch->plan, batch->keys + batch->asked, batch->count - batch->asked);
    batch->fetch = start_fetch(batch->context, batch->table, wanted);
    batch->asked = batch->count;
    MemoryContextSwitchTo(old);
}

}  // namespace

LookupBatch *make_lookup_batch(MemoryContext context, ForeignTable *table, const PlannedScan *plan)
{
    auto *batch = static_cast<LookupBatch *>(MemoryContextAllocZero(context, sizeof(LookupBatch)));
    batch->table = table;
    batch->plan = plan;
    batch->context = AllocSetContextCreate(context, "podyn lookups", ALLOCSET_DEFAULT_SIZES);
    clear(batch);
    return batch;
}

void clear(LookupBatch *batch)
{
    constexpr int kKeys = static_cast<int>(engine::kMostKeysOfBatchGet);
    end_fetch(batch);
    MemoryContextReset(batch->context);
    HASHCTL control = {};
    control.keysize = engine::kKeyDigestBytes;
    control.entrysize = sizeof(Entry);
    control.hcxt = batch->context;
    batch->entries = hash_create("podyn lookups", kKeys, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    batch->keys = static_cast<std::string_view *>(MemoryContextAlloc(batch->context, sizeof(std::string_view) * kKeys));
    batch->capacity = kKeys;
    batch->count = batch->asked = 0;
}

void add_key(LookupBatch *batch, const PlanValue *values)
{
    find_or_add(batch, values);
}

int key_count(const LookupBatch *batch)
{
    return batch->count;
}

const engine::Item *find_item(LookupBatch *batch, const PlanValue *values)
{
    Entry *entry = find_or_add(batch, values);
    if (batch->asked < batch->count)
        ask(batch);
    while (entry != nullptr && entry->item == nullptr && take_item(batch)) {
    }
    return entry == nullptr ? nullptr : entry->item;
}

FetchFigures figures_of(const LookupBatch *batch)
{
    FetchFigures figures = batch->figures;
    if (batch->fetch != nullptr)
        add(&figures, figures_of(batch->fetch));
    return figures;
}

double bytes_of_item(const LookupBatch *batch)
{
    return batch->items > 0 ? batch->bytes / batch->items : 0;
}

void leave_place(EState *state, int parameter, LookupBatch **place)
{
    ParamExecData *data = &state->es_param_exec_vals[parameter];
    data->value = PointerGetDatum(place);
    data->isnull = false;
}

LookupBatch **find_place(EState *state, int parameter)
{
    return reinterpret_cast<LookupBatch **>(DatumGetPointer(state->es_param_exec_vals[parameter].value));
}

}  // namespace podyn
