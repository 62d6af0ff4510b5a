// When the stream tells of everything that happened before the backfill ended.
#pragma once

#include "compat.h"

namespace podyn {

// How often to ask.
inline constexpr int64 kLookAtStream = USECS_PER_SEC / 10;

// Whether every shard has been read beyond the backfill's end and the time that a write takes to get there
// (podyn.stream_delay).
bool stream_has_passed_the_backfill(int32 replication);

}  // namespace podyn
