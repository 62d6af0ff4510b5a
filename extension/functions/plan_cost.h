// What a copy costs, before it is spent: read units, time, price. Estimates, from DynamoDB's own of the table's size.
#pragma once

#include "engine/operations.h"
#include "functions/plan_rows.h"
#include "functions/replicate_options.h"

namespace podyn {

void plan_cost(PlanRows *rows, const ReplicateOptions &options, const engine::TableDescription &table);

}  // namespace podyn
