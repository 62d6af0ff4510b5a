// The items of a page of changes as they are now, for streams whose records do not tell (view types KEYS_ONLY and
// OLD_IMAGE): a step between GetRecords and the page's transaction.
//
// Every key of the page is read with BatchGetItem, consistently, after the page has arrived. What is read is therefore
// at least as new as the page's changes of that key, and a key's pages are read one after the other: a row may run
// ahead of the stream, but never goes back.
//
//   the item is there, its last change is a put      the item as it is now
//   the item is there, its last change is a removal  the same: it was put again meanwhile. To remove the row until that
//                                                    put arrives would take a row back that an earlier page may have
//                                                    written from the item as it is now
//   the item is gone, its last change is a removal   removed
//   the item is gone, its last change is a put       removed, as its removal has happened and its record follows; to
//                                                    leave the row would show an older image than podyn_sync promises.
//                                                    Where removals are not all applied, nothing is written: only the
//                                                    record tells whether it was TTL's
//
// The keys are read in rounds of about podyn.batch_bytes, each written with a position of its own, because a page of
// 1,000 keys may stand for 400 MB of items. A round ends with the last change of one of its keys; earlier changes of
// keys that change again later in the page are passed over, as their last change is still to come.
#pragma once

#include "compat.h"
#include "workers/running_task.h"

namespace podyn {

struct Reread {
    MemoryContext context;                   // owns what a round has read
    uint32 first;                            // the round in RecordsPage::last: from here …
    uint32 end;                              // … up to what has been asked for
    uint32 asked;                            // the last request's keys: [asked, end)
    const engine::Item **items;              // of the round's keys; null: gone
    std::span<const std::string_view> keys;  // to be asked for, first of all or again
    size_t round_bytes;
    size_t bytes_per_item;  // of the last answer; 0: not known yet
    double read_units;      // of the round
    int pauses;             // in a row, each longer than the one before, while requests are throttled
};

Reread *make_reread(MemoryContext context);
// Begins with a page, or with the next round of it, and sends the first request. False: nothing has to be read.
bool begin_round(RunningTask *task, Reread *reread, const engine::RecordsPage &page, uint32 first);
// Takes the finished call. True: the round [first, end) is complete; false: another request is under way, or will be
// when the task's time comes and calls request_items.
bool take_items(RunningTask *task, Reread *reread, const engine::RecordsPage &page);
void request_items(RunningTask *task, const Reread &reread);
// A request was throttled: it is sent again after a pause, without giving up what has been read.
void ask_again_after_throttling(RunningTask *task, Reread *reread, const engine::Status &status);
// The item of last[index], one of the round, as it is now; null: gone.
const engine::Item *current_item(const Reread &reread, uint32 index);

}  // namespace podyn
