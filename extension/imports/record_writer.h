// Imports whose profile has hook transform or upsert: items, alone or in groups, become records, and these are written
// to whatever the target is. A batch at a time, inside the page's transaction.
#pragma once

#include "catalog/profiles.h"
#include "catalog/replications.h"
#include "compat.h"
#include "load/page_item.h"

namespace podyn {

// Why an item is not taken.
struct Rejection {
    const char *sqlstate;
    std::string_view message;
    std::string_view detail;
    int group;  // the first item of the group that has failed; -1: the item failed by itself
};

struct RecordPage {
    const catalog::Replication *replication;
    const catalog::Profile *profile;
    const PageItem *items;  // screened (imports/hooks.h)
    int count;
    Datum *documents;  // of the items, as jsonb
    // Of each item a number, those of a group side by side; null: the profile makes the groups, in batches.
    const int *groups;
    void (*reject)(void *context, int item, const Rejection &rejection);
    void *context;
    void (*between)();  // is called between batches; null: nothing is
};

// One bad item never stops the rest: where a hook or the write fails, groups are tried alone, and a group that fails
// is rejected, item by item. Counts are those of items: one is written if its group gave a record, skipped if
// not. Where each item gives one record, those that the write leaves out are skipped, too.
WrittenCounts write_records(const RecordPage &page);

}  // namespace podyn
