// See look_ahead.h.
#include "fdw/look_ahead.h"

#include "fdw/lookup_batch.h"

namespace podyn {
namespace {

constexpr const char *kName = "Podyn Look Ahead";

// What is under way at once: eight requests of a hundred keys, see fetch.cpp.
constexpr int kMostKeys = 800;
// However large the items are.
constexpr int kFewestKeys = 10;
constexpr int kGrowth = 4;
// Where many rows have the same key, or none.
constexpr int kMostRowsOfKey = 100;

struct LookAhead {
    CustomScanState node;  // first, as PostgreSQL knows it
    PlanState *child;
    List *values;          // ExprState *
    LookupBatch *batch;    // the foreign scan's
    MemoryContext memory;  // of the rows
    MinimalTuple *rows;
    int capacity;
    int count;
    int next;
    TupleTableSlot *row;
    bool ended;  // the child
    int first_keys;
    int keys;  // that the next rows shall have
    int64 keys_asked;
    int64 batches;
};

LookAhead *look_ahead_of(CustomScanState *node)
{
    return reinterpret_cast<LookAhead *>(node);
}

// ---- Rows ----------------------------------------------------------------------------------------------------------

void forget_rows(LookAhead *ahead)
{
    constexpr int kRows = 128;
    ExecClearTuple(ahead->row);
    MemoryContextReset(ahead->memory);
    ahead->capacity = kRows;
    ahead->rows = static_cast<MinimalTuple *>(MemoryContextAlloc(ahead->memory, sizeof(MinimalTuple) * kRows));
    ahead->count = ahead->next = 0;
    if (ahead->batch != nullptr)
        clear(ahead->batch);
}

void keep_row(LookAhead *ahead, TupleTableSlot *slot)
{
    if (ahead->count == ahead->capacity) {
        ahead->capacity *= 2;
        ahead->rows = static_cast<MinimalTuple *>(
            repalloc_huge(ahead->rows, sizeof(MinimalTuple) * static_cast<size_t>(ahead->capacity)));
    }
    MemoryContext old = MemoryContextSwitchTo(ahead->memory);
    ahead->rows[ahead->count++] = ExecCopySlotMinimalTuple(slot);
    MemoryContextSwitchTo(old);
}

// Into the scan's slot, which expressions are made for.
TupleTableSlot *show_row(LookAhead *ahead, int number)
{
    TupleTableSlot *slot = ahead->node.ss.ss_ScanTupleSlot;
    auto columns = static_cast<size_t>(slot->tts_tupleDescriptor->natts);
    ExecClearTuple(slot);
    ExecStoreMinimalTuple(ahead->rows[number], ahead->row, false);
    slot_getallattrs(ahead->row);
    memcpy(slot->tts_values, ahead->row->tts_values, columns * sizeof(Datum));
    memcpy(slot->tts_isnull, ahead->row->tts_isnull, columns * sizeof(bool));
    return ExecStoreVirtualTuple(slot);
}

void add_key_of_row(LookAhead *ahead, int number)
{
    ExprContext *context = ahead->node.ss.ps.ps_ExprContext;
    ResetExprContext(context);
    context->ecxt_scantuple = show_row(ahead, number);
    MemoryContext old = MemoryContextSwitchTo(context->ecxt_per_tuple_memory);
    add_key(ahead->batch, evaluate(ahead->values, context));
    MemoryContextSwitchTo(old);
}

// ---- Batches -------------------------------------------------------------------------------------------------------

double memory_allowed()
{
    return work_mem * 1024.0;
}

bool has_enough(const LookAhead *ahead)
{
    return key_count(ahead->batch) >= ahead->keys || ahead->count >= ahead->keys * kMostRowsOfKey ||
           static_cast<double>(MemoryContextMemAllocated(ahead->memory, false)) >= memory_allowed();
}

// More and more, as every row so far was wanted; but no more items than memory may hold.
int next_keys(const LookAhead *ahead)
{
    int keys = Min(ahead->keys * kGrowth, kMostKeys);
    double held = bytes_of_item(ahead->batch) * keys / memory_allowed();
    return held <= 1 ? keys : Max(static_cast<int>(keys / held), Min(keys, kFewestKeys));
}

void read_rows(LookAhead *ahead)
{
    if (ahead->batches > 0)
        ahead->keys = next_keys(ahead);
    forget_rows(ahead);
    while (!ahead->ended && !has_enough(ahead)) {
        CHECK_FOR_INTERRUPTS();
        TupleTableSlot *slot = ExecProcNode(ahead->child);
        ahead->ended = TupIsNull(slot);
        if (ahead->ended)
            break;
        keep_row(ahead, slot);
        add_key_of_row(ahead, ahead->count - 1);
    }
    ahead->keys_asked += key_count(ahead->batch);
    ahead->batches += ahead->count > 0 ? 1 : 0;
}

// ---- The node ------------------------------------------------------------------------------------------------------

CustomScan *plan_of(CustomScanState *node)
{
    return reinterpret_cast<CustomScan *>(node->ss.ps.plan);
}

void begin(CustomScanState *node, EState *state, int flags)
{
    LookAhead *ahead = look_ahead_of(node);
    CustomScan *plan = plan_of(node);
    auto *numbers = static_cast<List *>(linitial(plan->custom_private));
    ahead->child = ExecInitNode(static_cast<Plan *>(linitial(plan->custom_plans)), state, flags);
    node->custom_ps = list_make1(ahead->child);
    if (flags & EXEC_FLAG_EXPLAIN_ONLY)
        return;
    ahead->first_keys = ahead->keys = lsecond_int(numbers);
    ahead->values = ExecInitExprList(plan->custom_exprs, &node->ss.ps);
    ahead->memory = AllocSetContextCreate(state->es_query_cxt, "podyn look ahead", ALLOCSET_DEFAULT_SIZES);
    ahead->row = MakeSingleTupleTableSlot(ExecGetResultType(ahead->child), &TTSOpsMinimalTuple);
    leave_place(state, linitial_int(numbers), &ahead->batch);
    forget_rows(ahead);
}

TupleTableSlot *project(LookAhead *ahead, TupleTableSlot *row)
{
    ProjectionInfo *projection = ahead->node.ss.ps.ps_ProjInfo;
    if (projection == nullptr)
        return row;
    ExprContext *context = ahead->node.ss.ps.ps_ExprContext;
    ResetExprContext(context);
    context->ecxt_scantuple = row;
    return ExecProject(projection);
}

TupleTableSlot *next(CustomScanState *node)
{
    LookAhead *ahead = look_ahead_of(node);
    if (ahead->batch == nullptr)
        elog(ERROR, "a look-ahead of podyn has no foreign scan");
    if (ahead->next == ahead->count)
        read_rows(ahead);
    if (ahead->next == ahead->count)
        return ExecClearTuple(node->ss.ss_ScanTupleSlot);
    return project(ahead, show_row(ahead, ahead->next++));
}

void rescan(CustomScanState *node)
{
    LookAhead *ahead = look_ahead_of(node);
    forget_rows(ahead);
    ahead->ended = false;
    ahead->keys = ahead->first_keys;
    if (node->ss.ps.chgParam != nullptr)
        UpdateChangedParamSet(ahead->child, node->ss.ps.chgParam);
    if (ahead->child->chgParam == nullptr)
        ExecReScan(ahead->child);
}

void end(CustomScanState *node)
{
    LookAhead *ahead = look_ahead_of(node);
    if (ahead->row != nullptr)
        ExecDropSingleTupleTableSlot(ahead->row);
    ExecEndNode(ahead->child);
}

void explain(CustomScanState *node, List *ancestors, ExplainState *state)
{
    LookAhead *ahead = look_ahead_of(node);
    List *context = set_deparse_context_plan(state->deparse_cxt, node->ss.ps.plan, ancestors);
    bool prefix = state->verbose || list_length(state->rtable) > 1;
    List *values = NIL;
    ListCell *cell;
    foreach (cell, plan_of(node)->custom_exprs)
        values = lappend(values, deparse_expression(static_cast<Node *>(lfirst(cell)), context, prefix, false));
    ExplainPropertyList("Lookup Key", values, state);
    if (!state->analyze)
        return;
    ExplainPropertyInteger("Keys", nullptr, ahead->keys_asked, state);
    ExplainPropertyInteger("Batches", nullptr, ahead->batches, state);
}

constexpr CustomExecMethods make_exec_methods()
{
    CustomExecMethods methods = {};
    methods.CustomName = kName;
    methods.BeginCustomScan = begin;
    methods.ExecCustomScan = next;
    methods.EndCustomScan = end;
    methods.ReScanCustomScan = rescan;
    methods.ExplainCustomScan = explain;
    return methods;
}

constexpr CustomExecMethods kExecMethods = make_exec_methods();

Node *make_state(CustomScan *)
{
    auto *ahead = static_cast<LookAhead *>(palloc0(sizeof(LookAhead)));
    NodeSetTag(ahead, T_CustomScanState);
    ahead->node.methods = &kExecMethods;
    return reinterpret_cast<Node *>(ahead);
}

constexpr CustomScanMethods kScanMethods = {kName, make_state};

}  // namespace

void register_look_ahead()
{
    RegisterCustomScanMethods(&kScanMethods);
}

CustomScan *make_look_ahead(List *target, Plan *child, List *values, int parameter, int first_keys)
{
    CustomScan *plan = makeNode(CustomScan);
    plan->scan.plan.targetlist = target;
    plan->flags = kCustomPathsProject;
    plan->custom_plans = list_make1(child);
    plan->custom_exprs = values;
    plan->custom_private = list_make1(list_make2_int(parameter, first_keys));
    plan->custom_scan_tlist = static_cast<List *>(copyObjectImpl(child->targetlist));
    plan->methods = &kScanMethods;
    return plan;
}

}  // namespace podyn
