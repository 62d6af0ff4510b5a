// The stream task: watches a replication's stream as a whole. It finds the children of shards that ended, and notices
// when the stream itself is gone or another one: then changes are lost, and the replication needs a resync.
#include "catalog/journal.h"
#include "raise.h"
#include "transaction.h"
#include "workers/running_task.h"
#include "workers/shard_listing.h"

namespace podyn {
namespace {

// DescribeStream may be called ten times a second in an account; a shard that ends asks for it at once anyway.
constexpr int64 kInterval = 60 * USECS_PER_SEC;
// DescribeStream lags: a closed shard may be listed before its child is.
constexpr int64 kIntervalWithoutChild = USECS_PER_SEC;
// Nor is it consistent from call to call: what is missing must be missing so often and so long.
constexpr int kMissingListings = 5;
constexpr int64 kMissingTime = 10 * USECS_PER_SEC;
constexpr int64 kLookForRequests = USECS_PER_SEC / 4;

struct Stream {
    MemoryContext listing_context;
    ShardListing *listing;  // null: the table is being described
    uint32 seen_requests;
    int64 next_look;      // monotonic
    bool complete;        // the listing waits to be compared with the catalog
    char *missing;        // a shard that should be listed, and is not
    int64 missing_since;  // monotonic
    int missing_listings;
    TimestampTz listed_at;
    TimestampTz listed_before;  // the last complete listing
};

Stream *state_of(RunningTask *task)
{
    return static_cast<Stream *>(task->state);
}

void look(RunningTask *task)
{
    Stream *stream = state_of(task);
    stream->seen_requests = shared::describe_requests(task->job->live);
    stream->complete = false;
    MemoryContextReset(stream->listing_context);
    stream->listing = nullptr;
    stream->listed_at = GetCurrentTimestamp();
    check(engine::start_describe_table(worker_loop()->client, task->job->session, task->job->replication->source, now(),
                                       &task->call));
}

void rest(RunningTask *task, int64 interval)
{
    state_of(task)->next_look = now().monotonic_us + interval;
    wake_after(task, Min(interval, kLookForRequests));
}

// Null: it is still the stream that we follow.
const char *why_not_ours(const catalog::Replication &replication, const engine::TableDescription &table)
{
    if (replication.stream_arn == nullptr || table.stream_arn != replication.stream_arn)
        return psprintf("the table has a new stream, %s; changes between the two are lost",
                        table.stream_arn.empty() ? "none" : copy_string(table.stream_arn));
    if (!table.stream_enabled)
        return "the table's stream has been disabled; changes since then are lost";
    return nullptr;
}

// ---- Comparing the listing with the catalog ------------------------------------------------------------------------

struct KnownShard {
    char *id;
    bool done;
    TimestampTz read_through;
};

struct KnownShards {
    KnownShard *shards;
    int count;
};

KnownShards read_known_shards(int32 replication)
{
    MemoryContext context = CurrentMemoryContext;
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT task, state = 'done', read_through FROM podyn.task WHERE replication = $1 AND kind = 'shard'",
        {catalog::int4(replication)});
    KnownShards known = {};
    known.shards = static_cast<KnownShard *>(MemoryContextAllocZero(context, sizeof(KnownShard) * (rows + 1)));
    for (uint64 row = 0; row < rows; ++row)
        known.shards[known.count++] = {catalog::string(context, row, 1), catalog::get_boolean(row, 2),
                                       catalog::is_null(row, 3) ? 0 : DatumGetTimestampTz(catalog::value(row, 3))};
    catalog::leave(scope);
    return known;
}

const KnownShard *find(const KnownShards &known, const char *id)
{
    for (int i = 0; id != nullptr && i < known.count; ++i)
        if (strcmp(known.shards[i].id, id) == 0)
            return &known.shards[i];
    return nullptr;
}

const char *first_vanished(const KnownShards &known, const ShardListing &listing)
{
    for (int i = 0; i < known.count; ++i)
        if (!known.shards[i].done && find_shard(listing, known.shards[i].id) == nullptr)
            return known.shards[i].id;
    return nullptr;
}

// A new shard whose parent was never read here: a generation of shards came and went unseen.
const ListedShard *first_with_missed_parent(const KnownShards &known, const ShardListing &listing)
{
    for (int i = 0; i < listing.count; ++i) {
        const ListedShard &shard = listing.shards[i];
        if (shard.parent != nullptr && find(known, shard.id) == nullptr && find(known, shard.parent) == nullptr &&
            find_shard(listing, shard.parent) == nullptr)
            return &shard;
    }
    return nullptr;
}

// Listings may leave out a shard for a while. If its child has been known before it, it was closed by then.
bool is_late_parent(const KnownShards &known, const ShardListing &listing, const ListedShard &shard)
{
    if (find(known, shard.id) != nullptr)
        return false;
    for (int i = 0; i < listing.count; ++i)
        if (listing.shards[i].parent != nullptr && strcmp(listing.shards[i].parent, shard.id) == 0 &&
            find(known, listing.shards[i].id) != nullptr)
            return true;
    return false;
}

// A copy by scan has seen what such a shard holds. Exports may be older, and their changes have been read without it.
const ListedShard *first_missed_by_exports(RunningTask *task, const KnownShards &known)
{
    const ShardListing &listing = *state_of(task)->listing;
    for (int i = 0; task->job->replication->exported_until != 0 && i < listing.count; ++i)
        if (is_late_parent(known, listing, listing.shards[i]))
            return &listing.shards[i];
    return nullptr;
}

void add_new_shards(RunningTask *task, const KnownShards &known, const ShardListing &listing)
{
    for (int i = 0; i < listing.count; ++i) {
        const ListedShard &shard = listing.shards[i];
        if (find(known, shard.id) != nullptr)
            continue;
        const KnownShard *parent = find(known, shard.parent);
        bool wait = parent != nullptr ? !parent->done : shard.parent != nullptr;
        const char *state = is_late_parent(known, listing, shard) ? "done" : wait ? "waiting" : "ready";
        // Of a shard without a known parent it is known only that it was not there before.
        TimestampTz read_through = parent != nullptr ? parent->read_through : state_of(task)->listed_before;
        catalog::add_task(task->replication, catalog::TaskKind::kShard, shard.id, view(shard.parent), state,
                          read_through);
    }
}

// A shard has ended whose child is not known yet.
bool child_is_awaited(int32 replication)
{
    return catalog::execute("SELECT FROM podyn.shard_frontier WHERE replication = $1 AND state = 'done' LIMIT 1",
                            {catalog::int4(replication)}) > 0;
}

// Null while it is too early to say.
const char *why_gap(RunningTask *task, const KnownShards &known)
{
    Stream *stream = state_of(task);
    if (const ListedShard *missed = first_missed_by_exports(task, known))
        return psprintf("shard %s was not listed when its child was: its changes would come too late", missed->id);
    const char *vanished = first_vanished(known, *stream->listing);
    const ListedShard *orphan = first_with_missed_parent(known, *stream->listing);
    const char *missing = vanished != nullptr ? vanished : orphan != nullptr ? orphan->parent : nullptr;
    if (missing == nullptr || stream->missing == nullptr || strcmp(missing, stream->missing) != 0) {
        stream->missing = missing == nullptr ? nullptr : MemoryContextStrdup(task->run, missing);
        stream->missing_since = now().monotonic_us;
        stream->missing_listings = 0;
    }
    if (missing == nullptr || ++stream->missing_listings < kMissingListings ||
        stream->missing_since + kMissingTime > now().monotonic_us)
        return nullptr;
    return vanished != nullptr
               ? psprintf("shard %s vanished before it was read to its end", vanished)
               : psprintf("parent %s of shard %s vanished before it was read", orphan->parent, orphan->id);
}

void compare(RunningTask *task)
{
    Stream *stream = state_of(task);
    catalog::Standing standing;
    Turn turn = begin_turn(task, &standing);
    if (turn != Turn::kGo)
        return;
    if (catalog::find_task(CurrentMemoryContext, task->id) == nullptr) {
        commit_finished(task);
        return;
    }
    KnownShards known = read_known_shards(task->replication);
    const char *reason = why_gap(task, known);
    if (reason != nullptr) {
        reason = MemoryContextStrdup(task->run, reason);
        commit_transaction();
        end_replication(task, "needs_resync", reason);
        return;
    }
    if (stream->missing == nullptr)
        add_new_shards(task, known, *stream->listing);
    catalog::release_missed_children();
    catalog::Progress progress = {};
    progress.throttled = task->throttled;
    if (task->throttled > 0 || task->failures > 0)
        catalog::save_progress(task->id, task->task->position, progress);
    bool soon = stream->missing != nullptr || child_is_awaited(task->replication);
    commit_transaction();
    task->throttled = 0;
    task->failures = 0;
    stream->complete = false;
    stream->listed_before = stream->listed_at;
    shared::wake_workers(MyDatabaseId);  // new shards may be claimed
    rest(task, soon ? kIntervalWithoutChild : kInterval);
}

// ---- Events --------------------------------------------------------------------------------------------------------

void begin(RunningTask *task)
{
    auto *stream = static_cast<Stream *>(MemoryContextAllocZero(task->run, sizeof(Stream)));
    stream->listing_context = AllocSetContextCreate(task->run, "podyn shard listing", ALLOCSET_SMALL_SIZES);
    stream->listed_before = task->job->replication->positions_at;
    task->state = stream;
    look(task);
}

void on_response(RunningTask *task)
{
    Stream *stream = state_of(task);
    const catalog::Replication &replication = *task->job->replication;
    if (stream->listing == nullptr) {
        engine::Table *handle = nullptr;
        engine::TableDescription table;
        check(engine::take_table(task->call, &handle, &table));
        own<engine::Table>(stream->listing_context, handle, engine::destroy);
        drop_call(task);
        const char *reason = why_not_ours(replication, table);
        if (reason != nullptr) {
            end_replication(task, "needs_resync", reason);
            return;
        }
        stream->listing = make_listing(stream->listing_context);
        request_shards(task, replication.stream_arn, stream->listing);
    } else if (add_shards(task, stream->listing)) {
        stream->complete = true;
        compare(task);
    } else {
        request_shards(task, replication.stream_arn, stream->listing);
    }
}

void on_time(RunningTask *task)
{
    Stream *stream = state_of(task);
    if (stream->complete)
        compare(task);
    else if (now().monotonic_us >= stream->next_look ||
             stream->seen_requests != shared::describe_requests(task->job->live))
        look(task);
    else
        wake_after(task, kLookForRequests);
}

bool on_failure(RunningTask *task, const engine::Status &status)
{
    if (status.failure != engine::Failure::kNotFound)
        return false;
    bool stream_gone = state_of(task)->listing != nullptr;
    end_replication(
        task, stream_gone ? "needs_resync" : "failed",
        psprintf(stream_gone ? "the table's stream no longer exists (%s)" : "the DynamoDB table no longer exists (%s)",
                 status.detail));
    return true;
}

}  // namespace

const TaskMethods kStreamTask = {begin, on_response, on_time, on_failure};

}  // namespace podyn
