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

// Of the expressions (ExprState *), in the current memory context.
PlanValue *evaluate(List *expressions, ExprContext *context);

// False: no row can meet the conditions. In the current memory context.
bool make_request(const ForeignTable &table, const PlannedScan &plan, const PlanValue *values, Wanted *wanted);

// A key of a plan that looks single items up.
struct WantedKey {
    std::string_view json;
    uint8 digest[engine::kKeyDigestBytes];  // the same as that of the item
};
// False: no item can have it. In the current memory context.
bool make_key(const ForeignTable &table, const PlannedScan &plan, const PlanValue *values, WantedKey *key);
// The request for several of these.
Wanted make_lookups(const ForeignTable &table, const PlannedScan &plan, std::string_view *keys, int count);

}  // namespace podyn
