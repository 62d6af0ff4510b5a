// A scan of the source in a user's session: segments of it, several at a time, over the session's event loop. Reads are
// eventually consistent, which costs half. Read units are held at a rate, shared with whoever else scans for the
// replication. What DynamoDB throttles, or what else may pass, is asked again.
#pragma once

#include "shared.h"
#include "source_table.h"

namespace podyn {

struct SourceScan {
    const Source *source;
    const catalog::Replication *replication;
    shared::Replication *budget;
    const uint32 *segments;  // those to be read
    int segment_count;
    uint32 total_segments;
    // Given each page, in a memory context that goes with it.
    void (*take)(void *context, std::span<const engine::Item> items);
    void *context;
    double read_units;  // outcome
};

void scan_source(SourceScan *scan);

}  // namespace podyn
