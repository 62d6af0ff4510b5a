// podyn_replicate: asks DynamoDB, checks what can be checked, makes the table and the replication. All of it in the
// caller's transaction, so that an error leaves nothing behind; work starts when that commits.
#include "functions/replicate.h"

#include <cmath>

#include "catalog/journal.h"
#include "catalog/replications.h"
#include "catalog/tasks.h"
#include "compat.h"
#include "functions/backfill.h"
#include "functions/check_table.h"
#include "functions/enable_stream.h"
#include "imports/file_tasks.h"
#include "imports/hooks.h"
#include "load/create_target.h"
#include "load/empty_target.h"
#include "load/mark_column.h"
#include "load/names.h"
#include "load/records.h"
#include "locks.h"
#include "raise.h"
#include "read_units.h"
#include "source.h"
#include "workers/pool.h"
#include "workers/process.h"

namespace podyn {
namespace {

constexpr int32 kBatchSize = 500;  // the default of podyn_import: items that are grouped and written together

}  // namespace

void check_caller()
{
    require_utf8_database();
    if (!worker_may_log_in(GetUserId())) {
        const char *role = GetUserNameFromId(GetUserId(), false);
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("role \"%s\" may not log in, so podyn's workers cannot run as it", role),
                        errdetail("Workers run as the replication's owner; before PostgreSQL 17 that needs LOGIN."),
                        errhint("Use ALTER ROLE %s LOGIN, or call as another role.", quote_identifier(role))));
    }
}

void require_free_name(const char *name)
{
    if (catalog::find_replication(CurrentMemoryContext, name) != nullptr)
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("replication \"%s\" already exists", name),
                        errhint("Give another name, or use podyn_drop first.")));
}

namespace {

// Two replications into one table would undo each other's work. Imports that are complete have none left to do.
void require_own_target(Oid relation)
{
    if (catalog::execute("SELECT FROM podyn.replication WHERE target = $1 AND (NOT imports OR phase <> 'completed')",
                         {catalog::regclass(relation)}) > 0)
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
                        errmsg("table \"%s\" is the target of another replication", get_rel_name(relation)),
                        errhint("Name another target, or use podyn_drop on the other replication first.")));
}

// Another session was faster: it has taken the name or the target since they were looked for.
[[noreturn]] void raise_conflict(const char *name, Oid relation)
{
    require_free_name(name);
    require_own_target(relation);
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    errmsg("replication \"%s\" was made and dropped meanwhile", name), errhint("Try again.")));
}

TargetRequest target_request(const char *source, const ReplicateOptions &options)
{
    TargetRequest request = {};
    request.jsonb_mode = options.conversion_mode != ConversionMode::kColumns;
    request.typed_document = options.conversion_mode == ConversionMode::kDynamodbJson;
    request.lower_case_columns = options.lower_case_columns;
    request.citus = options.citus;
    request.colocate_with = options.colocate_with;
    RangeVar *name;
    if (options.target != nullptr) {
        name = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(options.target)));
    } else {
        const char *table = source;
        if (strlen(source) >= NAMEDATALEN)
            table = choose_column_name(source, engine::ColumnType::kText, false, false, {});
        name = makeRangeVar(nullptr, pstrdup(table), -1);
    }
    if (name->catalogname != nullptr)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("target \"%s\" has too many names", options.target),
                        errhint("Give a table, or schema.table.")));
    request.table = name->relname;
    if (name->schemaname != nullptr) {
        request.schema = name->schemaname;
    } else {
        Oid existing = options.schema ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
        Oid schema = OidIsValid(existing) ? get_rel_namespace(existing) : RangeVarGetCreationNamespace(name);
        request.schema = get_namespace_name(schema);
    }
    return request;
}

