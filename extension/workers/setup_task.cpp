// The setup task, a replication's first: finds the stream and commits a start position for every shard, together with
// the segments of the backfill. Only then can the scan start, so no change falls between the two.
#include "catalog/journal.h"
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
void add_shard_tasks(RunningTask *task, const ShardListing &listing)
{
    TimestampTz time = GetCurrentTimestamp();
    for (int i = 0; i < listing.count; ++i) {
        const ListedShard &shard = listing.shards[i];
        const char *state = shard.open && !has_child(listing, shard) ? "ready" : "done";
        catalog::add_task(task->replication, catalog::TaskKind::kShard, shard.id, view(shard.parent), state, time);
    }
    catalog::add_task(task->replication, catalog::TaskKind::kStream, "", {}, "ready", 0);
}

void add_segment_tasks(RunningTask *task, int segments)
{
    catalog::execute(
        "INSERT INTO podyn.task (replication, kind, task, state) "
        "SELECT $1, 'segment', n::text, 'ready' FROM generate_series(0, $2 - 1) AS n",
        {catalog::int4(task->replication), catalog::int4(segments)});
}

// The table may have been made again since podyn_replicate, with another key, for which the target has no place.
bool has_the_same_key(const catalog::Replication &replication, const engine::TableDescription &table)
{
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
    if (will_empty_target(replication))
        empty_target(replication);
    int segments = replication.copy_data ? choose_segments(replication.segments, setup.table.size_bytes) : 0;
    if (replication.replay_changes)
        add_shard_tasks(task, *setup.listing);
    if (segments > 0)
        add_segment_tasks(task, segments);
    catalog::execute(
        "UPDATE podyn.replication SET phase = $2, stream_arn = $3, stream_view_type = $6, items_total = $4, "
        "copy_segments = nullif($5, 0), target_is_ours = target_is_ours OR copy_data, "
        "positions_at = clock_timestamp(), copy_upserts = copy_data AND on_existing = 'upsert' WHERE id = $1",
        {catalog::int4(task->replication), catalog::text(segments > 0 ? "copying" : "streaming"),
         catalog::text_or_null(setup.stream_arn), catalog::int8(setup.table.item_count), catalog::int4(segments),
         catalog::text_or_null(task->job->replication->replay_changes ? setup.table.stream_view_type
                                                                      : std::string_view())});
    if (catalog::execute("DELETE FROM podyn.task WHERE id = $1", {catalog::int8(task->id)}) != 1)
        ereport(ERROR,
                (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("the replication has been reset meanwhile")));
    catalog::record_event(
        replication.owner, replication.name, segments > 0 ? "copying" : "streaming",
        segments > 0 ? psprintf("copying in %d segment%s", segments, segments > 1 ? "s" : "") : "replaying changes");
    commit_transaction();
    task->finished = true;
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
