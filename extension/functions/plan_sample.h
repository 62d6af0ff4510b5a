// What a sample of the source's items shows: which attribute of which type goes to which column, and which items the
// target refuses. Inside the subtransaction that has made the replication.
#pragma once

#include "catalog/replications.h"
#include "engine/item.h"
#include "functions/plan_rows.h"
#include "load/page_item.h"

namespace podyn {

void plan_columns(PlanRows *rows, const catalog::Replication &replication, std::span<const engine::Item> items);
// How items get into the target.
struct SampleWrite {
    const PageItem *items;
    int count;
    OnConflict on_conflict;
    bool fresh;  // no row is expected to be there
};
struct SampleCounts {
    bool tried;
    int written;
    int rejected;
};
// Writes the items into the target, as the workers would. Those that are refused are rows.
SampleCounts plan_writes(PlanRows *rows, const catalog::Replication &replication, const SampleWrite &write);
// Items of a scan.
void plan_scan(PlanRows *rows, const catalog::Replication &replication, std::span<const engine::Item> items);

// A row for one of them, unless there are many already; `what` is refused.
void add_refusal(PlanRows *rows, int number, const char *what, const char *sqlstate, const char *message);
void add_refusal_count(PlanRows *rows, int count, int of);

}  // namespace podyn
