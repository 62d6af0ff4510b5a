// What a sample of the source's items shows: which attribute of which type goes to which column, and which items the
// target refuses. Inside the subtransaction that has made the replication.
#pragma once

#include "catalog/replications.h"
#include "engine/item.h"
#include "functions/plan_rows.h"

namespace podyn {

void plan_columns(PlanRows *rows, const catalog::Replication &replication, std::span<const engine::Item> items);
// Writes the items into the target, as the workers would.
void plan_writes(PlanRows *rows, const catalog::Replication &replication, std::span<const engine::Item> items);

}  // namespace podyn
