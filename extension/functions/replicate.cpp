// podyn_replicate and podyn_replicate_all: ask DynamoDB, check what can be checked, make the table and the replication.
// All of it in the caller's transaction, so that an error leaves nothing behind; work starts when that commits.
#include "functions/replicate.h"

#include <cmath>

#include "catalog/journal.h"
#include "catalog/replications.h"
#include "catalog/tasks.h"
#include "compat.h"
#include "engine/operations.h"
#include "event_loop.h"
#include "functions/enable_stream.h"
#include "functions/replicate_options.h"
#include "load/create_target.h"
#include "load/empty_target.h"
#include "load/mark_column.h"
#include "load/names.h"
#include "locks.h"
#include "raise.h"
#include "read_units.h"
#include "source.h"
#include "workers/pool.h"

namespace podyn {
namespace {

constexpr uint32 kSampleItems = 10;

}  // namespace

Source connect(const char *server)
{
    Source source;
    source.session = open_source(CurrentMemoryContext, server, GetUserId());
    source.loop = make_event_loop(CurrentMemoryContext);
    source.sample_items = kSampleItems;
    return source;
}

namespace {

engine::Call *own_call(engine::Call *call)
{
    return own<engine::Call>(CurrentMemoryContext, call, engine::call_destroy);
}

[[noreturn]] void raise_no_such_table(const char *table, const Source &source, const engine::Status &status)
{
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("DynamoDB table \"%s\" does not exist at %s", table,
                           copy_string(engine::session_endpoint(source.session))),
                    errdetail("%s", status.detail),
                    errhint("Check the name, upper and lower case included, and the server's region.")));
}

}  // namespace

engine::TableDescription describe_table(const Source &source, const char *table)
{
    engine::Call *call = nullptr;
    check(engine::start_describe_table(source.loop->client, source.session, table, now(), &call));
    own_call(call);
    while (!engine::call_finished(call))
        wait_for_events(source.loop, -1);
    engine::Status status = engine::call_status(call);
    if (status.failure == engine::Failure::kNotFound)
        raise_no_such_table(table, source, status);
    engine::Table *handle = nullptr;
    engine::TableDescription description;
    check(engine::take_table(call, &handle, &description));
    own<engine::Table>(CurrentMemoryContext, handle, engine::destroy);
    return description;
}

namespace {

void require_usable_stream(const engine::TableDescription &table)
{
    const char *name = copy_string(table.name);
    if (!table.stream_enabled)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("stream of DynamoDB table \"%s\" is disabled", name),
                        errhint("Give enable_stream => true, or enable it with: aws dynamodb update-table --table-name "
                                "%s --stream-specification "
                                "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES; or copy the data only, with "
                                "changes => false.",
                                name)));
}

// The permissions that a worker will need, asked for now, while the user is there to see the error.
void try_stream(const Source &source, const engine::TableDescription &table)
{
    engine::Call *call = nullptr;
    check(engine::start_describe_stream(source.loop->client, source.session, table.stream_arn, {}, now(), &call));
    finish(source.loop, own_call(call));
}

const char *some_key_value(char type)
{
    return type == 'S' ? "{\"S\":\"podyn\"}" : type == 'N' ? "{\"N\":\"0\"}" : "{\"B\":\"cG9keW4=\"}";
}

// The same for streams whose items are read again: asks for some key, whether or not there is such an item.
void try_reading_again(const Source &source, const engine::TableDescription &table)
{
    StringInfoData key;
    initStringInfo(&key);
    for (const engine::KeyAttribute &attribute : table.keys) {
        appendStringInfoChar(&key, key.len ? ',' : '{');
        escape_json(&key, copy_string(attribute.name));
        appendStringInfo(&key, ":%s", some_key_value(attribute.type));
    }
    appendStringInfoChar(&key, '}');
    std::string_view keys[] = {{key.data, static_cast<size_t>(key.len)}};
    engine::Call *call = nullptr;
    check(engine::start_batch_get_item(source.loop->client, source.session, table.name, keys, now(), &call));
    finish(source.loop, own_call(call));
    ereport(NOTICE,
            (errmsg("items of table %s that change will be read again", copy_string(table.name)),
             errdetail("The view type of its stream, %s, says which items change and not what they become. Each change "
                       "costs one read unit for each 4 KB of its item.",
                       copy_string(table.stream_view_type)),
             errhint("A stream with view type NEW_IMAGE or NEW_AND_OLD_IMAGES saves these reads.")));
}

