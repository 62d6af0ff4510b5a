// A backfill segment: pages of a Scan, each committed with its LastEvaluatedKey. The next page is on its way while this
// one is written. Read units are measured and held at the replication's scan_rate, over all of its segments.
#include "raise.h"
#include "read_units.h"
#include "transaction.h"
#include "workers/page_writer.h"
#include "workers/running_task.h"

namespace podyn {
namespace {

struct Segment {
    MemoryContext page_context;  // owns the page's handle
    engine::ScanPage page;
    char *next_key;             // where the next request starts; null: at the beginning
    bool complete;              // no further page is to be fetched
    bool consistent;            // how the request under way reads
    double units_per_item;      // measured; 0: not known yet
    catalog::Profile *profile;  // whose hooks make records; null: items become rows
};

Segment *state_of(RunningTask *task)
{
    return static_cast<Segment *>(task->state);
}

double rate_of(RunningTask *task)
{
    return task->job->replication->scan_rate;
}

bool must_read_consistently(const catalog::Replication &replication)
{
    if (replication.consistent_read != ConsistentRead::kAuto)
        return replication.consistent_read == ConsistentRead::kOn;
    return !replication.replay_changes || replication.positions_at == 0 ||
           replication.positions_at + kStaleReadsAreSafeSeconds * USECS_PER_SEC > GetCurrentTimestamp();
}

// Instead of a next page, once the one under way is written: others may have the segment, or options have changed.
void end_here(RunningTask *task)
{
    if (task->page_pending)
        return;
    if (task->leaving)
        task->finished = true;
    else
        begin_again(task);
}

bool ends_here(const RunningTask *task)
{
    return task->leaving || task->outdated;
}

void fetch(RunningTask *task)
{
    // The page before may have been written while the read units came back: then it is under way already.
    if (task->call != nullptr)
        return;
    if (ends_here(task)) {
        end_here(task);
        return;
    }
    Segment *segment = state_of(task);
    int64 wait = shared::read_units_wait(task->job->live, rate_of(task));
    if (wait > 0) {
        wake_after(task, wait);
        return;
    }
    const catalog::Replication &replication = *task->job->replication;
    task->due = -1;
    segment->consistent = must_read_consistently(replication);
    engine::ScanRequest request = {replication.source,
                                   static_cast<uint32>(strtoul(task->task->name, nullptr, 10)),
                                   static_cast<uint32>(replication.copy_segments),
                                   scan_limit(rate_of(task), segment->units_per_item),
                                   segment->consistent,
                                   view(segment->next_key)};
    check(engine::start_scan(worker_loop()->client, task->job->session, request, now(), &task->call));
}

// `consistent`: how the page was read.
void measure(RunningTask *task, bool consistent)
{
    Segment *segment = state_of(task);
    const engine::ScanPage &page = segment->page;
    double page_units = page_read_units(page, consistent);
    if (!page.items.empty())
        segment->units_per_item = page_units / static_cast<double>(page.items.size());
    task->read_units += page_units;
    shared::spend_read_units(task->job->live, rate_of(task), page_units);
}

void record(RunningTask *task, const WrittenCounts &counts)
{
    const Segment &segment = *state_of(task);
    catalog::Progress progress = {};
    progress.done = segment.page.last_key.empty();
    progress.position = progress.done ? nullptr : copy_string(segment.page.last_key);
    progress.items = counts.written;
    progress.skipped = counts.skipped;
    progress.read_units = task->read_units;
    progress.throttled = task->throttled;
    catalog::save_progress(task->id, task->task->position, progress);
}

void write(RunningTask *task)
{
    Segment *segment = state_of(task);
    size_t count = segment->page.items.size();
    Page page = {};
    page.items = static_cast<PageItem *>(palloc0(sizeof(PageItem) * (count + 1)));
    for (const engine::Item &item : segment->page.items)
        page.items[page.count++].item = &item;
    page.source = psprintf("segment %s", task->task->name);
    page.backfill = page.new_keys = true;
    page.record = record;
    Turn turn =
        segment->profile != nullptr ? write_page_by_hooks(task, *segment->profile, page) : write_page(task, page);
    if (turn != Turn::kGo)
        return;
    shared::count(task->job->live, static_cast<int64>(count), 0);
    if (!segment->page.last_key.empty())
        keep_position(task, segment->page.last_key);
    task->failures = 0;
    task->throttled = 0;
    task->read_units = 0;
    task->page_pending = false;
    MemoryContextReset(segment->page_context);
    if (segment->complete)
        task->finished = true;
    else if (task->call == nullptr)
        fetch(task);
}

void load_profile(RunningTask *task)
{
    const catalog::Replication &replication = *task->job->replication;
    begin_transaction();
    catalog::Profile *profile = catalog::get_profile(task->run, replication.profile, replication.owner);
    commit_transaction();
    if (profile->makes_records())
        state_of(task)->profile = profile;
}

void begin(RunningTask *task)
{
    auto *segment = static_cast<Segment *>(MemoryContextAllocZero(task->run, sizeof(Segment)));
    segment->page_context = AllocSetContextCreate(task->run, "podyn page", ALLOCSET_SMALL_SIZES);
    task->state = segment;
    if (task->task->position != nullptr)
        segment->next_key = MemoryContextStrdup(task->run, task->task->position);
    if (task->job->replication->profile != nullptr)
        load_profile(task);
    fetch(task);
}

void keep_next_key(RunningTask *task, std::string_view key)
{
    Segment *segment = state_of(task);
    if (segment->next_key != nullptr)
        pfree(segment->next_key);
    MemoryContext old = MemoryContextSwitchTo(task->run);
    segment->next_key = copy_string(key);
    MemoryContextSwitchTo(old);
}

// The next page is asked for before this one is parsed, where no read units have to be counted first. Its start is
// guessed from the body's end; take_page sees whether that was right.
void fetch_ahead(RunningTask *task, const engine::Call *finished)
{
    std::string_view guess;
    if (rate_of(task) <= 0 && !ends_here(task))
        guess = engine::guess_last_key(finished);
    if (guess.empty())
        return;
    keep_next_key(task, guess);
    fetch(task);
    keep_network_moving();
}

void take_page(RunningTask *task, engine::Call *finished)
{
    Segment *segment = state_of(task);
    bool consistent = segment->consistent;
    fetch_ahead(task, finished);
    engine::Items *handle = nullptr;
    check(engine::take_scan(finished, task->job->replication->nul_characters, &handle, &segment->page));
    own<engine::Items>(segment->page_context, handle, engine::destroy);
    measure(task, consistent);
    task->page_pending = true;
    segment->complete = segment->page.last_key.empty();
    if (task->call != nullptr && segment->page.last_key != segment->next_key)
        drop_call(task);
    if (!segment->complete && task->call == nullptr) {
        keep_next_key(task, segment->page.last_key);
        fetch(task);
    }
}

void on_response(RunningTask *task)
{
    engine::Call *finished = task->call;
    task->call = nullptr;
    take_page(task, own<engine::Call>(state_of(task)->page_context, finished, engine::call_destroy));
    write(task);
}

void on_time(RunningTask *task)
{
    if (task->page_pending)
        write(task);
    else
        fetch(task);
}

}  // namespace

const TaskMethods kSegmentTask = {begin, on_response, on_time, nullptr};

}  // namespace podyn
