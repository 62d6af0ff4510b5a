// The spool: changes that wait until the backfill is complete, one row for each key (docs/architecture.md).
#pragma once

#include "compat.h"
#include "load/page_item.h"

namespace podyn {

// Puts changes into the spool, over older ones of the same keys. Returns how many keys are new in it.
int64 spool_changes(int32 replication, const PageItem *items, int count);

struct SpooledChange {
    std::string_view key;   // digest
    std::string_view item;  // DynamoDB JSON
    bool deleted;
    TimestampTz deleted_at;  // as in PageItem
};

struct SpooledChanges {
    SpooledChange *changes;
    int count;
};

// The next changes in the order of keys, behind `after` (a digest, or empty), locked against newer ones until the
// transaction ends: at most `rows`, and some `bytes` of items but at least one.
SpooledChanges read_spool(int32 replication, std::string_view after, int rows, int64 bytes);
void delete_from_spool(int32 replication, const SpooledChanges &changes);

}  // namespace podyn
