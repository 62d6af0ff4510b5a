// podyn_import: finds the files and their order, finds out what the key is, makes the table and the import. All of it
// in the caller's transaction, so that an error leaves nothing behind; the files are loaded when that commits.
//
// An import is a replication whose items come from files and that replays no changes: podyn_status and all functions
// that take a name know it.
#include "functions/import.h"

#include "catalog/journal.h"
#include "catalog/tasks.h"
#include "compat.h"
#include "imports/file_tasks.h"
#include "imports/hooks.h"
#include "load/convert.h"
#include "load/empty_target.h"
#include "load/filter.h"
#include "load/late_indexes.h"
#include "raise.h"
#include "subtransaction.h"
#include "workers/pool.h"

namespace podyn {
namespace {

char type_of(const engine::Value &value)
{
    switch (value.type) {
        case engine::ValueType::kNumber:
            return 'N';
        case engine::ValueType::kBinary:
            return 'B';
        default:
            return 'S';
    }
}

// The sample's first value of a key attribute.
const engine::Value *find_key_value(const Importing &import, std::string_view name)
{
    for (const engine::Item &item : import.items)
        if (const engine::Value *value = engine::find_attribute(item.values, name))
            return value;
    return engine::find_attribute(import.sample.keys, name);
}

void set_keys(Importing *import, const engine::KeyAttribute *keys, int count)
{
    import->table.keys = {keys, static_cast<size_t>(count)};
}

Oid existing_target(const Importing &import)
{
    RangeVar *name = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(import.options.target)));
    return RangeVarGetRelid(name, AccessShareLock, true);
}

// A type of keys that the target's column takes; 0: there is no such column.
char type_of_column(const Importing &import, const char *name)
{
    constexpr struct {
        engine::ColumnType column;
        char key;
    } kTypes[] = {
        {engine::ColumnType::kText, 'S'}, {engine::ColumnType::kNumeric, 'N'}, {engine::ColumnType::kBytea, 'B'}};
    Oid target = existing_target(import);
    AttrNumber number = OidIsValid(target) ? get_attnum(target, name) : InvalidAttrNumber;
    if (number <= 0)
        return 0;
    Relation relation = relation_open(target, NoLock);
    const FormData_pg_attribute &attribute = *TupleDescAttr(RelationGetDescr(relation), number - 1);
    char found = 0;
    for (const auto &type : kTypes)
        if (found == 0 && (can_hold(attribute, type.column) || can_convert(attribute, type.column, true)))
            found = type.key;
    relation_close(relation, NoLock);
    return found;
}

// Of a key attribute that no item of the sample has, which is no error where there are no items at all.
char type_without_value(const Importing &import, const char *name)
{
    const ImportSample &sample = import.sample;
    if (sample.items.empty() && sample.read_count > 0 && sample.read[0].item.problem.exists())
        ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                        errmsg("none of the first lines of %s is an item", sample.file->name),
                        errdetail("The first one: %s.", copy_string(sample.read[0].item.problem.message)),
                        errhint("Give an export of DynamoDB, what aws dynamodb scan prints, or items one on a line.")));
    if (sample.read_count > 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the first items have no attribute \"%s\", which is to be a key", name),
                        errhint("Give the table's key attributes, upper and lower case included.")));
    char type = type_of_column(import, name);
    if (type == 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("there are no items at \"%s\" to show the type of key attribute \"%s\"", import.options.source,
                        name),
                 errhint("Create the table with its key, or leave out key where DynamoDB can be asked for it.")));
    return type;
}

// Attributes that are named, with the types that they have in the sample.
void use_named_key(Importing *import, char *const *names, int count)
{
    auto *keys = static_cast<engine::KeyAttribute *>(palloc0(sizeof(engine::KeyAttribute) * 2));
    for (int i = 0; i < count; ++i) {
        const engine::Value *value = find_key_value(*import, names[i]);
        keys[i] = {names[i], value != nullptr ? type_of(*value) : type_without_value(*import, names[i])};
    }
    set_keys(import, keys, count);
}

// The columns of the target's primary key. True: there is such a table.
bool use_primary_key(Importing *import)
{
    Oid target = existing_target(*import);
    if (!OidIsValid(target))
        return false;
    Relation relation = relation_open(target, NoLock);
    Oid index_oid = primary_key_index(relation);
    if (!OidIsValid(index_oid)) {
        require_built_indexes(relation);
        ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                        errmsg("target \"%s\" has no primary key", RelationGetRelationName(relation)),
                        errhint("Add one over the columns of the items' key, or name the key's attributes, for which "
                                "the target has a unique index: key => ARRAY['...'].")));
    }
    Relation index = index_open(index_oid, AccessShareLock);
    int count = index->rd_index->indnkeyatts;
    if (count > 2)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                 errmsg("the primary key of target \"%s\" has %d columns", RelationGetRelationName(relation), count),
                 errhint("A key of DynamoDB has one or two attributes.")));
    char *names[2] = {};
    for (int i = 0; i < count; ++i)
        names[i] =
            pstrdup(NameStr(TupleDescAttr(RelationGetDescr(relation), index->rd_index->indkey.values[i] - 1)->attname));
    index_close(index, AccessShareLock);
    relation_close(relation, NoLock);
    use_named_key(import, names, count);
    return true;
}

