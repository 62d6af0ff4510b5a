// Into how many segments a copy is split.
#pragma once

#include "compat.h"
#include "settings.h"

namespace podyn {

// One segment for each 2 GB (developer guide, best practices for Scan), and enough for all workers where it pays.
inline constexpr int64 kBytesPerSegment = INT64CONST(2) * 1024 * 1024 * 1024;
inline constexpr int64 kWorthParallel = INT64CONST(64) * 1024 * 1024;
inline constexpr int kMaxChosenSegments = 4096;

// `asked`: the option `segments`; 0: chosen from the table's size.
inline int choose_segments(int32 asked, int64 size_bytes)
{
    if (asked > 0)
        return asked;
    int64 segments = (size_bytes + kBytesPerSegment - 1) / kBytesPerSegment;
    if (size_bytes >= kWorthParallel)
        segments = Max(segments, static_cast<int64>(settings::max_workers));
    return static_cast<int>(Min(Max(segments, INT64CONST(1)), static_cast<int64>(kMaxChosenSegments)));
}

}  // namespace podyn