// Gives some items, whose attributes show what columns there will be.
engine::ScanPage try_scan(const Source &source, const engine::TableDescription &table, const ReplicateOptions &options)
{
    engine::ScanRequest request = {
        table.name, 0, 1, source.sample_items, options.consistent_read != ConsistentRead::kOff, {}};
    engine::Call *call = nullptr;
    check(engine::start_scan(source.loop->client, source.session, request, now(), &call));
    finish(source.loop, own_call(call));
    engine::Items *handle = nullptr;
    engine::ScanPage page;
    check(engine::take_scan(call, options.nul_characters, &handle, &page));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    return page;
}

bool enables_stream(const ReplicateOptions &options, const engine::TableDescription &table)
{
    return options.enable_stream && !table.stream_enabled;
}

}  // namespace

engine::ScanPage check_table(const Source &source, const engine::TableDescription &table,
                             const ReplicateOptions &options)
{
    if (table.status != "ACTIVE" && table.status != "UPDATING")
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("DynamoDB table \"%s\" is in status %s", copy_string(table.name), copy_string(table.status)),
                 errhint("Wait until it is ACTIVE.")));
    if (options.changes && !enables_stream(options, table)) {
        require_usable_stream(table);
        try_stream(source, table);
        if (!engine::carries_new_images(table.stream_view_type))
            try_reading_again(source, table);
    }
    return options.data ? try_scan(source, table, options) : engine::ScanPage();
}