Source &connected(Importing *import)
{
    if (import->source.session == nullptr)
        import->source = connect(import->options.server);
    return import->source;
}

// arn:aws:dynamodb:<region>:<account>:table/<name>
const char *table_name_of(const char *arn)
{
    const char *name = strstr(arn, ":table/");
    return name == nullptr ? nullptr : name + strlen(":table/");
}

void describe_step(void *argument)
{
    auto *import = static_cast<Importing *>(argument);
    import->table = describe_table(connected(import), table_name_of(import->files.table_arn));
}

// As DynamoDB tells it, with its secondary indexes. False: it does not, or not to us.
bool use_described_key(Importing *import)
{
    if (import->files.table_arn == nullptr || table_name_of(import->files.table_arn) == nullptr)
        return false;
    import->describing = attempt(describe_step, import);
    return import->describing == nullptr;
}

// An incremental export's records tell the key's attributes, but not which of two is the partition key.
bool use_recorded_key(Importing *import)
{
    std::span<const engine::Value> keys = import->sample.keys;
    if (keys.empty() || keys.size() > 2)
        return false;
    char *names[2] = {};
    for (size_t i = 0; i < keys.size(); ++i)
        names[i] = copy_string(keys[i].name);
    if (keys.size() == 2)
        ereport(NOTICE, (errmsg("taking \"%s\" for the partition key and \"%s\" for the sort key", names[0], names[1]),
                         errhint("If it is the other way round, give key => ARRAY[%s, %s].",
                                 quote_literal_cstr(names[1]), quote_literal_cstr(names[0]))));
    use_named_key(import, names, static_cast<int>(keys.size()));
    return true;
}

void find_key(Importing *import)
{
    const ImportOptions &options = import->options;
    if (options.key_count > 0) {
        use_named_key(import, options.key, options.key_count);
        return;
    }
    if (use_primary_key(import) || use_described_key(import) || use_recorded_key(import))
        return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("the key of the items at \"%s\" is not known", options.source),
                    import->describing != nullptr
                        ? errdetail("The table could not be asked for: %s.", import->describing->message)
                        : 0,
                    errhint("Name its attributes: key => ARRAY['partition key', 'sort key'].")));
}

ReplicateOptions as_replicate_options(const ImportOptions &options, const char *name)
{
    ReplicateOptions result = {};
    result.target = options.target;
    result.name = name;
    result.server = options.server;
    result.schema = true;
    result.data = true;
    result.citus = options.citus;
    result.conversion_mode = options.conversion_mode;
    result.lower_case_columns = options.lower_case_columns;
    result.scan_rate = DirectFunctionCall1(int4_numeric, Int32GetDatum(0));
    result.workers = options.workers;
    result.on_existing = OnExisting::kUpsert;
    result.nul_characters = options.nul_characters;
    result.start = options.start;
    return result;
}

void save_options(int32 id, const Importing &import, bool fresh)
{
    const ImportOptions &options = import.options;
    catalog::execute(
        "UPDATE podyn.replication SET imports = true, phase = 'copying', on_conflict = $2, filter = $3, "
        "allow_gaps = $4, batch_size = $5, loads_fresh = $6, items_total = $7, profile = $8, target_is_ours = true "
        "WHERE id = $1",
        {catalog::int4(id), catalog::text(kOnConflictWords[static_cast<int>(options.on_conflict)]),
         catalog::text_or_null(options.filter), catalog::boolean(options.allow_gaps), catalog::int4(options.batch_size),
         catalog::boolean(fresh), catalog::int8(Max(import.files.item_count, 0)),
         catalog::text_or_null(options.profile)});
}

// Attributes that an earlier import into this table has met have columns, which an item without them leaves empty.
void adopt_columns(const char *name, const TargetRequest &target)
{
    Oid relation = get_relname_relid(target.table, get_namespace_oid(target.schema, false));
    catalog::execute(
        "INSERT INTO podyn.column_map (name, attribute, type, column_name) "
        "SELECT DISTINCT $1, m.attribute, m.type, m.column_name FROM podyn.column_map AS m "
        "JOIN podyn.replication AS r ON r.name = m.name WHERE r.target = $2 AND r.name <> $1 AND m.column_name IS NOT "
        "NULL AND NOT EXISTS (SELECT FROM podyn.column_map AS own WHERE own.name = $1 "
        "AND (own.attribute = m.attribute AND own.type = m.type OR own.column_name = m.column_name))",
        {catalog::text(name), catalog::regclass(relation)});
}

