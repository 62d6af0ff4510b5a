// Fetches the items of one scan: its requests, page after page, several beside each other where there are several.
#pragma once

#include "compat.h"
#include "fdw/plan.h"
#include "fdw/table.h"

namespace podyn {

// What is asked for, with every value known.
struct Wanted {
    Request request;
    engine::ReadOptions read;
    engine::KeyValue **partitions;  // kQuery: the partition keys, one request after the other or beside each other
    int partition_size;             // attributes of each
    int partition_count;
    const engine::Condition *sorts;  // kQuery: of each of them, the sort key's conditions, one request each
    int sort_count;                  // 0: one request without
    int lookups;                     // kQuery: of each partition key with each of these
    bool backwards;
    std::string_view *keys;  // kGetItem, kBatchGetItem: as DynamoDB JSON, no two of them equal
    int key_count;
    bool keeps_items;  // for as long as the fetch lives
};

struct Fetch;

// Ends, with all that is under way, when the context is reset.
Fetch *start_fetch(MemoryContext context, ForeignTable *table, const Wanted &wanted);
// The next item; null: there is none. It lives until the next call, see also keeps_items.
const engine::Item *next_item(Fetch *fetch);
// Of kBatchGetItem: the digest of that item's key, see engine::key_digest.
const uint8 *key_digest_of_item(const Fetch *fetch);
// Of requests that only count: how many there are.
int64 count_items(Fetch *fetch);

struct FetchFigures {
    int64 requests;
    double read_units;
};
FetchFigures figures_of(const Fetch *fetch);
void add(FetchFigures *sum, const FetchFigures &figures);

}  // namespace podyn
