// See planner.h.
#include "fdw/planner.h"

#include "fdw/access.h"
#include "fdw/old_row.h"
#include "fdw/plan.h"
#include "raise.h"

namespace podyn {
namespace {

// Costs are in the planner's own units. A request takes some milliseconds, and a byte is paid for, sent and parsed. A
// full scan takes read units from everybody else, and its table may have grown since it was counted: some dozens of
// lookups are preferred to it in any case.
constexpr double kCostOfRequest = 10;
constexpr double kCostOfScan = 500;
constexpr double kCostOfByte = 0.0005;
constexpr double kCostOfRow = 0.05;
constexpr double kCostOfFind = 0.02;  // of an item that is here already
constexpr double kBytesUnknown = 200;

// Of a relation, while it is planned (RelOptInfo::fdw_private).
struct Planning {
    ForeignTable *table;
    Bitmapset *needed;  // columns, pull_varattnos' way
    List *accesses;     // Access *, without parameters
};

// Of a path (ForeignPath::fdw_private has it alone).
struct Choice {
    const Access *access;
    bool ordered;  // the order was asked for
    bool backwards;
    AheadLink *ahead;  // null: it asks for its items itself
};

Planning *planning_of(RelOptInfo *relation)
{
    return static_cast<Planning *>(relation->fdw_private);
}

List *wrap(const Choice &choice)
{
    auto *kept = static_cast<Choice *>(palloc(sizeof(Choice)));
    *kept = choice;
    return list_make1(kept);
}

const Choice &choice_of(const ForeignPath *path)
{
    return *static_cast<Choice *>(linitial(path->fdw_private));
}

Bitmapset *columns_needed(RelOptInfo *relation)
{
    Bitmapset *needed = nullptr;
    pull_varattnos(reinterpret_cast<Node *>(relation->reltarget->exprs), relation->relid, &needed);
    ListCell *cell;
    foreach (cell, relation->baserestrictinfo)
        pull_varattnos(reinterpret_cast<Node *>(static_cast<RestrictInfo *>(lfirst(cell))->clause), relation->relid,
                       &needed);
    return needed;
}

double bytes_of_item(const ForeignTable &table)
{
    if (table.source.item_count <= 0)
        return kBytesUnknown;
    return static_cast<double>(table.source.size_bytes) / static_cast<double>(table.source.item_count);
}

Cost cost_of_items(const ForeignTable &table, double count)
{
    return count * (kCostOfByte * bytes_of_item(table) + kCostOfRow);
}

Cost cost_of(const ForeignTable &table, const Access &access)
{
    double start = access.request == Request::kScan ? kCostOfScan : kCostOfRequest * access.requests;
    return start + cost_of_items(table, access.rows_read);
}

void get_relation_size(PlannerInfo *root, RelOptInfo *relation, Oid oid)
{
    auto *planning = static_cast<Planning *>(palloc0(sizeof(Planning)));
    relation->fdw_private = planning;
    planning->table = open_foreign_table(oid, OidIsValid(relation->userid) ? relation->userid : GetUserId());
    planning->needed = narrow_to_old_row(root, *relation, *planning->table, columns_needed(relation));
    Clauses clauses = {root, relation, planning->table};
    planning->accesses = find_accesses(clauses, relation->baserestrictinfo, planning->needed);
    auto *scan = static_cast<Access *>(linitial(planning->accesses));
    relation->rows = scan->rows;
    ListCell *cell;
    foreach (cell, planning->accesses)
        relation->rows = Min(relation->rows, static_cast<Access *>(lfirst(cell))->rows);
    relation->tuples = Max(relation->rows, static_cast<double>(planning->table->source.item_count));
}

bool is_sort_column(const RelOptInfo &relation, const ForeignColumn &column, const EquivalenceClass &equal)
{
    ListCell *cell;
    foreach (cell, equal.ec_members) {
        Node *node = strip(reinterpret_cast<Node *>(static_cast<EquivalenceMember *>(lfirst(cell))->em_expr));
        if (!IsA(node, Var))
            continue;
        auto *var = reinterpret_cast<Var *>(node);
        if (is_column_of(*var, relation) && var->varattno == column.number)
            return true;
    }
    return false;
}

bool has_default_order(const ForeignColumn &column, Oid family)
{
    return family ==
           lookup_type_cache(column.base_type == VARCHAROID ? TEXTOID : column.base_type, TYPECACHE_BTREE_OPFAMILY)
               ->btree_opf;
}

// Whether the rows come in the order that the query wants, forwards or backwards. In a table, a sort key is there once
// for each partition key, so nothing behind it in the order matters.
bool gives_order(PlannerInfo *root, RelOptInfo *relation, const Access &access, bool *backwards)
{
    if (!access.ordered || access.sort_column == kNoForeignColumn || root->query_pathkeys == NIL ||
        (access.index != nullptr && list_length(root->query_pathkeys) > 1))
        return false;
    const ForeignColumn &column = planning_of(relation)->table->columns[access.sort_column];
    auto *first = static_cast<PathKey *>(linitial(root->query_pathkeys));
    *backwards = is_descending(*first);
    return is_sort_column(*relation, column, *first->pk_eclass) && has_default_order(column, first->pk_opfamily) &&
           has_same_order(column, first->pk_eclass->ec_collation);
}

void add_access(PlannerInfo *root, RelOptInfo *relation, const Access &access, ParamPathInfo *parameters)
{
    Cost cost = cost_of(*planning_of(relation)->table, access);
    double rows = parameters != nullptr ? parameters->ppi_rows : relation->rows;
    Relids outer = parameters != nullptr ? parameters->ppi_req_outer : relation->lateral_relids;
    add_path(relation, reinterpret_cast<Path *>(make_foreign_path(root, relation, rows, kCostOfRequest, cost, NIL,
                                                                  outer, wrap({&access, false, false, nullptr}))));
    bool backwards = false;
    if (parameters == nullptr && gives_order(root, relation, access, &backwards))
        add_path(relation, reinterpret_cast<Path *>(make_foreign_path(root, relation, rows, kCostOfRequest, cost,
                                                                      root->query_pathkeys, outer,
                                                                      wrap({&access, true, backwards, nullptr}))));
}

bool is_of_relation(PlannerInfo *, RelOptInfo *relation, EquivalenceClass *, EquivalenceMember *member, void *column)
{
    Node *node = strip(reinterpret_cast<Node *>(member->em_expr));
    if (!IsA(node, Var))
        return false;
    auto *var = reinterpret_cast<Var *>(node);
    return is_column_of(*var, *relation) && var->varattno == static_cast<const ForeignColumn *>(column)->number;
}

// The clauses by which rows of other relations could be looked up here.
List *join_clauses(PlannerInfo *root, RelOptInfo *relation)
{
    List *clauses = NIL;
    ListCell *cell;
    foreach (cell, relation->joininfo) {
        auto *clause = static_cast<RestrictInfo *>(lfirst(cell));
        if (join_clause_is_movable_to(clause, relation))
            clauses = lappend(clauses, clause);
    }
    if (!relation->has_eclass_joins)
        return clauses;
    const ForeignTable &table = *planning_of(relation)->table;
    for (int i = 0; i < table.column_count; ++i)
        if (i != table.document && is_key_attribute(table, table.columns[i].attribute))
            clauses = list_concat_unique_ptr(
                clauses, generate_implied_equalities_for_column(root, relation, is_of_relation, &table.columns[i],
                                                                relation->lateral_referencers));
    return clauses;
}

List *parameters_of(PlannerInfo *root, RelOptInfo *relation, List *clauses)
{
    List *found = NIL;
    Relids every = nullptr;
    ListCell *cell;
    foreach (cell, clauses) {
        auto *clause = static_cast<RestrictInfo *>(lfirst(cell));
        Relids outer = bms_del_member(bms_union(clause->clause_relids, relation->lateral_relids),
                                      static_cast<int>(relation->relid));
        if (bms_is_empty(outer))
            continue;
        found = list_append_unique_ptr(found, get_baserel_parampathinfo(root, relation, outer));
        every = bms_union(every, outer);
    }
    if (!bms_is_empty(every))
        found = list_append_unique_ptr(found, get_baserel_parampathinfo(root, relation, every));
    return found;
}

void add_lookups(PlannerInfo *root, RelOptInfo *relation)
{
    Planning *planning = planning_of(relation);
    Clauses clauses = {root, relation, planning->table};
    ListCell *cell;
    foreach (cell, parameters_of(root, relation, join_clauses(root, relation))) {
        auto *parameters = static_cast<ParamPathInfo *>(lfirst(cell));
        List *all = list_concat_copy(relation->baserestrictinfo, parameters->ppi_clauses);
        ListCell *inner;
        foreach (inner, find_accesses(clauses, all, planning->needed)) {
            auto *access = static_cast<Access *>(lfirst(inner));
            if (access->request != Request::kScan)
                add_access(root, relation, *access, parameters);
        }
    }
}

void get_paths(PlannerInfo *root, RelOptInfo *relation, Oid)
{
    ListCell *cell;
    foreach (cell, planning_of(relation)->accesses)
        add_access(root, relation, *static_cast<Access *>(lfirst(cell)), nullptr);
    add_lookups(root, relation);
}

// How many rows are wanted of this one relation, where every row that is read is one: a page need not have more.
int limit_of(PlannerInfo *root, const Choice &choice)
{
    bool alone = bms_num_members(root->all_baserels) == 1;
    bool sorted = root->sort_pathkeys == NIL || choice.ordered;
    double limit = root->limit_tuples;
    return alone && sorted && choice.access->exact && choice.access->filter == NIL && limit > 0 && limit < 1e6
               ? static_cast<int>(limit)
               : 0;
}

List *aggregates_of(Node *expressions)
{
    return pull_var_clause(expressions, PVC_INCLUDE_AGGREGATES | PVC_INCLUDE_PLACEHOLDERS);
}

// Of these clauses, those that say what keys are: whatever is found by its key has it. A long list of keys would take
// quadratic time to look at again.
List *clauses_met_by_keys(const Access &access, List *clauses)
{
    List *met = NIL;
    ListCell *cell;
    foreach (cell, list_concat_copy(access.partition, access.sort)) {
        auto *term = static_cast<const Term *>(lfirst(cell));
        engine::Test test = term->conditions[0].test;
        if ((test == engine::Test::kEqual || test == engine::Test::kIn) && list_member_ptr(clauses, term->clause))
            met = lappend(met, term->clause);
    }
    return met;
}

ForeignScan *get_plan(PlannerInfo *root, RelOptInfo *relation, Oid oid, ForeignPath *path, List *target, List *clauses,
                      Plan *outer)
{
    const Choice &choice = choice_of(path);
    PlannedScan scan = {};
    List *values = NIL;
    if (relation->reloptkind == RELOPT_UPPER_REL) {
        scan.count = true;
        scan.relation = planning_of(relation)->table->relation;
        List *details = write_plan(scan, *choice.access, &values);
        List *counts = add_to_flat_tlist(NIL, aggregates_of(reinterpret_cast<Node *>(target)));
        return make_foreignscan(target, NIL, 0, values, details, counts, NIL, outer);
    }
    scan.relation = oid;
    scan.ordered = choice.ordered;
    scan.backwards = choice.backwards;
    scan.limit = limit_of(root, choice);
    if (choice.ahead != nullptr)
        scan.ahead = parameter_of(root, choice.ahead);
    scan.needed = bms_copy(planning_of(relation)->needed);
    List *met = clauses_met_by_keys(*choice.access, clauses);
    List *local = extract_actual_clauses(list_difference_ptr(clauses, met), false);
    pull_varattnos(reinterpret_cast<Node *>(local), relation->relid, &scan.needed);
    List *details = write_plan(scan, *choice.access, &values);
    return make_foreignscan(target, local, relation->relid, values, details, NIL, extract_actual_clauses(met, false),
                            outer);
}

// ---- count(*) ------------------------------------------------------------------------------------------------------

// count(1)
bool counts_constant(const Aggref &aggregate)
{
    if (aggregate.aggfnoid != F_COUNT_ANY || aggregate.aggdistinct != NIL)
        return false;
    Expr *argument = static_cast<TargetEntry *>(linitial(aggregate.args))->expr;
    return IsA(argument, Const) && !reinterpret_cast<Const *>(argument)->constisnull;
}

bool is_count(Node *node)
{
    if (!IsA(node, Aggref))
        return false;
    auto *aggregate = reinterpret_cast<Aggref *>(node);
    bool every_row = aggregate->aggfnoid == F_COUNT_ || counts_constant(*aggregate);
    return every_row && aggregate->aggfilter == nullptr && aggregate->agglevelsup == 0;
}

// Whether the result is made of count(*) alone, or of expressions over it.
bool wants_only_counts(PlannerInfo *root)
{
    const Query &query = *root->parse;
    if (!query.hasAggs || query.groupClause != NIL || query.groupingSets != NIL || query.havingQual != nullptr)
        return false;
    List *aggregates = aggregates_of(reinterpret_cast<Node *>(root->upper_targets[UPPERREL_GROUP_AGG]->exprs));
    ListCell *cell;
    foreach (cell, aggregates)
        if (!is_count(static_cast<Node *>(lfirst(cell))))
            return false;
    return aggregates != NIL;
}

// Longer lists would not fit into one expression.
bool is_short(const Access &access)
{
    constexpr int kMostConditions = 40;
    int conditions = 0;
    ListCell *cell;
    foreach (cell, access.filter) {
        auto *term = static_cast<Term *>(lfirst(cell));
        for (int i = 0; i < term->count; ++i)
            conditions += Max(term->conditions[i].values, 1);
    }
    return conditions <= kMostConditions;
}

void get_upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input, RelOptInfo *output, void *)
{
    if (stage != UPPERREL_GROUP_AGG || input->reloptkind != RELOPT_BASEREL || input->fdw_private == nullptr ||
        output->fdw_private != nullptr || !wants_only_counts(root))
        return;
    Planning *planning = planning_of(input);
    const Access *best = nullptr;
    ListCell *cell;
    foreach (cell, planning->accesses) {
        auto *access = static_cast<const Access *>(lfirst(cell));
        bool counts = access->request == Request::kScan || access->request == Request::kQuery;
        if (counts && access->exact && is_short(*access) &&
            (best == nullptr || cost_of(*planning->table, *access) < cost_of(*planning->table, *best)))
            best = access;
    }
    if (best == nullptr)
        return;
    output->fdw_private = planning;
    add_path(output, reinterpret_cast<Path *>(make_foreign_upper_path(
                         root, output, root->upper_targets[UPPERREL_GROUP_AGG], 1, kCostOfRequest,
                         kCostOfRequest + best->rows_read * kCostOfByte * bytes_of_item(*planning->table),
                         wrap({best, false, false, nullptr}))));
}

}  // namespace

