// See scan.h.
#include "fdw/scan.h"

#include "fdw/explain.h"
#include "fdw/fetch.h"
#include "fdw/request.h"
#include "fdw/row_maker.h"
#include "raise.h"

namespace podyn {
namespace {

struct Scan {
    PlannedScan plan;
    MemoryContext run;    // from one (re)start of the scan to the next
    ForeignTable *table;  // null: EXPLAIN alone
    RowMaker *maker;      // null: the scan only counts
    List *values;         // ExprState *
    Fetch *fetch;         // null: nothing to be fetched
    bool started;
    bool ended;
    ScanFigures figures;
};

Scan *scan_of(ForeignScanState *node)
{
    return static_cast<Scan *>(node->fdw_state);
}

ForeignScan *plan_of(ForeignScanState *node)
{
    return reinterpret_cast<ForeignScan *>(node->ss.ps.plan);
}

void begin(ForeignScanState *node, int flags)
{
    auto *scan = static_cast<Scan *>(palloc0(sizeof(Scan)));
    node->fdw_state = scan;
    scan->plan = read_plan(plan_of(node)->fdw_private);
    if (flags & EXEC_FLAG_EXPLAIN_ONLY)
        return;
    MemoryContext context = node->ss.ps.state->es_query_cxt;
    scan->run = AllocSetContextCreate(context, "podyn scan", ALLOCSET_DEFAULT_SIZES);
    scan->table = open_foreign_table(scan->plan.relation, reader_of(node));
    scan->values = ExecInitExprList(plan_of(node)->fdw_exprs, &node->ss.ps);
    if (!scan->plan.count)
        scan->maker =
            make_row_maker(context, scan->table, node->ss.ss_ScanTupleSlot->tts_tupleDescriptor, scan->plan.needed);
}

PlanValue *evaluate(ForeignScanState *node)
{
    List *states = scan_of(node)->values;
    auto *values = static_cast<PlanValue *>(palloc(sizeof(PlanValue) * static_cast<size_t>(list_length(states) + 1)));
    ListCell *cell;
    int i = 0;
    foreach (cell, states) {
        auto *state = static_cast<ExprState *>(lfirst(cell));
        PlanValue *value = &values[i++];
        value->type = exprType(reinterpret_cast<Node *>(state->expr));
        value->datum = ExecEvalExpr(state, node->ss.ps.ps_ExprContext, &value->null);
    }
    return values;
}

void start(ForeignScanState *node)
{
    Scan *scan = scan_of(node);
    MemoryContext old = MemoryContextSwitchTo(scan->run);
    Wanted wanted;
    if (make_request(*scan->table, scan->plan, evaluate(node), &wanted))
        scan->fetch = start_fetch(scan->run, scan->table, wanted);
    MemoryContextSwitchTo(old);
    scan->started = true;
}

bool fill_row(Scan *scan, TupleTableSlot *slot)
{
    const engine::Item *item = scan->fetch == nullptr ? nullptr : next_item(scan->fetch);
    if (item == nullptr)
        return false;
    make_row(scan->maker, *item, slot->tts_values, slot->tts_isnull);
    return true;
}

bool fill_counts(Scan *scan, TupleTableSlot *slot)
{
    if (scan->ended)
        return false;
    int64 count = scan->fetch == nullptr ? 0 : count_items(scan->fetch);
    for (int i = 0; i < slot->tts_tupleDescriptor->natts; ++i) {
        slot->tts_values[i] = Int64GetDatum(count);
        slot->tts_isnull[i] = false;
    }
    return true;
}

TupleTableSlot *iterate(ForeignScanState *node)
{
    Scan *scan = scan_of(node);
    TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
    if (!scan->started)
        start(node);
    ExecClearTuple(slot);
    if (scan->ended || !(scan->plan.count ? fill_counts(scan, slot) : fill_row(scan, slot))) {
        scan->ended = true;
        return slot;
    }
    scan->ended = scan->plan.count;
    return ExecStoreVirtualTuple(slot);
}

void add_figures(Scan *scan)
{
    if (scan->fetch == nullptr)
        return;
    FetchFigures figures = figures_of(scan->fetch);
    scan->figures.requests += figures.requests;
    scan->figures.read_units += figures.read_units;
}

void rescan(ForeignScanState *node)
{
    Scan *scan = scan_of(node);
    add_figures(scan);
    MemoryContextReset(scan->run);
    scan->fetch = nullptr;
    scan->started = scan->ended = false;
}

void end(ForeignScanState *node)
{
    Scan *scan = scan_of(node);
    if (scan != nullptr && scan->run != nullptr)
        MemoryContextDelete(scan->run);
}

void explain(ForeignScanState *node, ExplainState *state)
{
    Scan *scan = scan_of(node);
    explain_scan(node, scan->plan, state);
    if (state->analyze && scan->table != nullptr) {
        add_figures(scan);
        explain_figures(scan->figures, state);
    }
}

}  // namespace

void set_scan_routines(FdwRoutine *routine)
{
    routine->BeginForeignScan = begin;
    routine->IterateForeignScan = iterate;
    routine->ReScanForeignScan = rescan;
    routine->EndForeignScan = end;
    routine->ExplainForeignScan = explain;
}

}  // namespace podyn
