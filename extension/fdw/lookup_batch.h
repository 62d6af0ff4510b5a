// The items that the next rows of a join's other side look up by their keys: a look-ahead (look_ahead.h) adds the keys,
// the foreign scan finds the items. All that are missing are asked for together, when the first of them is looked for.
#pragma once

#include "compat.h"
#include "fdw/fetch.h"
#include "fdw/request.h"

namespace podyn {

struct LookupBatch;

// Lives as long as the context. Table and plan are those of the foreign scan.
LookupBatch *make_lookup_batch(MemoryContext context, ForeignTable *table, const PlannedScan *plan);
// Forgets every key and item.
void clear(LookupBatch *batch);
void add_key(LookupBatch *batch, const PlanValue *values);
// Different keys of the batch that an item may have.
int key_count(const LookupBatch *batch);
// The item with the key; null: there is none. It lives until the batch is cleared.
const engine::Item *find_item(LookupBatch *batch, const PlanValue *values);

// Since the batch was made.
FetchFigures figures_of(const LookupBatch *batch);
// What an item had on average, as received; 0: there was none yet.
double bytes_of_item(const LookupBatch *batch);

// Where a plan's look-ahead and foreign scan find each other: by the plan's parameter (PlannedScan::ahead). The
// look-ahead is begun first and leaves its place there, the scan fills it.
void leave_place(EState *state, int parameter, LookupBatch **place);
LookupBatch **find_place(EState *state, int parameter);

}  // namespace podyn
