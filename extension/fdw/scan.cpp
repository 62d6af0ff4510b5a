// See scan.h.
#include "fdw/scan.h"

#include "fdw/explain.h"
#include "fdw/fetch.h"
#include "fdw/lookup_batch.h"
#include "fdw/request.h"
#include "fdw/row_maker.h"
#include "raise.h"

namespace podyn {
namespace {

struct Scan {
    PlannedScan plan;
    MemoryContext run;          // from one (re)start of the scan to the next
    ForeignTable *table;        // null: EXPLAIN alone
    RowMaker *maker;            // null: the scan only counts
    List *values;               // ExprState *
    Fetch *fetch;               // null: nothing to be fetched
    LookupBatch *ahead;         // a look-ahead's; null: the scan fetches for itself
    const engine::Item *found;  // in that
    bool started;
    bool ended;
    FetchFigures figures;
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
    if (scan->plan.ahead != kNoParameter) {
        scan->ahead = make_lookup_batch(context, scan->table, &scan->plan);
        *find_place(node->ss.ps.state, scan->plan.ahead) = scan->ahead;
    }
}

void start(ForeignScanState *node)
{
    Scan *scan = scan_of(node);
    MemoryContext old = MemoryContextSwitchTo(scan->run);
    const PlanValue *values = evaluate(scan->values, node->ss.ps.ps_ExprContext);
    Wanted wanted;
    if (scan->ahead != nullptr)
        scan->found = find_item(scan->ahead, values);
    else if (make_request(*scan->table, scan->plan, values, &wanted))
        scan->fetch = start_fetch(scan->run, scan->table, wanted);
    MemoryContextSwitchTo(old);
    scan->started = true;
}

const engine::Item *take_item(Scan *scan)
{
    if (scan->fetch != nullptr)
        return next_item(scan->fetch);
    const engine::Item *found = scan->found;
    scan->found = nullptr;
    return found;
}

bool fill_row(Scan *scan, TupleTableSlot *slot)
{
    const engine::Item *item = take_item(scan);
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
    if (scan->fetch != nullptr)
        add(&scan->figures, figures_of(scan->fetch));
}

void rescan(ForeignScanState *node)
{
    Scan *scan = scan_of(node);
    add_figures(scan);
    MemoryContextReset(scan->run);
    scan->fetch = nullptr;
    scan->found = nullptr;
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
        explain_figures(scan->ahead != nullptr ? figures_of(scan->ahead) : scan->figures, state);
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
