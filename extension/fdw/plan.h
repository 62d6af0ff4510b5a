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
    Bitmapset *needed;  // pull_varattnos' way
};

// `values`: gets the conditions' expressions.
List *write_plan(const PlannedScan &scan, const Access &access, List **values);
PlannedScan read_plan(List *details);

}  // namespace podyn
