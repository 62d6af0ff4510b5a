// Whether a stream goes on where exports end, so that no change is missing between the two.
//
// A stream keeps changes for 24 hours, and none from before it was turned on. What it holds is read from its beginning,
// closed shards included: changes that an export contains already are replayed once more, in order, so that each key
// ends with its last one. Only a change that is in neither of the two would be lost.
#pragma once

#include "compat.h"
#include "engine/client.h"

namespace podyn {

// Streams keep records for 24 hours (developer guide, Streams); some minutes are left for clocks that differ.
inline constexpr int64 kStreamRetention = 24 * USECS_PER_HOUR - 5 * USECS_PER_MINUTE;

// The time of an export is not to be taken to the second: items may be as they were some moments before or after it
// (developer guide, "DynamoDB data export to Amazon S3: how it works"). Servers on this machine are exact.
int64 export_blur(const engine::Session *session);

// Why exports that contain everything up to `until` do not go together with a stream; all null: they do.
struct Discontinuity {
    const char *message;
    const char *detail;
    const char *hint;
};
Discontinuity find_discontinuity(const engine::Session *session, TimestampTz until, TimestampTz stream_created);

}  // namespace podyn
