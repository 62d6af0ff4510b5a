// Imports whose profile has hook transform or upsert: items, alone or in groups, become records, and these are written
// to whatever the target is. A batch at a time, inside the page's transaction.
#pragma once

#include "catalog/profiles.h"
#include "catalog/replications.h"
#include "compat.h"
#include "workers/page_writer.h"

namespace podyn {

struct RecordPage {
    const catalog::Replication *replication;
    const catalog::Profile *profile;
    const Page *page;  // its items are screened (imports/hooks.h)
    Datum *documents;  // of the items, as jsonb
};

// One bad item never stops the rest: where a hook or the write fails, groups are tried alone, and a group that fails
// goes to podyn.error, item by item. Counts are those of items: one is written if its group gave a record, skipped if
// not. Where each item gives one record, those that the write leaves out are skipped, too.
WrittenCounts write_records(const RecordPage &page);

}  // namespace podyn
