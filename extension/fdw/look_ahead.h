// A look-ahead, a node of the plan over the outer side of a nested loop that looks single items of a foreign table up.
// It reads some rows ahead and hands their keys to the foreign scan on the inner side, which can so ask for a hundred
// items at once. The rows go through it as they are, and the join itself is PostgreSQL's own.
#pragma once

#include "compat.h"

namespace podyn {

// To be called by _PG_init: plans are read by name.
void register_look_ahead();

// `values`: what the keys are made of, over the child's columns; see key_expressions. `parameter`: see
// PlannedScan::ahead. `first_keys`: how many are asked for at first, where not every row may be wanted.
CustomScan *make_look_ahead(List *target, Plan *child, List *values, int parameter, int first_keys);

}  // namespace podyn
