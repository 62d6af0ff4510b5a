// One page, one transaction: rows and position together. The same for a backfill's pages, a shard's changes and a
// merge.
#pragma once

#include "catalog/profiles.h"
#include "compat.h"
#include "load/page_item.h"
#include "workers/running_task.h"

namespace podyn {

struct Page {
    PageItem *items;  // each key once
    int count;
    const char *source;      // for podyn.error: "segment 3", "shard …", "spool"
    bool backfill;           // rows of the copy
    bool new_keys;           // … which it has not met before: multi-insert if the table began empty and allows it
    OnConflict on_conflict;  // of rows that are put
    int batch_size;          // rows in one statement; 0: all of the page
    bool may_spool;          // changes: to the spool while the backfill runs
    const uint8 **kept;      // digests of keys of which nothing is known but a deletion that is ignored
    int kept_count;
    // Writes the task's progress, in the same transaction, after the rows.
    void (*record)(RunningTask *task, const WrittenCounts &counts);
};

// Makes podyn_rest if a row was too big for the columns (Target::wants_rest), in a transaction of its own. To be called
// outside of one, before a page is written in the caller's transaction; write_page does it itself.
void make_room_if_wanted(RunningTask *task);

// Writes a page. Columns that it needs are added first, in a transaction of their own. kGo: it is committed; kLater:
// nothing has been written, try again soon; kGone: nothing has been written, the task is finished. Errors are raised.
Turn write_page(RunningTask *task, const Page &page);

// Writes a page's items as records that the profile's hooks make of them. What else the hooks do commits with the
// page's position, too.
Turn write_page_by_hooks(RunningTask *task, const catalog::Profile &profile, const Page &page);

// The same as write_page inside the caller's transaction, begun by begin_turn, which the caller commits. False: the
// page needed new columns; the transaction is over without having written anything, they have been added, and the
// caller begins anew.
bool write_page_in_transaction(RunningTask *task, const Page &page, const catalog::Standing &standing);

}  // namespace podyn
