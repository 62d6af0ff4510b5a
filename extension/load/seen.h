// The keys that a copy into a table with rows has met (on_existing => 'upsert'), in podyn.seen: when it is complete,
// rows with other keys are those that the source no longer has.
#pragma once

#include "load/page_item.h"
#include "load/target.h"

namespace podyn {

// Notes the keys of a page of the copy, those of items too that will be rejected: the source has them.
void note_seen_items(int32 replication, const Target &target, const PageItem *items, int count);
void note_seen(int32 replication, const uint8 *const *digests, int count);

// Flags for those of the items that neither the copy nor the spool knows.
bool *find_unseen(int32 replication, const Target &target, std::span<const engine::Item> items);

// Forgets some of a replication's keys; false: those were all, for now.
bool forget_some_seen(int32 replication);

}  // namespace podyn
