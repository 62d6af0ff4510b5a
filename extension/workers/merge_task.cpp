// The merge task: after the backfill, applies the spool to the target in chunks, each deleted from the spool in the
// same transaction, while newer changes still go to the spool. It begins when the stream has been read beyond the
// backfill's end and the time that a write takes to get there (podyn.stream_delay): then no image in the spool is older
// than what the scan saw, and no row goes back in time. It goes through the keys in order; when a round found little,
// it holds the replication, merges the rest and switches to direct apply: state streaming.
#include "catalog/journal.h"
#include "load/page_item.h"
#include "load/spool.h"
#include "locks.h"
#include "raise.h"
#include "settings.h"
#include "transaction.h"
#include "workers/backfill_end.h"
#include "workers/page_writer.h"
#include "workers/running_task.h"

namespace podyn {
namespace {

// A round that merged no more than this is followed by the last one, which keeps changes waiting.
constexpr int64 kSmallRound = 1000;

struct Merge {
    char last_key[engine::kKeyDigestBytes];
    size_t last_key_size;  // 0: a round begins
    int64 round_merged;
    bool begun;  // the stream has passed the backfill's end
    bool last_round;
    MemoryContext page_context;  // the chunk and its parsed items
    SpooledChanges chunk;
};

Merge *state_of(RunningTask *task)
{
    return static_cast<Merge *>(task->state);
}

void record(RunningTask *task, const WrittenCounts &)
{
    const Merge &merge = *state_of(task);
    delete_from_spool(task->replication, merge.chunk);
    catalog::Progress progress = {};
    progress.spooled = -merge.chunk.count;
    catalog::save_progress(task->id, task->task->position, progress);
}

// Parses the chunk's items.
Page make_page(RunningTask *task)
{
    Merge *merge = state_of(task);
    MemoryContext old = MemoryContextSwitchTo(merge->page_context);
    auto count = static_cast<size_t>(merge->chunk.count);
    auto *documents = static_cast<std::string_view *>(palloc(sizeof(std::string_view) * count));
    for (size_t i = 0; i < count; ++i)
        documents[i] = merge->chunk.changes[i].item;
    engine::Items *handle = nullptr;
    std::span<const engine::Item> items;
    check(engine::parse_items({documents, count}, task->job->replication->nul_characters, &handle, &items));
    own<engine::Items>(merge->page_context, handle, engine::destroy);

    Page page = {};
    page.items = static_cast<PageItem *>(palloc0(sizeof(PageItem) * count));
    for (size_t i = 0; i < count; ++i)
        page.items[page.count++] = {
            &items[i], {}, nullptr, merge->chunk.changes[i].deleted, merge->chunk.changes[i].deleted_at};
    page.source = "spool";
    page.record = record;
    MemoryContextSwitchTo(old);
    return page;
}

void read_chunk(RunningTask *task)
{
    Merge *merge = state_of(task);
    MemoryContextReset(merge->page_context);
    MemoryContext old = MemoryContextSwitchTo(merge->page_context);
    merge->chunk = read_spool(task->replication, {merge->last_key, merge->last_key_size}, settings::batch_rows,
                              static_cast<int64>(settings::batch_kilobytes) * 1024);
    MemoryContextSwitchTo(old);
}

void advance(RunningTask *task)
{
    Merge *merge = state_of(task);
    task->failures = 0;
    merge->round_merged += merge->chunk.count;
    const SpooledChange &last = merge->chunk.changes[merge->chunk.count - 1];
    memcpy(merge->last_key, last.key.data(), last.key.size());
    merge->last_key_size = last.key.size();
}

// The replication is held exclusively: nothing can be added to the spool any more.
void switch_to_direct_apply(RunningTask *task)
{
    const catalog::Replication &replication = *task->job->replication;
    catalog::execute(
        "UPDATE podyn.replication SET phase = 'streaming', consistent_since = clock_timestamp() WHERE id = $1",
        {catalog::int4(task->replication)});
    // Keys whose deletion was ignored since the prune.
    catalog::execute("DELETE FROM podyn.seen WHERE replication = $1", {catalog::int4(task->replication)});
    catalog::execute("UPDATE podyn.task SET spooled = 0 WHERE replication = $1 AND spooled <> 0",
                     {catalog::int4(task->replication)});
    record_done(task);
    catalog::record_event(replication.owner, replication.name, "streaming",
                          "all changes are merged, replaying new ones");
    catalog::notify("complete", replication.name);
}

void begin_round(Merge *merge)
{
    merge->last_round = merge->round_merged <= kSmallRound;
    merge->round_merged = 0;
    merge->last_key_size = 0;
}

// One chunk behind the last key.
void merge_chunk(RunningTask *task, const catalog::Standing &standing)
{
    Merge *merge = state_of(task);
    read_chunk(task);
    if (merge->chunk.count == 0) {
        commit_transaction();
        begin_round(merge);
        return;
    }
    if (!write_page_in_transaction(task, make_page(task), standing))
        return;  // once more: it needed columns, which are there now
    commit_transaction();
    advance(task);
}

// All that is left, in one transaction, and with it the switch.
void merge_rest(RunningTask *task, const catalog::Standing &standing)
{
    Merge *merge = state_of(task);
    locks::own_replication(task->replication);
    for (;;) {
        merge->last_key_size = 0;
        read_chunk(task);
        if (merge->chunk.count == 0)
            break;
        if (!write_page_in_transaction(task, make_page(task), standing))
            return;
    }
    switch_to_direct_apply(task);
    commit_finished(task);
}

void on_time(RunningTask *task)
{
    make_room_if_wanted(task);
    catalog::Standing standing;
    Turn turn = begin_turn(task, &standing);
    if (turn != Turn::kGo)
        return;
    Merge *merge = state_of(task);
    merge->begun = merge->begun || stream_has_passed_the_backfill(task->replication);
    wake_after(task, merge->begun ? 0 : kLookAtStream);
    if (!merge->begun)
        commit_transaction();
    else if (merge->last_round)
        merge_rest(task, standing);
    else
        merge_chunk(task, standing);
}

void begin(RunningTask *task)
{
    auto *merge = static_cast<Merge *>(MemoryContextAllocZero(task->run, sizeof(Merge)));
    merge->page_context = AllocSetContextCreate(task->run, "podyn chunk", ALLOCSET_SMALL_SIZES);
    task->state = merge;
    wake_after(task, 0);
}

}  // namespace

const TaskMethods kMergeTask = {begin, nullptr, on_time, nullptr};

}  // namespace podyn
