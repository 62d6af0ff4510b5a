// What podyn writes down for its users: events (podyn_events) and items that it could not take (podyn.error).
#pragma once

#include <string_view>

#include "compat.h"

namespace podyn::catalog {

void record_event(Oid owner, const char *name, const char *event, const char *message);

struct RejectedItem {
    const char *source;         // "segment 3", "shard shardId-…", "spool"
    std::string_view position;  // sequence number; may be empty
    const char *operation;      // put, remove
    std::string_view item;      // DynamoDB JSON as received
    const char *sqlstate;
    std::string_view message;
    std::string_view detail;  // may be empty
};

void record_rejected(const char *name, const RejectedItem &rejected);

}  // namespace podyn::catalog
