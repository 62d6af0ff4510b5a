// See source_scan.h.
#include "functions/source_scan.h"

#include "backoff.h"
#include "raise.h"
#include "read_units.h"

namespace podyn {
namespace {

constexpr int kMostLanes = 4;
// A lane alone reads some megabytes a second, which is a few hundred read units.
constexpr double kRateOfLane = 250;
constexpr Backoff kPause = {100 * 1000, 10 * USECS_PER_SEC};
constexpr int kMostFailures = 8;  // in a row, of other kinds than throttling

// One request at a time, of one segment after the other.
struct Lane {
    MemoryContext contexts[2];  // of the call and its page: the next call is under way while a page is looked at
    int turn;                   // the context of the call under way
    engine::Call *call;         // null: none
    uint32 segment;
    char *next_key;  // null: at the segment's beginning
    bool reading;    // a segment
    bool done;       // there are none left
    int64 not_before;
    int pauses;  // in a row
    int failures;
};

struct Scanning {
    SourceScan *scan;
    MemoryContext context;
    Lane lanes[kMostLanes];
    int lane_count;
    int begun;  // segments
    double units_per_item;
};

double rate_of(const Scanning &scanning)
{
    return scanning.scan->replication->scan_rate;
}

void keep_next_key(const Scanning &scanning, Lane *lane, std::string_view key)
{
    if (lane->next_key != nullptr)
        pfree(lane->next_key);
    MemoryContext old = MemoryContextSwitchTo(scanning.context);
    lane->next_key = key.empty() ? nullptr : copy_string(key);
    MemoryContextSwitchTo(old);
}

void request(const Scanning &scanning, Lane *lane)
{
    const SourceScan &scan = *scanning.scan;
    engine::ScanRequest asked = {scan.replication->source,
                                 lane->segment,
                                 scan.total_segments,
                                 scan_limit(rate_of(scanning), scanning.units_per_item),
                                 false,
                                 view(lane->next_key)};
    check(engine::start_scan(scan.source->loop->client, scan.source->session, asked, now(), &lane->call));
    own<engine::Call>(lane->contexts[lane->turn], lane->call, engine::call_destroy);
}

void drop_call(Lane *lane)
{
    MemoryContextReset(lane->contexts[lane->turn]);
    lane->call = nullptr;
}

void begin_segment(Scanning *scanning, Lane *lane)
{
    lane->done = scanning->begun == scanning->scan->segment_count;
    lane->reading = !lane->done;
    if (lane->reading)
        lane->segment = scanning->scan->segments[scanning->begun++];
    keep_next_key(*scanning, lane, {});
}

void ask_again_later(Lane *lane, const engine::Status &status)
{
    bool throttled = status.failure == engine::Failure::kThrottled;
    if (!throttled && (!status.retryable || ++lane->failures > kMostFailures))
        check(status);
    lane->not_before = now().monotonic_us + kPause.wait(lane->pauses++);
    drop_call(lane);
}

// Without a rate, the next page is asked for before this one is parsed: see workers/segment_task.cpp.
void fetch_ahead(const Scanning &scanning, Lane *lane, const engine::Call *finished)
{
    std::string_view guess;
    if (rate_of(scanning) <= 0)
        guess = engine::guess_last_key(finished);
    if (guess.empty())
        return;
    keep_next_key(scanning, lane, guess);
    request(scanning, lane);
    engine::client_drive(scanning.scan->source->loop->client, now());
}

void measure(Scanning *scanning, const engine::ScanPage &page)
{
    double units = page_read_units(page, false);
    if (!page.items.empty())
        scanning->units_per_item = units / static_cast<double>(page.items.size());
    scanning->scan->read_units += units;
    shared::spend_read_units(scanning->scan->budget, rate_of(*scanning), units);
}

void take_page(Scanning *scanning, Lane *lane)
{
    engine::Call *finished = lane->call;
    MemoryContext context = lane->contexts[lane->turn];
    lane->call = nullptr;
    lane->turn = 1 - lane->turn;
    lane->failures = 0;
    lane->pauses = 0;
    fetch_ahead(*scanning, lane, finished);
    engine::Items *handle = nullptr;
    engine::ScanPage page;
    check(engine::take_scan(finished, scanning->scan->replication->nul_characters, &handle, &page));
    own<engine::Items>(context, handle, engine::destroy);
    measure(scanning, page);
    if (lane->call != nullptr && page.last_key != view(lane->next_key))
        drop_call(lane);
    if (lane->call == nullptr)
        keep_next_key(*scanning, lane, page.last_key);
    lane->reading = !page.last_key.empty();
    MemoryContext old = MemoryContextSwitchTo(context);
    scanning->scan->take(scanning->scan->context, page.items);
    MemoryContextSwitchTo(old);
    MemoryContextReset(context);
}

// When the lane's next request may go out, monotonic.
int64 due(const Scanning &scanning, const Lane &lane)
{
    int64 wait = shared::read_units_wait(scanning.scan->budget, rate_of(scanning));
    return Max(lane.not_before, wait > 0 ? now().monotonic_us + wait : 0);
}

// Moves a lane on. True: it has done something. `until`: when to look again at the latest.
bool advance(Scanning *scanning, Lane *lane, int64 *until)
{
    if (lane->call != nullptr) {
        if (!engine::call_finished(lane->call))
            return false;
        engine::Status status = engine::call_status(lane->call);
        if (status.ok())
            take_page(scanning, lane);
        else
            ask_again_later(lane, status);
        return true;
    }
    if (!lane->reading)
        begin_segment(scanning, lane);
    if (lane->done)
        return false;
    int64 time = due(*scanning, *lane);
    if (time <= now().monotonic_us) {
        request(*scanning, lane);
        return true;
    }
    *until = *until < 0 ? time : Min(*until, time);
    return false;
}

bool is_done(const Scanning &scanning)
{
    for (int i = 0; i < scanning.lane_count; ++i)
        if (!scanning.lanes[i].done)
            return false;
    return true;
}

// Under a low rate one after the other, as what a request under way will cost is not known yet.
int choose_lanes(double rate)
{
    return rate <= 0 ? kMostLanes : static_cast<int>(Min(1 + rate / kRateOfLane, static_cast<double>(kMostLanes)));
}

Scanning begin(SourceScan *scan)
{
    Scanning scanning = {};
    scanning.scan = scan;
    scanning.context = AllocSetContextCreate(CurrentMemoryContext, "podyn scan", ALLOCSET_SMALL_SIZES);
    scanning.lane_count = choose_lanes(scan->replication->scan_rate);
    for (int i = 0; i < scanning.lane_count; ++i)
        for (MemoryContext &context : scanning.lanes[i].contexts)
            context = AllocSetContextCreate(scanning.context, "podyn page", ALLOCSET_SMALL_SIZES);
    return scanning;
}

}  // namespace

void scan_source(SourceScan *scan)
{
    Scanning scanning = begin(scan);
    while (!is_done(scanning)) {
        int64 until = -1;
        bool moved = false;
        for (int i = 0; i < scanning.lane_count; ++i)
            moved = advance(&scanning, &scanning.lanes[i], &until) || moved;
        if (!is_done(scanning))
            wait_for_events(scan->source->loop, moved ? 0 : until);
    }
    MemoryContextDelete(scanning.context);
}

}  // namespace podyn