int32 insert_replication(const char *source, const char *name, const ReplicateOptions &options,
                         const engine::TableDescription &table, const NewTarget &target, double read_units)
{
    Datum keys[2];
    int key_count = static_cast<int>(table.keys.size());
    for (int i = 0; i < key_count; ++i)
        keys[i] = PointerGetDatum(
            cstring_to_text_with_len(table.keys[i].name.data(), static_cast<int>(table.keys[i].name.size())));
    Datum key_names = PointerGetDatum(construct_array(keys, key_count, TEXTOID, -1, false, TYPALIGN_INT));
    bool nothing_to_do = !options.data && !options.changes;
    Oid user = GetUserId();
    catalog::Scope scope = catalog::enter();
    uint64 inserted = catalog::run(
        "INSERT INTO podyn.replication (name, owner, server, source, target, copy_data, replay_changes, "
        "conversion_mode, lower_case_columns, scan_rate, segments, key_names, items_total, enabled, phase, read_units, "
        "target_made, workers, consistent_read, on_existing, deletes, ttl_deletes, nul_characters, "
        "adds_columns, backfill, export_to, profile, started_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, 0), $12, $13, $14, $15, $16, $17, "
        "nullif($18, 0), $19, $20, $21, $22, $23, $24, $25, $26, $27, "
        "CASE WHEN $14 THEN clock_timestamp() END) ON CONFLICT DO NOTHING RETURNING id",
        {catalog::text(name),
         catalog::regrole(user),
         catalog::text(options.server),
         catalog::text(source),
         catalog::regclass(target.relation),
         catalog::boolean(options.data),
         catalog::boolean(options.changes),
         catalog::text(kConversionModeWords[static_cast<int>(options.conversion_mode)]),
         catalog::boolean(options.lower_case_columns),
         catalog::datum(NUMERICOID, options.scan_rate),
         catalog::int4(options.segments),
         catalog::datum(TEXTARRAYOID, key_names),
         catalog::int8(table.item_count),
         catalog::boolean(options.start && !nothing_to_do),
         catalog::text(nothing_to_do ? "completed" : "starting"),
         catalog::float8(read_units),
         catalog::boolean(target.made),
         catalog::int4(options.workers),
         catalog::text(kConsistentReadWords[static_cast<int>(options.consistent_read)]),
         catalog::text(kOnExistingWords[static_cast<int>(options.on_existing)]),
         catalog::text(kDeletesWords[static_cast<int>(options.deletes)]),
         catalog::text_or_null(options.ttl_deletes),
         catalog::text(kNulCharactersWords[static_cast<int>(options.nul_characters)]),
         catalog::boolean(options.schema),
         catalog::text(options.backfill == Backfill::kFiles ? options.files_at
                                                            : kBackfillWords[static_cast<int>(options.backfill)]),
         catalog::text_or_null(options.backfill == Backfill::kExport ? options.files_at : nullptr),
         catalog::text_or_null(options.profile)});
    if (inserted == 0)
        raise_conflict(name, target.relation);
    int32 id = catalog::get_int4(0, 1);
    for (int i = 0; i < target.count; ++i)
        catalog::run(
            "INSERT INTO podyn.column_map (name, attribute, type, column_name) VALUES ($1, $2, $3, $4)",
            {catalog::text(name), catalog::text(target.columns[i].attribute),
             catalog::text(engine::column_type_name(target.columns[i].type)), catalog::text(target.columns[i].column)});
    catalog::leave(scope);
    return id;
}

// The first items' attributes get their columns now, where the user sees it; the others as they arrive.
void add_sampled_columns(const char *name, const engine::ScanPage &sample)
{
    if (sample.items.empty())
        return;
    catalog::Replication *replication = catalog::find_replication(CurrentMemoryContext, name);
    Target *target = load_target(CurrentMemoryContext, *replication);
    auto *items = static_cast<const engine::Item **>(palloc(sizeof(engine::Item *) * sample.items.size()));
    int count = 0;
    for (const engine::Item &item : sample.items)
        items[count++] = &item;
    MissingColumns missing = missing_columns(*target, items, count);
    if (missing.count > 0)
        map_columns(*replication, missing, false);
}

void add_mark_column_if_wanted(const char *name)
{
    catalog::Replication *replication = catalog::find_replication(CurrentMemoryContext, name);
    if (marks_deletions(*replication))
        make_mark_column(*replication);
}

}  // namespace

NewReplication make_replication(const char *table_name, const char *name, const ReplicateOptions &options,
                                const engine::TableDescription &table, const engine::ScanPage &sample)
{
    TargetRequest request = target_request(table_name, options);
    // Before anything else is found fault with: no other option would let two replications share a target. Whether a
    // table of another owner is replicated into is told to nobody.
    Oid existing = existing_target(request);
    if (OidIsValid(existing) && has_privs_of_role(GetUserId(), owner_of(existing)))
        require_own_target(existing);
    NewTarget target;
    bool use_existing = !options.schema || (options.on_existing != OnExisting::kError && OidIsValid(existing));
    if (!use_existing) {
        ereport(NOTICE, (errmsg("constructing table schema for table %s", table_name)));
        target = create_target(request, table);
    } else {
        target = adopt_target(request, table, options.data && options.on_existing == OnExisting::kError);
        if (options.data && options.on_existing == OnExisting::kTruncate)
            require_truncatable(name, target.relation);
    }
    int32 id = insert_replication(table_name, name, options, table, target, sample.read_units);
    add_sampled_columns(name, sample);
    add_mark_column_if_wanted(name);
    return {id, request};
}

