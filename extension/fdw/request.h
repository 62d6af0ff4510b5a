// From a plan and the values of its expressions to what is asked of DynamoDB.
#pragma once

#include "compat.h"
#include "fdw/fetch.h"
#include "fdw/plan.h"

namespace podyn {

// A value of an expression of the plan, when it is executed.
struct PlanValue {
    Oid type;
    Datum datum;
    bool null;
};

// False: no row can meet the conditions. In the current memory context.
bool make_request(const ForeignTable &table, const PlannedScan &plan, const PlanValue *values, Wanted *wanted);

}  // namespace podyn
