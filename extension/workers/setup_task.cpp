// The setup task, a replication's first: finds the stream and commits a start position for every shard, together with
// the segments of the backfill, or what it has instead of them. Only then can the scan start, or an export be asked
// for, so no change falls between the two. Exports that are there are older: shards are then read from further back
// (imports/continuity.h).
#include "catalog/files.h"
#include "catalog/journal.h"
#include "catalog/profiles.h"
#include "imports/continuity.h"
#include "load/create_target.h"
#include "load/empty_target.h"
#include "raise.h"
#include "transaction.h"
#include "workers/running_task.h"
#include "workers/segments.h"
#include "workers/shard_listing.h"

namespace podyn {
namespace {

struct Setup {
    ShardListing *listing;
    char *stream_arn;
    engine::TableDescription table;  // views live as long as the run
    bool table_described;
};

Setup *state_of(RunningTask *task)
{
    return static_cast<Setup *>(task->state);
}

bool has_child(const ShardListing &listing, const ListedShard &shard)
{
    for (int i = 0; i < listing.count; ++i)
        if (listing.shards[i].parent != nullptr && strcmp(listing.shards[i].parent, shard.id) == 0)
            return true;
    return false;
}

// Closed shards hold only what was written before now, which the scan will see; open ones are read from their start.
// Listings lag: a shard with a child is closed, whatever they say.
void add_open_shards(RunningTask *task, const ShardListing &listing)
{
    TimestampTz time = GetCurrentTimestamp();
    for (int i = 0; i < listing.count; ++i) {
        const ListedShard &shard = listing.shards[i];
        const char *state = shard.open && !has_child(listing, shard) ? "ready" : "done";
        catalog::add_task(task->replication, catalog::TaskKind::kShard, shard.id, view(shard.parent), state, time);
    }
}

// What was written since `from` may be in closed shards, too. They are read like all others, parents first.
void add_all_shards(RunningTask *task, const ShardListing &listing, TimestampTz from)
{
    for (int i = 0; i < listing.count; ++i) {
        const ListedShard &shard = listing.shards[i];
        const char *state = find_shard(listing, shard.parent) == nullptr ? "ready" : "waiting";
        catalog::add_task(task->replication, catalog::TaskKind::kShard, shard.id, view(shard.parent), state, from);
    }
}

void add_shard_tasks(RunningTask *task, const ShardListing &listing)
{
    const catalog::Replication &replication = *task->job->replication;
    if (replication.exported_until == 0)
        add_open_shards(task, listing);
    else
        add_all_shards(task, listing,
                       Min(replication.exported_until - export_blur(task->job->session), GetCurrentTimestamp()));
    catalog::add_task(task->replication, catalog::TaskKind::kStream, "", {}, "ready", 0);
}

void add_segment_tasks(RunningTask *task, int segments)
{
    catalog::execute(
        "INSERT INTO podyn.task (replication, kind, task, state) "
        "SELECT $1, 'segment', n::text, 'ready' FROM generate_series(0, $2 - 1) AS n",
        {catalog::int4(task->replication), catalog::int4(segments)});
}

// A profile's hooks make the rows, of which nothing is known here.
bool hooks_make_records(const catalog::Replication &replication)
{
    return replication.profile != nullptr &&
           catalog::get_profile(CurrentMemoryContext, replication.profile, replication.owner)->makes_records();
}

// The table may have been made again since podyn_replicate, with another key, for which the target has no place.
bool has_the_same_key(const catalog::Replication &replication, const engine::TableDescription &table)
{
    if (hooks_make_records(replication))
        return true;
    bool same = static_cast<int>(table.keys.size()) == replication.key_count;
    for (int i = 0; same && i < replication.key_count; ++i)
        same = table.keys[i].name == replication.keys[i] &&
               catalog::execute("SELECT FROM podyn.column_map WHERE name = $1 AND attribute = $2 AND type = $3",
                                {catalog::text(replication.name), catalog::text(replication.keys[i]),
                                 catalog::text(engine::column_type_name(key_column_type(table.keys[i].type)))}) > 0;
    return same;
}

const char *describe_other_key(const catalog::Replication &replication, const engine::TableDescription &table)
{
    StringInfoData key;
    initStringInfo(&key);
    for (const engine::KeyAttribute &attribute : table.keys)
        appendStringInfo(&key, "%s\"%s\" (%c)", key.len ? ", " : "", copy_string(attribute.name), attribute.type);
    return psprintf(
        "DynamoDB table \"%s\" has another key than the target: it is now %s; use podyn_drop and podyn_replicate to "
        "begin anew",
        replication.source, key.data);
}

// Exports that are there may have grown too old since podyn_replicate.
const char *why_not_continuous(RunningTask *task)
{
    const catalog::Replication &replication = *task->job->replication;
    if (!replication.replay_changes || replication.exported_until == 0)
        return nullptr;
    Discontinuity gap =
        find_discontinuity(task->job->session, replication.exported_until, state_of(task)->listing->created);
    if (gap.message == nullptr)
        return nullptr;
    return MemoryContextStrdup(
        task->run, psprintf("%s: %s Use podyn_drop, and podyn_replicate with newer exports", gap.message, gap.detail));
}

// Of a copy that scans; 0: none.
int count_segments(const catalog::Replication &replication, const engine::TableDescription &table)
{
    bool scans = replication.copy_data && replication.backfill == Backfill::kScan;
    return scans ? choose_segments(replication.segments, table.size_bytes) : 0;
}

// Where on_complete may be called. With changes, a replication is never complete.
bool has_end(const catalog::Replication &replication)
{
    return replication.profile != nullptr && replication.copy_data && !replication.replay_changes;
}

// What the copy is made of. Gives a description of it.
const char *add_copy_tasks(RunningTask *task, int segments)
{
    const catalog::Replication &replication = *task->job->replication;
    switch (replication.backfill) {
        case Backfill::kExport:
            catalog::add_task(task->replication, catalog::TaskKind::kExport, state_of(task)->table.arn, {}, "ready", 0);
            return "copying from an export that DynamoDB is asked for";
        case Backfill::kFiles:
            catalog::release_first_files(task->replication);
            return psprintf("copying from %s", replication.files_at);
        default:
            add_segment_tasks(task, segments);
            return psprintf("copying in %d segment%s", segments, segments > 1 ? "s" : "");
    }
}

void commit_setup(RunningTask *task)
{
    const Setup &setup = *state_of(task);
    const catalog::Replication &replication = *task->job->replication;
    catalog::Standing standing;
    Turn turn = begin_turn(task, &standing);
    if (turn != Turn::kGo)
        return;
    if (!has_the_same_key(replication, setup.table)) {
        commit_transaction();
        end_replication(task, "failed", describe_other_key(replication, setup.table));
        return;
    }
    // Empty when the replication was made; with start => false, that may be long ago.
    if (wants_empty_target(replication) && has_rows(load_target(task->run, replication)->relation_name)) {
        commit_transaction();
        end_replication(task, "failed",
                        "the target has got rows since the replication was made; empty it and use podyn_start, or make "
                        "the replication with on_existing => 'truncate' or 'upsert'");
        return;
    }
    const char *gap = why_not_continuous(task);
    if (gap != nullptr) {
        commit_transaction();
        end_replication(task, "failed", gap);
        return;
    }
    if (will_empty_target(replication))
        empty_target(replication);
    if (replication.replay_changes)
        add_shard_tasks(task, *setup.listing);
    int segments = count_segments(replication, setup.table);
    const char *phase = replication.copy_data ? "copying" : "streaming";
    const char *what = replication.copy_data ? add_copy_tasks(task, segments) : "replaying changes";
    if (has_end(replication))
        catalog::add_task(task->replication, catalog::TaskKind::kComplete, "", {}, "waiting", 0);
    catalog::execute(
        "UPDATE podyn.replication SET phase = $2, stream_arn = $3, stream_view_type = $6, "
        "items_total = CASE WHEN exported_until IS NULL THEN $4 ELSE items_total END, "
        "copy_segments = nullif($5, 0), target_is_ours = target_is_ours OR copy_data, "
        "positions_at = clock_timestamp(), copy_upserts = copy_data AND on_existing = 'upsert' AND NOT $7 "
        "WHERE id = $1",
        {catalog::int4(task->replication), catalog::text(phase), catalog::text_or_null(setup.stream_arn),
         catalog::int8(setup.table.item_count), catalog::int4(segments),
         catalog::text_or_null(task->job->replication->replay_changes ? setup.table.stream_view_type
                                                                      : std::string_view()),
         catalog::boolean(hooks_make_records(replication))});
    if (catalog::execute("DELETE FROM podyn.task WHERE id = $1", {catalog::int8(task->id)}) != 1)
        ereport(ERROR,
                (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("the replication has been reset meanwhile")));
    catalog::record_event(replication.owner, replication.name, phase, what);
    commit_finished(task);
}

void begin(RunningTask *task)
{
    task->state = MemoryContextAllocZero(task->run, sizeof(Setup));
    state_of(task)->listing = make_listing(task->run);
    check(engine::start_describe_table(worker_loop()->client, task->job->session, task->job->replication->source, now(),
                                       &task->call));
}

// False: the replication has failed.
bool take_description(RunningTask *task)
{
    Setup *setup = state_of(task);
    const engine::TableDescription &table = setup->table;
    engine::Table *handle = nullptr;
    check(engine::take_table(task->call, &handle, &setup->table));
    own<engine::Table>(task->run, handle, engine::destroy);
    drop_call(task);
    setup->table_described = true;
    if (!task->job->replication->replay_changes)
        return true;
    const char *problem = nullptr;
    if (!table.stream_enabled)
        problem =
            "the stream of the DynamoDB table is disabled; enable it with view type NEW_AND_OLD_IMAGES or NEW_IMAGE";
    if (problem != nullptr) {
        end_replication(task, "failed", problem);
        return false;
    }
    MemoryContext old = MemoryContextSwitchTo(task->run);
    setup->stream_arn = copy_string(table.stream_arn);
    MemoryContextSwitchTo(old);
    return true;
}

void on_response(RunningTask *task)
{
    Setup *setup = state_of(task);
    bool complete = !task->job->replication->replay_changes;
    if (!setup->table_described) {
        if (!take_description(task))
            return;
    } else {
        complete = add_shards(task, setup->listing);
    }
    if (complete)
        commit_setup(task);
    else
        request_shards(task, setup->stream_arn, setup->listing);
}

void on_time(RunningTask *task)
{
    commit_setup(task);
}

}  // namespace

const TaskMethods kSetupTask = {begin, on_response, on_time, nullptr};

}  // namespace podyn