// Changes come one by one, in no groups, and the same one may come again: only hooks that make one row of one item can
// follow them.
catalog::Profile *check_profile(const ReplicateOptions &options, engine::ScanPage *sample)
{
    if (options.profile == nullptr)
        return nullptr;
    catalog::Profile *profile = catalog::get_profile(CurrentMemoryContext, options.profile, GetUserId());
    if (options.changes && profile->makes_records())
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("profile \"%s\" makes or writes records, which cannot follow changes", profile->name),
                 errdetail("Of the records that transform or upsert has made of an item, nobody knows which ones the "
                           "item's next change concerns."),
                 errhint("Use a profile with parse and filter only, or copy the data only, with changes => false.")));
    if (options.changes && profile->function(catalog::Hook::kOnComplete) != nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("profile \"%s\" has an on_complete, and a replication of changes is never complete",
                               profile->name),
                        errhint("Use a profile without on_complete, or copy the data only, with changes => false. The "
                                "notification \"complete\" tells when the copy is complete.")));
    sample->items = parse_sample(*profile, options.nul_characters, sample->items);
    return profile;
}

NewReplication make_record_replication(const char *source, const char *name, const ReplicateOptions &options,
                                       const engine::TableDescription &table, const catalog::Profile &profile,
                                       OnConflict on_conflict)
{
    if (options.citus || options.conversion_mode != ConversionMode::kColumns || options.lower_case_columns)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("citus, conversion_mode and lower_case_columns are about tables that podyn fills itself"),
                 errhint("Leave them out: profile \"%s\" has a transform or an upsert of its own.", profile.name)));
    ReplicateOptions existing = options;
    existing.schema = false;  // a table that is there is meant
    NewReplication made = {0, target_request(source, existing)};
    Oid target = RangeVarGetRelid(makeRangeVar(pstrdup(made.target.schema), pstrdup(made.target.table), -1),
                                  AccessShareLock, true);
    if (!OidIsValid(target))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("target \"%s\" does not exist", made.target.table),
                 errhint("Make it first: what records profile \"%s\" gives, only its hooks know.", profile.name)));
    if (profile.function(catalog::Hook::kUpsert) == nullptr)
        (void)open_record_target(target, on_conflict);
    require_own_target(target);
    made.id = insert_replication(source, name, options, table, {target, nullptr, 0, false}, 0);
    return made;
}

// Rows that are there are written over as on_conflict 'update' of an import does it. Which of them the source no longer
// has nobody knows, as they need not have the items' keys.
NewReplication make_hooked_copy(const char *table_name, const char *name, const ReplicateOptions &options,
                                const engine::TableDescription &table, const catalog::Profile &profile,
                                const ImportFiles &files)
{
    refuse_removals(files, profile.name);
    if (options.on_existing == OnExisting::kTruncate)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("on_existing => 'truncate' is about tables that podyn fills itself"),
                 errhint("Empty what profile \"%s\" writes to, or give on_existing => 'upsert'.", profile.name)));
    NewReplication made = make_record_replication(table_name, name, options, table, profile, OnConflict::kUpdate);
    const char *target = quote_qualified_identifier(made.target.schema, made.target.table);
    if (options.on_existing == OnExisting::kError && has_rows(target))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("target %s has rows", target),
                        errhint("Give on_existing => 'upsert' to write over them, or empty it.")));
    catalog::execute("UPDATE podyn.replication SET on_existing = 'upsert', batch_size = $2 WHERE id = $1",
                     {catalog::int4(made.id), catalog::int4(kBatchSize)});
    return made;
}

void grant_reading(Oid owner)
{
    if (superuser_arg(owner))
        return;
    locks::own_grants();  // two GRANTs on the same table at once fail
    bool may_read = may(NamespaceRelationId, get_namespace_oid("podyn", false), owner, ACL_USAGE) &&
                    catalog::execute(
                        "SELECT WHERE has_table_privilege($1, 'podyn.error', 'SELECT') "
                        "AND has_table_privilege($1, 'podyn.column_map', 'SELECT') "
                        "AND has_table_privilege($1, 'podyn.difference', 'SELECT') "
                        "AND has_table_privilege($1, 'podyn.profile', 'SELECT')",
                        {catalog::oid(owner)}) > 0;
    if (may_read)
        return;
    const char *role = quote_identifier(GetUserNameFromId(owner, false));
    char *grant_schema = psprintf("GRANT USAGE ON SCHEMA podyn TO %s", role);
    char *grant_tables =
        psprintf("GRANT SELECT ON podyn.error, podyn.column_map, podyn.difference, podyn.profile TO %s", role);
    catalog::Scope scope = catalog::enter();
    catalog::run(grant_schema);
    catalog::run(grant_tables);
    catalog::leave(scope);
}

