// What a plan keeps of an access (ForeignScan::fdw_private), as lists of integers and strings, which plans can copy.
#pragma once

#include "compat.h"
#include "fdw/access.h"

namespace podyn {

// As Condition, with the place of the value among the plan's expressions; -1: none.
struct PlannedCondition {
    engine::Test test;
    int children;
    AttrNumber column;
    int value;
    bool array;
    bool pattern;
};

inline constexpr int kNoParameter = -1;

struct PlannedScan {
    Request request;
    Oid relation;
    const char *index;  // null: the table itself
    bool count;         // one row: how many there are
    bool ordered;
    bool backwards;
    int limit;  // rows that are wanted; 0: all
    PlannedCondition *partition;
    int partition_count;
    PlannedCondition *sort;
    int sort_count;
    PlannedCondition *filter;
    int filter_count;
    Bitmapset *needed;         // pull_varattnos' way
    int ahead = kNoParameter;  // the plan's parameter by which a look-ahead hands keys over (look_ahead.h)
};

// `values`: gets the conditions' expressions.
List *write_plan(const PlannedScan &scan, const Access &access, List **values);
PlannedScan read_plan(List *details);
// The expressions of the conditions on the key, in the order in which write_plan begins.
List *key_expressions(const Access &access);

}  // namespace podyn
