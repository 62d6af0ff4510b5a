// See look_ahead_planner.h. To each nested loop that looks items up with GetItem, one for each row of the outer side,
// another path is added: the same nested loop, with a look-ahead over the outer side (look_ahead.h).
#include "fdw/look_ahead_planner.h"

#include "fdw/look_ahead.h"
#include "fdw/plan.h"
#include "fdw/planner.h"

namespace podyn {
namespace {

// Where few rows are wanted, but not how many.
constexpr int kFewKeys = 10;
constexpr int kMostKeysAtFirst = static_cast<int>(engine::kMostKeysOfBatchGet);

set_join_pathlist_hook_type previous_join_pathlist = nullptr;

struct Join {
    PlannerInfo *root;
    RelOptInfo *joined;
    RelOptInfo *outer;
    RelOptInfo *inner;
    JoinType type;
    JoinPathExtraData *extra;
};

// Of a path (CustomPath::custom_private has it alone).
struct Ahead {
    AheadLink *link;
    List *values;
    int first_keys;
};

// A look-ahead's plan is made before the foreign scan's, as the outer side of a nested loop is.
Plan *make_plan(PlannerInfo *root, RelOptInfo *, CustomPath *path, List *target, List *, List *children)
{
    const Ahead &ahead = *static_cast<Ahead *>(linitial(path->custom_private));
    auto *child = static_cast<Plan *>(linitial(children));
    return &make_look_ahead(target, child, as_in_target_list(ahead.values, child->targetlist),
                            parameter_of(root, ahead.link), ahead.first_keys)
                ->scan.plan;
}

constexpr CustomPathMethods kPathMethods = {"Podyn Look Ahead", make_plan, nullptr};

// LIMIT and cursors may stop early, if nothing has to be sorted before.
int first_keys(PlannerInfo *root, List *pathkeys)
{
    if (root->tuple_fraction <= 0 || !pathkeys_contained_in(root->sort_pathkeys, pathkeys))
        return kMostKeysAtFirst;
    if (root->limit_tuples <= 0)
        return kFewKeys;
    return root->limit_tuples < kMostKeysAtFirst ? static_cast<int>(ceil(root->limit_tuples)) : kMostKeysAtFirst;
}

Path *make_look_ahead_path(const Join &join, Path *outer, const Path *lookup, const Ahead &ahead)
{
    auto *kept = static_cast<Ahead *>(palloc(sizeof(Ahead)));
    *kept = ahead;
    double keys = estimate_num_groups(join.root, ahead.values, outer->rows, nullptr, nullptr);
    double requests = 1 + keys / static_cast<double>(engine::kMostKeysOfBatchGet);
    CustomPath *path = makeNode(CustomPath);
    path->path.pathtype = T_CustomScan;
    path->path.parent = outer->parent;
    path->path.pathtarget = outer->pathtarget;
    path->path.rows = outer->rows;
    path->path.pathkeys = outer->pathkeys;
    path->path.startup_cost = outer->startup_cost + cost_of_lookups(lookup, 1, 0);
    path->path.total_cost =
        outer->total_cost + cost_of_lookups(lookup, requests, keys) + outer->rows * 2 * cpu_tuple_cost;
    count_disabled_of(&path->path, *outer);
    path->flags = kCustomPathsProject;
    path->custom_paths = list_make1(outer);
    path->custom_private = list_make1(kept);
    path->methods = &kPathMethods;
    return &path->path;
}

void add_join(const Join &join, Path *outer, const Path *lookup, List *values)
{
    auto *link = static_cast<AheadLink *>(palloc(sizeof(AheadLink)));
    link->parameter = kNoParameter;
    List *pathkeys = build_join_pathkeys(join.root, join.joined, join.type, outer->pathkeys);
    Path *ahead = make_look_ahead_path(join, outer, lookup, {link, values, first_keys(join.root, pathkeys)});
    Path *inner = make_lookup_ahead(join.root, lookup, link);
    JoinCostWorkspace workspace;
    initial_cost_nestloop(join.root, &workspace, join.type, ahead, inner, join.extra);
    add_path(join.joined,
             reinterpret_cast<Path *>(create_nestloop_path(join.root, join.joined, join.type, &workspace, join.extra,
                                                           ahead, inner, join.extra->restrictlist, pathkeys, nullptr)));
}

// The paths of the outer side that need nothing from elsewhere; one alone where its rows are made unique first.
List *outer_paths(Join *join)
{
    List *paths = NIL;
    if (join->type == JOIN_UNIQUE_OUTER) {
        join->type = JOIN_INNER;
        Path *cheapest = join->outer->cheapest_total_path;
        if (PATH_REQ_OUTER(cheapest) == nullptr)
            paths = lappend(paths, create_unique_path(join->root, join->outer, cheapest, join->extra->sjinfo));
        return paths;
    }
    ListCell *cell;
    foreach (cell, join->outer->pathlist)
        if (auto *path = static_cast<Path *>(lfirst(cell)); PATH_REQ_OUTER(path) == nullptr)
            paths = lappend(paths, path);
    return paths;
}

bool may_look_up(const Join &join)
{
    switch (join.type) {
        case JOIN_INNER:
        case JOIN_LEFT:
        case JOIN_SEMI:
        case JOIN_ANTI:
        case JOIN_UNIQUE_OUTER:
            return join.inner->reloptkind == RELOPT_BASEREL && join.inner->fdwroutine != nullptr &&
                   bms_is_empty(join.joined->lateral_relids);
        default:
            return false;
    }
}

bool is_in_target(const RelOptInfo &relation, const Node *column)
{
    ListCell *cell;
    foreach (cell, relation.reltarget->exprs)
        if (is_same_column(static_cast<Node *>(lfirst(cell)), column))
            return true;
    return false;
}

// Whether the outer side's rows have what the keys are made of. (Parameters get at a little more.)
bool gives_columns_of(const RelOptInfo &outer, List *values)
{
    List *columns = pull_var_clause(reinterpret_cast<Node *>(values), PVC_INCLUDE_PLACEHOLDERS);
    ListCell *cell;
    foreach (cell, columns)
        if (!is_in_target(outer, static_cast<Node *>(lfirst(cell))))
            return false;
    return columns != NIL;
}

// What the keys are made of; none if that is not of the outer side.
List *values_of(const Join &join, const Path *lookup)
{
    const Access *access = lookup_of(lookup);
    if (access == nullptr || !bms_is_subset(PATH_REQ_OUTER(lookup), join.outer->relids))
        return NIL;
    List *values = key_expressions(*access);
    return gives_columns_of(*join.outer, values) ? values : NIL;
}

void add_joins(Join join)
{
    if (!may_look_up(join))
        return;
    List *outer = outer_paths(&join);
    ListCell *inner_cell;
    foreach (inner_cell, join.inner->pathlist) {
        auto *lookup = static_cast<Path *>(lfirst(inner_cell));
        List *values = values_of(join, lookup);
        ListCell *outer_cell;
        if (values != NIL)
            foreach (outer_cell, outer)
                add_join(join, static_cast<Path *>(lfirst(outer_cell)), lookup, values);
    }
}

void plan_join(PlannerInfo *root, RelOptInfo *joined, RelOptInfo *outer, RelOptInfo *inner, JoinType type,
               JoinPathExtraData *extra)
{
    if (previous_join_pathlist != nullptr)
        previous_join_pathlist(root, joined, outer, inner, type, extra);
    add_joins({root, joined, outer, inner, type, extra});
}

}  // namespace

void plan_look_aheads()
{
    previous_join_pathlist = set_join_pathlist_hook;
    set_join_pathlist_hook = plan_join;
}

}  // namespace podyn
