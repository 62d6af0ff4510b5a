// See page_changes.h.
#include "workers/page_changes.h"

namespace podyn {
namespace {

using engine::Change;

void add(Page *page, const Change &change, bool remove, TimestampTz deleted_at)
{
    page->items[page->count++] = {&change.image, change.sequence_number, change.key_digest, remove, deleted_at};
}

TimestampTz deletion_time(const Change &deletion)
{
    return deletion.created_at_us != 0 ? to_timestamp(deletion.created_at_us) : GetCurrentTimestamp();
}

void add_mark(Page *page, const Change &deletion)
{
    add(page, deletion, true, deletion_time(deletion));
}

// `mark`: the deletion behind it that is marked; null: none.
void add_put(Page *page, const Change &put, const Change *mark)
{
    add(page, put, false, mark != nullptr ? deletion_time(*mark) : 0);
    if (mark != nullptr && put.image.problem.exists())
        add_mark(page, *mark);  // the put will be rejected, and an older row stays
}

// From a key's last change back to the one that decides. `images`: the puts have them.
void add_outcome(const catalog::Replication &replication, const engine::RecordsPage &records, uint32 last, bool images,
                 Page *page)
{
    const Change *mark = nullptr;
    for (uint32 i = last; i != engine::kNoChange; i = records.previous[i]) {
        const Change &change = records.changes[i];
        if (change.kind == engine::ChangeKind::kPut) {
            if (!images)
                continue;
            add_put(page, change, mark);
            return;
        }
        Deletes mode = change.by_ttl ? replication.ttl_deletes : replication.deletes;
        if (mode == Deletes::kApply) {
            add(page, change, true, 0);
            return;
        }
        if (mode == Deletes::kMark && mark == nullptr)
            mark = &change;
    }
    if (mark != nullptr)
        add_mark(page, *mark);
    else
        page->kept[page->kept_count++] = records.changes[last].key_digest;
}

// The same where the item has been read again: see reread.h. What an item was that is gone by now nobody can tell.
void add_current(const catalog::Replication &replication, const engine::RecordsPage &records, uint32 last,
                 const engine::Item *current, Page *page)
{
    const Change &change = records.changes[last];
    bool removals_apply = replication.deletes == Deletes::kApply && replication.ttl_deletes == Deletes::kApply;
    if (current != nullptr)
        page->items[page->count++] = {current, change.sequence_number, change.key_digest, false, 0};
    else if (change.kind == engine::ChangeKind::kPut && removals_apply)
        page->items[page->count++] = {&change.keys, change.sequence_number, change.key_digest, true, 0};
    else
        add_outcome(replication, records, last, false, page);
}

}  // namespace

void add_changes(const catalog::Replication &replication, const engine::RecordsPage &records, uint32 first, uint32 end,
                 const Reread *reread, Page *page)
{
    size_t keys = end - first;
    size_t most = keys * 2;  // a rejected put and the mark behind it
    page->items = static_cast<PageItem *>(palloc0(sizeof(PageItem) * (most + 1)));
    page->kept = static_cast<const uint8 **>(palloc(sizeof(uint8 *) * (keys + 1)));
    for (uint32 i = first; i < end; ++i) {
        uint32 last = records.last[i];
        if (reread == nullptr || records.changes[last].keys.problem.exists())
            add_outcome(replication, records, last, true, page);
        else
            add_current(replication, records, last, current_item(*reread, i), page);
    }
}

}  // namespace podyn
