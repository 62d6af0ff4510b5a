// What podyn writes down for its users: events (podyn_events, NOTIFY podyn) and items that it could not take
// (podyn.error).
#pragma once

#include <string_view>

#include "compat.h"

namespace podyn::catalog {

// Also tells whoever listens, unless it is about a column.
void record_event(Oid owner, const char *name, const char *event, const char *message);
// Tells only, on channel podyn, when the transaction commits: a JSON object with the event's name, the replication's,
// its state and counters. Everyone who can connect to the database may listen, so nothing else of it is told.
void notify(const char *event, const char *name);

struct RejectedItem {
    const char *source;         // "segment 3", "shard shardId-…", "spool"
    std::string_view position;  // sequence number; may be empty
    const char *operation;      // put, remove
    std::string_view item;      // DynamoDB JSON as received
    const char *sqlstate;
    std::string_view message;
    std::string_view detail;               // may be empty
    std::string_view group_position = {};  // of its group's first item, where it failed with others; else empty
};

void record_rejected(const char *name, const RejectedItem &rejected);

}  // namespace podyn::catalog
