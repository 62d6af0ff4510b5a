// What reading costs.
#pragma once

#include "compat.h"
#include "engine/operations.h"

namespace podyn {

// A read unit is one consistent read of up to 4 KB, or two eventually consistent ones (developer guide,
// ProvisionedThroughput).
inline constexpr double kBytesPerReadUnit = 4096;

// Where the stream's start lies this long before a page, a stale read can show nothing that the stream will not mend
// (a write is seen by every read well within it), and half the read units are saved.
inline constexpr int kStaleReadsAreSafeSeconds = 300;

// So many items that a page of a scan costs about one second's read units at `rate` (0: no limit). `units_per_item`: as
// measured; 0: not known yet.
uint32 scan_limit(double rate, double units_per_item);

// What a page has cost; estimated where the server does not tell.
double page_read_units(const engine::ScanPage &page, bool consistent);

}  // namespace podyn
