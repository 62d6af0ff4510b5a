// A stream shard: reads its records in order, each page one transaction with the shard's position. While the backfill
// runs they go to the spool, later to the target. A gap (a trimmed or vanished position) ends in needs_resync.
//
//   iterator   GetShardIterator behind the position, or at the shard's start
//   reading    GetRecords; again after podyn.poll_interval, or at once while there is more
//   rereading  BatchGetItem, only where the records say no new images (reread.h); then the page is written in rounds
//   ended      no next iterator: the shard is done, its children may be read
#include "catalog/journal.h"
#include "imports/continuity.h"
#include "raise.h"
#include "settings.h"
#include "transaction.h"
#include "workers/page_changes.h"
#include "workers/page_writer.h"
#include "workers/reread.h"
#include "workers/running_task.h"

namespace podyn {
namespace {

// Nothing in an answer tells that a shard has been read to its end for now: pages may be short, and even empty, though
// more is waiting (API reference, GetRecords). So many empty pages in a row mean the end, if they have been the only
// ones for a while, and each one after that, until changes come or a poll is late. A change that was old when it came
// is proof of a backlog, and shards that have not been read for long have one: there the silence must last longer.
constexpr int kQuietPolls = 2;
constexpr int64 kLatePoll = 2 * USECS_PER_SEC;
constexpr int64 kSilence = USECS_PER_SEC;
constexpr int64 kSilenceInBacklog = 3 * USECS_PER_SEC;
constexpr int64 kOldChange = 3 * USECS_PER_SEC;  // of which one is the rounding of creation times
constexpr int64 kLongUnread = USECS_PER_MINUTE;
// How old the committed read_through may get while nothing arrives.
constexpr int64 kSaveReadThrough = 10 * USECS_PER_MINUTE;
// A quarter of the 1 MB that a page may have (API reference, GetRecords): as JSON, and with old images.
constexpr size_t kLongPage = 256 * 1024;

enum class Waiting : uint8 { kForIterator, kForRecords, kForItems };

struct Shard {
    MemoryContext page_context;  // owns the page's handle
    engine::RecordsPage page;
    Reread *reread;    // null: the records carry the items
    uint32 written;    // how many of page.last have been written
    uint32 round_end;  // how many will have been once the round under way is
    char *iterator;    // for the next GetRecords; null: the shard is read to its end
    Waiting waiting;
    int64 asked_at;             // monotonic: when the last GetRecords started
    TimestampTz asked_at_time;  // the same as a time of day
    bool proven;                // the iterator has given a page
    int quiet_polls;
    int64 changes_asked_at;  // monotonic: when the last page with changes was asked for, or the task began
    int64 silence;           // how long after that empty pages do not count
    bool in_minutes;         // every page so far ended with a creation time on a full minute
    TimestampTz read_through;
    TimestampTz page_read_through;  // once the page is written
    TimestampTz saved_read_through;
};

Shard *state_of(const RunningTask *task)
{
    return static_cast<Shard *>(task->state);
}

void publish(RunningTask *task, TimestampTz read_through)
{
    Shard *shard = state_of(task);
    shard->read_through = Max(shard->read_through, read_through);
    if (task->published != nullptr)
        shared::publish_read_through(task->published, shard->read_through);
}

void keep_iterator(RunningTask *task, std::string_view iterator)
{
    Shard *shard = state_of(task);
    if (shard->iterator != nullptr)
        pfree(shard->iterator);
    MemoryContext old = MemoryContextSwitchTo(task->run);
    shard->iterator = iterator.empty() ? nullptr : copy_string(iterator);
    MemoryContextSwitchTo(old);
}

void request_iterator(RunningTask *task)
{
    state_of(task)->waiting = Waiting::kForIterator;
    check(engine::start_get_shard_iterator(worker_loop()->client, task->job->session,
                                           task->job->replication->stream_arn, task->task->name,
                                           view(task->task->position), now(), &task->call));
}

void request_records(RunningTask *task)
{
    Shard *shard = state_of(task);
    shard->waiting = Waiting::kForRecords;
    int64 time = now().monotonic_us;
    if (shard->asked_at + kLatePoll + static_cast<int64>(settings::poll_interval) * 1000 < time)
        shard->quiet_polls = 0;
    shard->asked_at = time;
    shard->asked_at_time = GetCurrentTimestamp();
    auto limit = static_cast<uint32>(Min(settings::batch_rows, settings::kMaxRecords));
    check(engine::start_get_records(worker_loop()->client, task->job->session, shard->iterator, limit, now(),
                                    &task->call));
}

void poll_after_interval(RunningTask *task)
{
    // A little more, so that no second sees one read too many.
    int64 interval = static_cast<int64>(settings::poll_interval) * 1020;
    wake_after(task, Max(state_of(task)->asked_at + interval - now().monotonic_us, INT64CONST(0)));
}

// ---- A page with changes, or the shard's last page -----------------------------------------------------------------

// So long that more may be waiting.
bool is_long(const Shard &shard)
{
    return static_cast<int>(shard.page.changes.size()) >= Min(settings::batch_rows, settings::kMaxRecords) / 2 ||
           shard.page.bytes >= kLongPage;
}

TimestampTz last_change_at(std::span<const engine::Change> changes)
{
    if (changes.empty() || changes.back().created_at_us == 0)
        return 0;
    return to_timestamp(changes.back().created_at_us);
}

// DynamoDB Local rounds creation times to the minute, which says too little under steady traffic; but its short pages
// hold all there is. A minute's first second looks the same on AWS, so only a server on this machine is taken for it.
bool is_dynamodb_local(const RunningTask *task)
{
    return state_of(task)->in_minutes && engine::session_is_local(task->job->session);
}

TimestampTz read_through_local_page(Shard *shard, TimestampTz last)
{
    if (last + USECS_PER_MINUTE + kOldChange < shard->asked_at_time)
        shard->quiet_polls = 0;
    else if (!is_long(*shard))
        ++shard->quiet_polls;
    shard->silence = 0;
    return !is_long(*shard) && shard->quiet_polls >= kQuietPolls ? shard->asked_at_time : last;
}

// What is known to be read once this page is written: everything before its last change's creation time, which is
// rounded down to the second (API reference, StreamRecord). DynamoDB's clock may be ahead of ours.
TimestampTz read_through_page(const RunningTask *task)
{
    Shard *shard = state_of(task);
    TimestampTz last = last_change_at(shard->page.changes);
    if (last == 0)
        return shard->read_through;
    shard->in_minutes = shard->in_minutes && last % USECS_PER_MINUTE == 0;
    shard->changes_asked_at = shard->asked_at;
    if (is_dynamodb_local(task)) {
        last = read_through_local_page(shard, last);
    } else {
        shard->quiet_polls = 0;
        shard->silence = last + kOldChange < shard->asked_at_time ? kSilenceInBacklog : kSilence;
    }
    return Max(shard->read_through, Min(last, shard->asked_at_time));
}

bool is_last_round(const Shard &shard)
{
    return shard.round_end == shard.page.last.size();
}

// The page's changes up to its entry `end` of `last`.
std::span<const engine::Change> changes_up_to(const Shard &shard, uint32 end)
{
    if (end == shard.page.last.size())
        return shard.page.changes;
    return shard.page.changes.first(end == 0 ? 0 : shard.page.last[end - 1] + 1);
}

int64 changes_of_round(const Shard &shard)
{
    size_t before = shard.written == 0 ? 0 : changes_up_to(shard, shard.written).size();
    return static_cast<int64>(changes_up_to(shard, shard.round_end).size() - before);
}

void record(RunningTask *task, const WrittenCounts &counts)
{
    const Shard &shard = *state_of(task);
    auto changes = changes_up_to(shard, shard.round_end);
    catalog::Progress progress = {};
    progress.done = is_last_round(shard) && shard.page.next_iterator.empty();
    progress.position = changes.empty() ? nullptr : copy_string(changes.back().sequence_number);
    progress.changes = changes_of_round(shard) - counts.rejected;
    progress.spooled = counts.spooled;
    progress.read_units = shard.reread == nullptr ? 0 : shard.reread->read_units;
    progress.throttled = task->throttled;
    progress.read_through = is_last_round(shard) ? shard.page_read_through : 0;
    progress.last_change_at = last_change_at(changes);
    catalog::save_progress(task->id, task->task->position, progress);
    if (progress.done)
        catalog::release_children(task->replication, task->task->name, progress.read_through);
}

Page make_page(RunningTask *task)
{
    const Shard &shard = *state_of(task);
    Page page = {};
    add_changes(*task->job->replication, shard.page, shard.written, shard.round_end, shard.reread, &page);
    page.source = psprintf("shard %s", task->task->name);
    page.may_spool = true;
    page.record = record;
    return page;
}

void after_page(RunningTask *task)
{
    Shard *shard = state_of(task);
    bool ended = shard->page.next_iterator.empty();
    bool more = is_long(*shard);
    publish(task, shard->page_read_through);
    shard->saved_read_through = shard->read_through;
    if (shard->reread != nullptr)
        MemoryContextReset(shard->reread->context);
    MemoryContextReset(shard->page_context);
    shard->page = {};
    if (ended) {
        task->finished = true;
        shared::request_describe(task->job->live);
    } else if (more) {
        request_records(task);
    } else {
        poll_after_interval(task);
    }
}

void begin_writing(RunningTask *task);

void after_round(RunningTask *task)
{
    Shard *shard = state_of(task);
    auto changes = changes_up_to(*shard, shard->round_end);
    shared::count(task->job->live, 0, changes_of_round(*shard));
    if (!changes.empty())
        keep_position(task, changes.back().sequence_number);
    task->failures = 0;
    task->throttled = 0;
    task->page_pending = false;
    shard->written = shard->round_end;
    if (is_last_round(*shard))
        after_page(task);
    else
        begin_writing(task);
}

void write(RunningTask *task)
{
    Turn turn = write_page(task, make_page(task));
    if (turn == Turn::kGo)
        after_round(task);
}

void write_round(RunningTask *task, uint32 end)
{
    Shard *shard = state_of(task);
    shard->waiting = Waiting::kForRecords;
    shard->round_end = end;
    task->page_pending = true;
    write(task);
}

// The page, or what has not been written of it.
void begin_writing(RunningTask *task)
{
    Shard *shard = state_of(task);
    if (shard->reread != nullptr && begin_round(task, shard->reread, shard->page, shard->written))
        shard->waiting = Waiting::kForItems;
    else
        write_round(task, static_cast<uint32>(shard->page.last.size()));
}

// ---- A page without changes ----------------------------------------------------------------------------------------

// Now and then what is known by reading nothing is written down, and errors that are over are forgotten.
bool save_idle_progress(RunningTask *task)
{
    Shard *shard = state_of(task);
    catalog::Standing standing;
    Turn turn = begin_turn(task, &standing);
    if (turn != Turn::kGo)
        return turn == Turn::kLater;
    catalog::Progress progress = {};
    progress.throttled = task->throttled;
    progress.read_through = shard->read_through;
    catalog::save_progress(task->id, task->task->position, progress);
    commit_transaction();
    shard->saved_read_through = shard->read_through;
    task->throttled = 0;
    task->failures = 0;
    return true;
}

void after_quiet_poll(RunningTask *task)
{
    Shard *shard = state_of(task);
    if (++shard->quiet_polls >= kQuietPolls && shard->asked_at >= shard->changes_asked_at + shard->silence)
        publish(task, shard->asked_at_time);
    bool due = task->failures > 0 || shard->saved_read_through + kSaveReadThrough < shard->read_through;
    if (due && !save_idle_progress(task))
        return;
    poll_after_interval(task);
}

// ---- Events --------------------------------------------------------------------------------------------------------

void begin(RunningTask *task)
{
    auto *shard = static_cast<Shard *>(MemoryContextAllocZero(task->run, sizeof(Shard)));
    shard->page_context = AllocSetContextCreate(task->run, "podyn page", ALLOCSET_SMALL_SIZES);
    shard->read_through = shard->saved_read_through = task->task->read_through;
    shard->in_minutes = true;
    if (task->job->replication->rereads_items)
        shard->reread = make_reread(task->run);
    shard->changes_asked_at = now().monotonic_us;
    shard->silence = shard->read_through + kLongUnread < GetCurrentTimestamp() ? kSilenceInBacklog : 0;
    task->state = shard;
    publish(task, shard->read_through);
    // The start of a shard moves when records are trimmed, and nothing would tell: only the clock shows the gap.
    if (task->task->position == nullptr && shard->read_through + kStreamRetention < GetCurrentTimestamp())
        end_replication(task, "needs_resync",
                        psprintf("shard %s has not been read for longer than the 24 hours that the stream keeps",
                                 task->task->name));
    else
        request_iterator(task);
}

void take_iterator(RunningTask *task)
{
    engine::Iterator *handle = nullptr;
    std::string_view iterator;
    check(engine::take_shard_iterator(task->call, &handle, &iterator));
    keep_iterator(task, iterator);
    engine::destroy(handle);
    drop_call(task);
    state_of(task)->proven = false;
    request_records(task);
}

void take_records(RunningTask *task)
{
    Shard *shard = state_of(task);
    engine::Records *handle = nullptr;
    check(engine::take_records(task->call, task->job->replication->nul_characters, &handle, &shard->page));
    own<engine::Records>(shard->page_context, handle, engine::destroy);
    drop_call(task);
    shard->proven = true;
    keep_iterator(task, shard->page.next_iterator);
    if (shard->page.changes.empty() && !shard->page.next_iterator.empty()) {
        MemoryContextReset(shard->page_context);
        shard->page = {};
        after_quiet_poll(task);
        return;
    }
    shard->page_read_through = read_through_page(task);
    shard->written = 0;
    begin_writing(task);
}

void take_current_items(RunningTask *task)
{
    Shard *shard = state_of(task);
    if (take_items(task, shard->reread, shard->page))
        write_round(task, shard->reread->end);
}

void on_response(RunningTask *task)
{
    switch (state_of(task)->waiting) {
        case Waiting::kForIterator:
            take_iterator(task);
            break;
        case Waiting::kForRecords:
            take_records(task);
            break;
        case Waiting::kForItems:
            take_current_items(task);
            break;
    }
}

void on_time(RunningTask *task)
{
    if (task->page_pending)
        write(task);
    else if (state_of(task)->waiting == Waiting::kForItems)
        request_items(task, *state_of(task)->reread);
    else
        request_records(task);
}

void ask_for_another_iterator(RunningTask *task)
{
    task->retrying = true;
    poll_after_interval(task);
}

bool on_failure(RunningTask *task, const engine::Status &status)
{
    if (state_of(task)->waiting == Waiting::kForItems) {
        if (status.failure == engine::Failure::kThrottled)
            ask_again_after_throttling(task, state_of(task)->reread, status);
        return status.failure == engine::Failure::kThrottled;
    }
    switch (status.failure) {
        case engine::Failure::kIteratorExpired:
            // Fifteen minutes after it was issued. The position is in the catalog, or the shard's start as before.
            ask_for_another_iterator(task);
            return true;
        case engine::Failure::kTrimmed:
            // An iterator that was good a moment ago says nothing about the position (DynamoDB Local answers so when an
            // empty shard gets its first record), and TRIM_HORIZON is never too old: begin() knows by the clock.
            if (state_of(task)->proven || task->task->position == nullptr) {
                ask_for_another_iterator(task);
                return true;
            }
            end_replication(task, "needs_resync",
                            psprintf("shard %s: the position is older than what the stream keeps (%s)",
                                     task->task->name, status.detail));
            return true;
        case engine::Failure::kNotFound:
            end_replication(
                task, "needs_resync",
                psprintf("shard %s vanished before it was read to its end (%s)", task->task->name, status.detail));
            return true;
        default:
            return false;
    }
}

}  // namespace

const TaskMethods kShardTask = {begin, on_response, on_time, on_failure};

}  // namespace podyn
