// Option enable_stream of podyn_replicate.
#pragma once

#include "source_table.h"

namespace podyn {

// All that podyn needs. Old images would make the pages twice as long.
inline constexpr char kEnabledViewType[] = "NEW_IMAGE";

// Turns the stream of a DynamoDB table on, and waits until it can be read: a minute at most. Nothing takes that back, a
// rollback neither, so it comes after everything else that can fail.
void enable_stream(const Source &source, const char *table);

}  // namespace podyn
