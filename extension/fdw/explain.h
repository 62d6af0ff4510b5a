// What EXPLAIN shows of a foreign scan.
#pragma once

#include "compat.h"
#include "fdw/fetch.h"

namespace podyn {

void explain_scan(ForeignScanState *node, const PlannedScan &plan, ExplainState *state);
void explain_figures(const FetchFigures &figures, ExplainState *state);

}  // namespace podyn