void set_planner_routines(FdwRoutine *routine)
{
    routine->GetForeignRelSize = get_relation_size;
    routine->GetForeignPaths = get_paths;
    routine->GetForeignPlan = get_plan;
    routine->GetForeignUpperPaths = get_upper_paths;
}

const Access *lookup_of(const Path *path)
{
    const FdwRoutine *routine = path->parent->fdwroutine;
    if (!IsA(path, ForeignPath) || path->param_info == nullptr || routine->GetForeignPaths != get_paths)
        return nullptr;
    const Access *access = choice_of(reinterpret_cast<const ForeignPath *>(path)).access;
    return access->request == Request::kGetItem ? access : nullptr;
}

Cost cost_of_lookups(const Path *lookup, double requests, double items)
{
    return requests * kCostOfRequest + cost_of_items(*planning_of(lookup->parent)->table, items);
}

Path *make_lookup_ahead(PlannerInfo *root, const Path *lookup, AheadLink *link)
{
    auto *access = static_cast<Access *>(palloc(sizeof(Access)));
    *access = *lookup_of(lookup);
    access->request = Request::kBatchGetItem;
    return reinterpret_cast<Path *>(make_foreign_path(root, lookup->parent, lookup->rows, 0, kCostOfFind, NIL,
                                                      PATH_REQ_OUTER(lookup), wrap({access, false, false, link})));
}

int parameter_of(PlannerInfo *root, AheadLink *link)
{
    if (link->parameter == kNoParameter)
        link->parameter = assign_special_exec_param(root);
    return link->parameter;
}

}  // namespace podyn
