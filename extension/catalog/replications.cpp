// See replications.h.
#include "catalog/replications.h"

#include "catalog/journal.h"

namespace podyn::catalog {
namespace {

constexpr char kSelect[] =
    "SELECT id, name, owner::oid, server, source, target::oid, copy_data, replay_changes, conversion_mode, "
    "lower_case_columns, scan_rate::float8, coalesce(segments, 0), key_names[1], key_names[2], stream_arn, "
    "target_is_ours, positions_at, target_made, coalesce(copy_segments, 0), coalesce(workers, 0), consistent_read, "
    "on_existing, deletes, coalesce(ttl_deletes, deletes), nul_characters, revision, copy_upserts, "
    "coalesce(stream_view_type IN ('KEYS_ONLY', 'OLD_IMAGE'), false), adds_columns, imports, on_conflict, "
    "filter, coalesce(batch_size, 0), loads_fresh, profile, backfill, CASE WHEN imports THEN source WHEN backfill = "
    "'export' THEN export_to WHEN backfill <> 'scan' THEN backfill END, exported_until FROM podyn.replication ";

// The enumerator that a column of the current row stands for.
template <typename Enum>
Enum option(int column, std::span<const char *const> words)
{
    const char *word = string(CurrentMemoryContext, 0, column);
    int found = find_word(words, word);
    if (found < 0)
        elog(ERROR, "unknown option value \"%s\" in podyn.replication", word);
    return static_cast<Enum>(found);
}

// A word, or where the exports are.
Backfill read_backfill(int column)
{
    int found = find_word(kBackfillWords, string(CurrentMemoryContext, 0, column));
    return found < 0 ? Backfill::kFiles : static_cast<Backfill>(found);
}

Replication *read(MemoryContext context)
{
    auto *replication = static_cast<Replication *>(MemoryContextAllocZero(context, sizeof(Replication)));
    replication->id = get_int4(0, 1);
    replication->name = string(context, 0, 2);
    replication->owner = get_oid(0, 3);
    replication->server = string(context, 0, 4);
    replication->source = string(context, 0, 5);
    replication->target = is_null(0, 6) ? InvalidOid : get_oid(0, 6);
    replication->copy_data = get_boolean(0, 7);
    replication->replay_changes = get_boolean(0, 8);
    auto mode = option<ConversionMode>(9, kConversionModeWords);
    replication->jsonb_mode = mode != ConversionMode::kColumns;
    replication->typed_document = mode == ConversionMode::kDynamodbJson;
    replication->lower_case_columns = get_boolean(0, 10);
    replication->scan_rate = DatumGetFloat8(value(0, 11));
    replication->segments = get_int4(0, 12);
    replication->keys[0] = string(context, 0, 13);
    replication->keys[1] = string(context, 0, 14);
    replication->key_count = replication->keys[1] == nullptr ? 1 : 2;
    replication->stream_arn = string(context, 0, 15);
    replication->target_is_ours = get_boolean(0, 16);
    replication->positions_at = is_null(0, 17) ? 0 : DatumGetTimestampTz(value(0, 17));
    replication->target_made = get_boolean(0, 18);
    replication->copy_segments = get_int4(0, 19);
    replication->workers = get_int4(0, 20);
    replication->consistent_read = option<ConsistentRead>(21, kConsistentReadWords);
    replication->on_existing = option<OnExisting>(22, kOnExistingWords);
    replication->deletes = option<Deletes>(23, kDeletesWords);
    replication->ttl_deletes = option<Deletes>(24, kDeletesWords);
    replication->nul_characters = option<NulCharacters>(25, kNulCharactersWords);
    replication->revision = get_int4(0, 26);
    replication->copy_upserts = get_boolean(0, 27);
    replication->rereads_items = get_boolean(0, 28);
    replication->adds_columns = get_boolean(0, 29);
    replication->imports = get_boolean(0, 30);
    replication->on_conflict = option<OnConflict>(31, kOnConflictWords);
    replication->filter = string(context, 0, 32);
    replication->batch_size = get_int4(0, 33);
    replication->loads_fresh = get_boolean(0, 34);
    replication->profile = string(context, 0, 35);
    replication->backfill = read_backfill(36);
    replication->files_at = string(context, 0, 37);
    replication->exported_until = is_null(0, 38) ? 0 : DatumGetTimestampTz(value(0, 38));
    return replication;
}

}  // namespace

Replication *find_replication(MemoryContext context, int32 id)
{
    Scope scope = enter();
    char *statement = psprintf("%s WHERE id = $1", kSelect);
    Replication *replication = run(statement, {int4(id)}) == 1 ? read(context) : nullptr;
    leave(scope);
    return replication;
}

Replication *find_replication(MemoryContext context, const char *name)
{
    Scope scope = enter();
    char *statement = psprintf("%s WHERE name = $1", kSelect);
    Replication *replication = run(statement, {text(name)}) == 1 ? read(context) : nullptr;
    leave(scope);
    return replication;
}

Replication *get_own_replication(MemoryContext context, const char *name)
{
    Replication *replication = find_replication(context, name);
    if (replication == nullptr || !has_privs_of_role(GetUserId(), replication->owner))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("replication \"%s\" does not exist", name),
                        errhint("The view podyn_status lists your replications.")));
    return replication;
}

Standing replication_standing(int32 id)
{
    Standing standing = {};
    Scope scope = enter();
    if (run("SELECT enabled AND failure IS NULL, phase IN ('starting', 'copying', 'merging'), positions_at, revision, "
            "nul_characters, owner::oid FROM podyn.replication WHERE id = $1",
            {int4(id)}) == 1) {
        standing.exists = true;
        standing.runs = get_boolean(0, 1);
        standing.spooling = get_boolean(0, 2);
        standing.positions_at = is_null(0, 3) ? 0 : DatumGetTimestampTz(value(0, 3));
        standing.revision = get_int4(0, 4);
        standing.nul_characters = option<NulCharacters>(5, kNulCharactersWords);
        standing.owner = get_oid(0, 6);
    }
    leave(scope);
    return standing;
}

bool set_failure(const Replication &replication, const char *failure, const char *reason)
{
    uint64 rows = execute(
        "UPDATE podyn.replication SET failure = $2, last_error = $3, last_error_at = clock_timestamp() "
        "WHERE id = $1 AND failure IS NULL",
        {int4(replication.id), text(failure), text(reason)});
    if (rows == 1)
        record_event(replication.owner, replication.name, failure, reason);
    return rows == 1;
}

}  // namespace podyn::catalog