void check_caller()
{
    if (GetDatabaseEncoding() != PG_UTF8)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("podyn needs a database with encoding UTF8, this one has %s", GetDatabaseEncodingName()),
                        errhint("Use CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.")));
    if (!kWorkersNeedLogin)
        return;
    HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
    bool may_log_in = HeapTupleIsValid(tuple) && reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple))->rolcanlogin;
    if (HeapTupleIsValid(tuple))
        ReleaseSysCache(tuple);
    if (!may_log_in) {
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

// Two replications into one table would undo each other's work.
void require_own_target(Oid relation)
{
    if (catalog::execute("SELECT FROM podyn.replication WHERE target = $1", {catalog::regclass(relation)}) > 0)
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
    request.jsonb_mode = options.jsonb_mode;
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
        "adds_columns, started_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, 0), $12, $13, $14, $15, $16, $17, "
        "nullif($18, 0), $19, $20, $21, $22, $23, $24, "
        "CASE WHEN $14 THEN clock_timestamp() END) ON CONFLICT DO NOTHING RETURNING id",
        {catalog::text(name),
         catalog::regrole(user),
         catalog::text(options.server),
         catalog::text(source),
         catalog::regclass(target.relation),
         catalog::boolean(options.data),
         catalog::boolean(options.changes),
         catalog::text(options.jsonb_mode ? "jsonb" : "columns"),
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
         catalog::boolean(options.schema)});
    if (inserted == 0)
        raise_conflict(name, target.relation);
    int32 id = catalog::get_int4(0, 1);
    for (int i = 0; i < target.count; ++i)
        catalog::run(
            "INSERT INTO podyn.column_map (name, attribute, type, column_name) VALUES ($1, $2, $3, $4)",
            {catalog::text(name), catalog::text(target.columns[i].attribute),
             catalog::text(engine::column_type_name(target.columns[i].type)), catalog::text(target.columns[i].column)});
    catalog::leave(scope);
    if (!nothing_to_do)
        catalog::add_task(id, catalog::TaskKind::kSetup, "", {}, "ready", 0);
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

TargetRequest make_replication(const char *table_name, const char *name, const ReplicateOptions &options,
                               const engine::TableDescription &table, const engine::ScanPage &sample)
{
    TargetRequest request = target_request(table_name, options);
    NewTarget target;
    bool use_existing = !options.schema || (options.on_existing != OnExisting::kError && target_exists(request));
    if (!use_existing) {
        ereport(NOTICE, (errmsg("constructing table schema for table %s", table_name)));
        target = create_target(request, table);
    } else {
        target = adopt_target(request, table, options.data && options.on_existing == OnExisting::kError);
        require_own_target(target.relation);
        if (options.data && options.on_existing == OnExisting::kTruncate)
            require_truncatable(name, target.relation);
    }
    insert_replication(table_name, name, options, table, target, sample.read_units);
    add_sampled_columns(name, sample);
    add_mark_column_if_wanted(name);
    return request;
}

namespace {

// The owner may read its own rejected items and column map (row security keeps other owners' away).
void grant_reading(Oid owner)
{
    if (superuser_arg(owner))
        return;
    locks::own_grants();  // two GRANTs on the same table at once fail
    bool may_read = may(NamespaceRelationId, get_namespace_oid("podyn", false), owner, ACL_USAGE) &&
                    catalog::execute(
                        "SELECT WHERE has_table_privilege($1, 'podyn.error', 'SELECT') "
                        "AND has_table_privilege($1, 'podyn.column_map', 'SELECT')",
                        {catalog::oid(owner)}) > 0;
    if (may_read)
        return;
    const char *role = quote_identifier(GetUserNameFromId(owner, false));
    char *grant_schema = psprintf("GRANT USAGE ON SCHEMA podyn TO %s", role);
    char *grant_tables = psprintf("GRANT SELECT ON podyn.error, podyn.column_map TO %s", role);
    catalog::Scope scope = catalog::enter();
    catalog::run(grant_schema);
    catalog::run(grant_tables);
    catalog::leave(scope);
}

void announce_duration(const char *source, const ReplicateOptions &options, const engine::TableDescription &table)
{
    if (!options.data || options.scan_rate_value <= 0)
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

void announce_start(const char *source, const char *name, const ReplicateOptions &options)
{
    if (options.data)
        ereport(NOTICE, (errmsg("moving data for table %s", source)));
    if (options.changes)
        ereport(NOTICE, (errmsg("replicating changes for table %s", source)));
    catalog::record_event(GetUserId(), name, "start", "started by podyn_replicate");
    start_processes(GetUserId());
}

void replicate_table(const Source &source, const char *table_name, const ReplicateOptions &options)
{
    const char *name = options.name != nullptr ? options.name : table_name;
    require_free_name(name);
    engine::TableDescription table = describe_table(source, table_name);
    engine::ScanPage sample = check_table(source, table, options);
    TargetRequest request = make_replication(table_name, name, options, table, sample);
    grant_reading(GetUserId());
    catalog::record_event(GetUserId(), name, "created",
                          psprintf("replication of DynamoDB table %s into %s", table_name,
                                   quote_qualified_identifier(request.schema, request.table)));
    announce_duration(table_name, options, table);
    if (options.start && (options.data || options.changes))
        announce_start(table_name, name, options);
    if (enables_stream(options, table)) {
        enable_stream(source.loop, source.session, table_name);
        require_usable_stream(describe_table(source, table_name));
    }
}

}  // namespace

char *required_text(FunctionCallInfo fcinfo, int argument, const char *name)
{
    if (PG_ARGISNULL(argument) || VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(argument)) == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be empty", name),
                        errhint("Give a name.")));
    return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

namespace {

// Names of the tables in the server's region, all pages of them.
List *list_tables(const Source &source)
{
    List *names = NIL;
    std::string_view after;
    do {
        engine::Call *call = nullptr;
        check(engine::start_list_tables(source.loop->client, source.session, after, now(), &call));
        finish(source.loop, own_call(call));
        engine::Tables *handle = nullptr;
        engine::TablesPage page;
        check(engine::take_tables(call, &handle, &page));
        own<engine::Tables>(CurrentMemoryContext, handle, engine::destroy);
        for (std::string_view name : page.names)
            names = lappend(names, copy_string(name));
        after = page.last_name;
    } while (!after.empty());
    return names;
}

bool matches(const char *table, const char *pattern)
{
    return DatumGetBool(DirectFunctionCall2Coll(textlike, DEFAULT_COLLATION_OID, CStringGetTextDatum(table),
                                                CStringGetTextDatum(pattern)));
}

bool is_replicated(const char *table, const char *server)
{
    return catalog::execute("SELECT FROM podyn.replication WHERE source = $1 AND server = $2",
                            {catalog::text(table), catalog::text(server)}) > 0;
}

// One table of many: its error becomes a warning, and nothing of it is left behind. True if it is replicated now.
bool try_replicate_table(const Source &source, const char *table, const ReplicateOptions &options)
{
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    volatile bool replicated = false;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        replicate_table(source, table, options);
        ReleaseCurrentSubTransaction();
        replicated = true;
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData *error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(context);
        CurrentResourceOwner = owner;
        if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
            ReThrowError(error);
        ereport(WARNING,
                (errcode(error->sqlerrcode), errmsg("table %s is not replicated: %s", table, error->message),
                 error->detail ? errdetail("%s", error->detail) : 0, error->hint ? errhint("%s", error->hint) : 0));
        catalog::record_event(GetUserId(), table, "skipped", error->message);
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    return replicated;
}

struct Matching {
    List *fresh;  // not replicated yet
    int known;    // replicated from this server already
};

Matching find_matching(const Source &source, const char *pattern, const char *server)
{
    Matching matching = {};
    ListCell *cell;
    foreach (cell, list_tables(source)) {
        auto *table = static_cast<char *>(lfirst(cell));
        if (!matches(table, pattern))
            continue;
        if (is_replicated(table, server))
            ++matching.known;
        else
            matching.fresh = lappend(matching.fresh, table);
    }
    return matching;
}

// Whoever calls podyn_replicate_all again and again wants to know what has come since.
void report_new_table(const char *table, int known)
{
    ereport(NOTICE, (errmsg("table %s is new", table)));
    catalog::record_event(GetUserId(), table, "new",
                          psprintf("found by podyn_replicate_all beside %d tables that are replicated already", known));
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_replicate);
PG_FUNCTION_INFO_V1(podyn_replicate_all);

Datum podyn_replicate(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    char *table = required_text(fcinfo, 0, "source_table");
    ReplicateOptions options = read_replicate_options(fcinfo, 3);
    options.target = PG_ARGISNULL(1) ? nullptr : required_text(fcinfo, 1, "target");
    options.name = PG_ARGISNULL(2) ? nullptr : required_text(fcinfo, 2, "name");
    PreventCommandIfReadOnly("podyn_replicate()");
    check_caller();
    replicate_table(connect(options.server), table, options);
    PG_RETURN_TEXT_P(cstring_to_text(options.name ? options.name : table));
}

Datum podyn_replicate_all(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    char *pattern = required_text(fcinfo, 0, "pattern");
    ReplicateOptions options = read_replicate_options(fcinfo, 1);
    PreventCommandIfReadOnly("podyn_replicate_all()");
    check_caller();
    return_set(fcinfo, true);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);

    Source source = connect(options.server);
    Matching matching = find_matching(source, pattern, options.server);
    if (matching.known > 0)
        ereport(NOTICE, (errmsg_plural("%d table is replicated already", "%d tables are replicated already",
                                       static_cast<unsigned long>(matching.known), matching.known)));
    ListCell *cell;
    foreach (cell, matching.fresh) {
        auto *table = static_cast<char *>(lfirst(cell));
        if (!try_replicate_table(source, table, options))
            continue;
        if (matching.known > 0)
            report_new_table(table, matching.known);
        Datum name = CStringGetTextDatum(table);
        bool null = false;
        tuplestore_putvalues(result->setResult, result->setDesc, &name, &null);
    }
    if (matching.known == 0 && matching.fresh == NIL)
        ereport(WARNING, (errcode(ERRCODE_NO_DATA), errmsg("no DynamoDB table matches the pattern \"%s\"", pattern),
                          errhint("The pattern is that of LIKE; the server's region counts.")));
    return Datum{0};
}
}