// The rows of a full export go into a new table of podyn's own, each with a key that no other one has. `parse` could
// give two items the same.
bool may_put_off_indexes(const Importing &import, const catalog::Replication &replication)
{
    bool full_export = import.files.exports > 0;
    for (int i = 0; i < import.files.count; ++i)
        full_export = full_export && !(import.files.files[i].stage == 0 && import.files.files[i].changes);
    return full_export && replication.target_made && !import.options.citus && import.profile == nullptr;
}

void put_off_indexes_if_possible(const Importing &import, const char *name)
{
    catalog::Replication *replication = catalog::find_replication(CurrentMemoryContext, name);
    if (!may_put_off_indexes(import, *replication))
        return;
    put_off_indexes(replication->target);
    catalog::add_task(replication->id, catalog::TaskKind::kIndex, "", {}, "waiting", 0);
}

char *name_of_target(const char *target)
{
    return makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(target)))->relname;
}

// Items become rows as they are, or as parse has them.
NewReplication make_row_import(Importing *import)
{
    const ImportOptions &options = import->options;
    import->items = import->sample.items;
    if (import->profile != nullptr)
        import->items = parse_sample(*import->profile, options.nul_characters, import->sample.items);
    find_key(import);
    engine::ScanPage sample = {};
    sample.items = import->items;
    return make_replication(options.source, import->name, as_replicate_options(options, import->name), import->table,
                            sample);
}

// Errors tell the items' key if it is named.
void set_named_key(Importing *import)
{
    auto *keys = static_cast<engine::KeyAttribute *>(palloc0(sizeof(engine::KeyAttribute) * 2));
    for (int i = 0; i < import->options.key_count; ++i)
        keys[i] = {import->options.key[i], 'S'};
    set_keys(import, keys, import->options.key_count);
}

// Hooks make records of the items, or write them. They know of no deletions.
NewReplication make_hooked_import(Importing *import)
{
    const ImportOptions &options = import->options;
    refuse_removals(import->files, options.profile);
    set_named_key(import);
    return make_record_replication(options.source, import->name, as_replicate_options(options, import->name),
                                   import->table, *import->profile, options.on_conflict);
}

}  // namespace

Importing begin_import(const ImportOptions &options)
{
    Importing import = {};
    import.options = options;
    import.name = options.name != nullptr ? pstrdup(options.name) : name_of_target(options.target);
    if (options.profile != nullptr)
        import.profile = catalog::get_profile(CurrentMemoryContext, options.profile, GetUserId());
    import.place = parse_place(options.source);
    if (import.place.bucket == nullptr)
        require_server_files(GetUserId());
    else
        (void)connected(&import);
    return import;
}

void find_import_files(Importing *import, bool allow_gaps)
{
    import->files = find_files(import->source, import->place, allow_gaps ? Gaps::kAllowed : Gaps::kNotAllowed);
    import->table.item_count = Max(import->files.item_count, 0);
}

void take_sample(Importing *import, int most_items)
{
    import->sample =
        read_sample(import->source, import->place, import->files, import->options.nul_characters, most_items);
}

NewReplication make_import(Importing *import)
{
    const ImportOptions &options = import->options;
    NewReplication made = import->by_hooks() ? make_hooked_import(import) : make_row_import(import);
    if (options.filter != nullptr)
        try_filter(options.filter);
    bool fresh = !import->by_hooks() && !has_rows(quote_qualified_identifier(made.target.schema, made.target.table));
    save_options(made.id, *import, fresh);
    if (!import->by_hooks())
        adopt_columns(import->name, made.target);
    return made;
}

namespace {

void start_import(Importing *import)
{
    const ImportOptions &options = import->options;
    const char *name = import->name;
    require_free_name(name);
    find_import_files(import, options.allow_gaps);
    if (!import->by_hooks())
        take_sample(import, kFewItems);
    NewReplication made = make_import(import);
    add_file_tasks(made.id, import->files, 1);  // the supervisor lets the other stages follow
    put_off_indexes_if_possible(*import, name);
    if (import->profile != nullptr)
        catalog::add_task(made.id, catalog::TaskKind::kComplete, "", {}, "waiting", 0);
    grant_reading(GetUserId());
    catalog::record_event(GetUserId(), name, "created",
                          psprintf("import of %s (%s) into %s", options.source, describe_files(import->files),
                                   quote_qualified_identifier(made.target.schema, made.target.table)));
    ereport(NOTICE, (errmsg("loading %s from %s", describe_files(import->files), options.source)));
    if (options.start) {
        catalog::record_event(GetUserId(), name, "start", "started by podyn_import");
        start_processes(GetUserId());
    }
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_import);

Datum podyn_import(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    ImportOptions options = read_import_options(fcinfo);
    PreventCommandIfReadOnly("podyn_import()");
    check_caller();
    Importing import = begin_import(options);
    start_import(&import);
    PG_RETURN_TEXT_P(cstring_to_text(import.name));
}
}
