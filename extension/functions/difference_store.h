// podyn.difference: what the last podyn_verify of a replication found.
#pragma once

#include "catalog/replications.h"
#include "functions/look.h"

namespace podyn {

struct FoundKey {
    const char *key;  // DynamoDB JSON; where it holds U+0000 that is shown as U+2400
    bool askable;     // a request can name the key: otherwise there is nothing that podyn_repair could do
    Finding finding;
    const char *reason;  // null: none is known
    List *differences;   // of AttributeDifference
};

void forget_differences(const catalog::Replication &replication);
void record_difference(const catalog::Replication &replication, TimestampTz verified_at, const FoundKey &found);
// Items in podyn.error say there why their rows are missing or different.
void tell_reasons(const catalog::Replication &replication);

}  // namespace podyn