namespace {

void announce_duration(const char *source, const ReplicateOptions &options, const engine::TableDescription &table)
{
    if (!options.data || options.backfill != Backfill::kScan || options.scan_rate_value <= 0)
        return;
    double hours = static_cast<double>(table.size_bytes) / kBytesPerReadUnit / options.scan_rate_value / 3600;
    if (hours <= 1)
        return;
    ereport(NOTICE,
            (errmsg("copying table %s will take about %.0f hours at %g read units per second", source, std::ceil(hours),
                    options.scan_rate_value),
             errdetail("It has about %lld items and %.1f GB: up to %.0f read units.",
                       static_cast<long long>(table.item_count), static_cast<double>(table.size_bytes) / 1e9,
                       std::ceil(static_cast<double>(table.size_bytes) / kBytesPerReadUnit)),
             errhint("Give a higher scan_rate, or scan_rate => 0 for no limit; the table's capacity must allow it. "
                     "podyn_plan tells more.")));
}

// What the replication copies from, if those are files. They wait for the setup task.
void keep_files(int32 id, const char *source, const ReplicateOptions &options, const ImportFiles &files)
{
    if (options.backfill != Backfill::kFiles)
        return;
    catalog::execute(
        "UPDATE podyn.replication SET exported_until = $2, items_total = $3 WHERE id = $1",
        {catalog::int4(id), catalog::timestamp_or_null(to_timestamp(files.until_us)), catalog::int8(files.item_count)});
    add_file_tasks(id, files, 0);
    ereport(NOTICE, (errmsg("loading %s from %s for table %s", describe_files(files), options.files_at, source)));
}

void announce_start(const char *source, const char *name, const ReplicateOptions &options)
{
    if (options.data)
        ereport(NOTICE, (errmsg("moving data for table %s", source)));
    if (options.changes)
        ereport(NOTICE, (errmsg("replicating changes for table %s", source)));
    catalog::record_event(GetUserId(), name, "start", "started by podyn_replicate");
    start_processes(GetUserId());
}

}  // namespace

void replicate_table(const Source &source, const char *table_name, const ReplicateOptions &options)
{
    const char *name = options.name != nullptr ? options.name : table_name;
    require_free_name(name);
    engine::TableDescription table = describe_table(source, table_name);
    engine::ScanPage sample = check_table(source, table, options);
    ImportFiles files = check_backfill(source, table, options, &sample);
    catalog::Profile *profile = check_profile(options, &sample);
    NewReplication made = profile != nullptr && profile->makes_records()
                              ? make_hooked_copy(table_name, name, options, table, *profile, files)
                              : make_replication(table_name, name, options, table, sample);
    keep_files(made.id, table_name, options, files);
    if (options.data || options.changes)
        catalog::add_task(made.id, catalog::TaskKind::kSetup, "", {}, "ready", 0);
    grant_reading(GetUserId());
    catalog::record_event(GetUserId(), name, "created",
                          psprintf("replication of DynamoDB table %s into %s", table_name,
                                   quote_qualified_identifier(made.target.schema, made.target.table)));
    announce_duration(table_name, options, table);
    if (options.start && (options.data || options.changes))
        announce_start(table_name, name, options);
    if (enables_stream(options, table)) {
        enable_stream(source, table_name);
        require_usable_stream(describe_table(source, table_name));
    }
}

char *required_text(FunctionCallInfo fcinfo, int argument, const char *name)
{
    if (PG_ARGISNULL(argument) || VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(argument)) == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be empty", name),
                        errhint("Give a name.")));
    return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

ReplicateOptions read_all_options(FunctionCallInfo fcinfo)
{
    ReplicateOptions options = read_replicate_options(fcinfo, 3);
    options.target = PG_ARGISNULL(1) ? nullptr : required_text(fcinfo, 1, "target");
    options.name = PG_ARGISNULL(2) ? nullptr : required_text(fcinfo, 2, "name");
    return options;
}

}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_replicate);

Datum podyn_replicate(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    char *table = required_text(fcinfo, 0, "source_table");
    ReplicateOptions options = read_all_options(fcinfo);
    PreventCommandIfReadOnly("podyn_replicate()");
    check_caller();
    replicate_table(connect(options.server), table, options);
    PG_RETURN_TEXT_P(cstring_to_text(options.name ? options.name : table));
}
}
