// What EXPLAIN shows of a foreign scan.
#pragma once

#include "compat.h"
#include "fdw/plan.h"

namespace podyn {

struct ScanFigures {
    int64 requests;
    double read_units;
};

void explain_scan(ForeignScanState *node, const PlannedScan &plan, ExplainState *state);
void explain_figures(const ScanFigures &figures, ExplainState *state);

}  // namespace podyn
