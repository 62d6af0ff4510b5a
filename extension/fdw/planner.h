// Planning of scans of foreign tables.
#pragma once

#include "compat.h"
#include "fdw/access.h"

namespace podyn {

void set_planner_routines(FdwRoutine *routine);

// ---- For joins that look ahead (look_ahead_planner.h) ---------------------------------------------------------------

// What the paths of both sides share.
struct AheadLink {
    int parameter;  // of the plan, see PlannedScan::ahead; kNoParameter: there is no plan yet
};

// What a path looks single items up by, with values of other relations; null: it is no such path of a foreign table.
const Access *lookup_of(const Path *path);
// What `requests` and `items` of them cost. The relation is the path's.
Cost cost_of_lookups(const Path *lookup, double requests, double items);
// The same lookup, of items that have been asked for ahead.
Path *make_lookup_ahead(PlannerInfo *root, const Path *lookup, AheadLink *link);
int parameter_of(PlannerInfo *root, AheadLink *link);

}  // namespace podyn
