// See options.h.
#include "fdw/options.h"

#include "engine/client.h"
#include "raise.h"
#include "settings.h"

namespace podyn {
namespace {

constexpr int64 kDefaultTimeoutSeconds = 30;

void check_endpoint(const char *, const char *value)
{
    check(engine::endpoint_check(value, view(settings::allowed_endpoints)));
}

void check_region(const char *, const char *value)
{
    check(engine::region_check(value));
}

void check_boolean(const char *name, const char *value)
{
    bool parsed;
    if (!parse_bool(value, &parsed))
        ereport(ERROR,
                (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                 errmsg("option \"%s\" has the invalid value \"%s\"", name, value), errhint("Use true or false.")));
}

// Seconds, or a number with a unit: 500ms, 30s, 2min.
int64 parse_timeout(const char *name, const char *value)
{
    int milliseconds;
    const char *hint = nullptr;
    const char *text = value[strspn(value, "0123456789.")] == '\0' ? psprintf("%ss", value) : value;
    if (!parse_int(text, &milliseconds, GUC_UNIT_MS, &hint) || milliseconds < 100 || milliseconds > 3600000)
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                        errmsg("option \"%s\" has the invalid value \"%s\"", name, value),
                        errhint("Use a time from 100ms to 1h; a number without a unit means seconds.")));
    return static_cast<int64>(milliseconds) * 1000;
}

void check_timeout(const char *name, const char *value)
{
    parse_timeout(name, value);
}

void check_credentials(const char *, const char *value)
{
    if (strcmp(value, "user_mapping") != 0 && strcmp(value, "default") != 0)
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                        errmsg("option \"credentials\" has the invalid value \"%s\"", value),
                        errhint("Use user_mapping or default.")));
    if (strcmp(value, "default") == 0 && !superuser())
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("only a superuser may set credentials to \"default\""),
                 errdetail("It lends the server's own identity to everyone who may use the foreign server."),
                 errhint("Ask a superuser, or give keys in a user mapping.")));
}

void check_not_empty(const char *name, const char *value)
{
    if (value[0] == '\0')
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE), errmsg("option \"%s\" must not be empty", name),
                        errhint("Give a value, or leave the option out.")));
}

void check_profile(const char *, const char *value)
{
    if (!superuser())
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("only a superuser may set option \"profile\""),
                        errdetail("It lends the server's own identity to everyone who may use the foreign server."),
                        errhint("Ask a superuser, or give keys in a user mapping.")));
    check_not_empty("profile", value);
}

void check_role_arn(const char *name, const char *value)
{
    if (strncmp(value, "arn:", 4) != 0 || strstr(value, ":role/") == nullptr)
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                        errmsg("option \"%s\" has the invalid value \"%s\"", name, value),
                        errhint("Use the ARN of a role: arn:aws:iam::123456789012:role/name.")));
}

void check_ca_file(const char *name, const char *value)
{
    if (!superuser())
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("only a superuser may set option \"%s\"", name),
                        errhint("Ask a superuser, or add the certificate to the system's.")));
    if (value[0] != '/')
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                        errmsg("option \"%s\" has the invalid value \"%s\"", name, value),
                        errhint("Use the absolute path of a file in PEM format on the database server.")));
}

constexpr int kMostSampleItems = 10000;
constexpr int kDefaultSampleItems = 100;

[[noreturn]] void refuse_value(const char *name, const char *value, const char *hint)
{
    ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                    errmsg("option \"%s\" has the invalid value \"%s\"", name, value), errhint("%s", hint)));
}

int parse_word(const char *name, const char *value, std::span<const char *const> words, const char *hint)
{
    int found = value[0] == '\0' ? -1 : find_word(words, value);
    if (found < 0)
        refuse_value(name, value, hint);
    return found;
}

ConversionMode parse_conversion_mode(const char *name, const char *value)
{
    return static_cast<ConversionMode>(
        parse_word(name, value, kConversionModeWords, "Use columns, jsonb or dynamodb_json."));
}

Nulls parse_nulls(const char *name, const char *value)
{
    return static_cast<Nulls>(parse_word(name, value, kNullsWords, "Use absent or null."));
}

KeyRole parse_key(const char *name, const char *value)
{
    return static_cast<KeyRole>(parse_word(name, value, kKeyRoleWords, "Use partition or sort."));
}

ConsistentRead parse_consistent_read(const char *name, const char *value)
{
    bool flag;
    if (strcmp(value, "auto") == 0)
        return ConsistentRead::kAuto;
    if (!parse_bool(value, &flag))
        refuse_value(name, value, "Use true, false or auto.");
    return flag ? ConsistentRead::kOn : ConsistentRead::kOff;
}

double parse_rate(const char *name, const char *value)
{
    double rate;
    if (!parse_real(value, &rate, 0, nullptr) || !(rate >= 0 && rate <= 1e9))
        refuse_value(name, value, "Use a number of read units per second; 0 means no limit.");
    return rate;
}

int parse_count(const char *name, const char *value, int most)
{
    int count;
    if (!parse_int(value, &count, 0, nullptr) || count < 1 || count > most)
        refuse_value(name, value, psprintf("Use a number from 1 to %d.", most));
    return count;
}

bool parse_collate(const char *name, const char *value)
{
    if (strcmp(value, "C") != 0 && strcmp(value, "default") != 0)
        refuse_value(name, value, "Use C or default.");
    return value[0] == 'C';
}

void check_conversion_mode(const char *name, const char *value)
{
    parse_conversion_mode(name, value);
}

void check_nulls(const char *name, const char *value)
{
    parse_nulls(name, value);
}

void check_key(const char *name, const char *value)
{
    parse_key(name, value);
}

void check_consistent_read(const char *name, const char *value)
{
    parse_consistent_read(name, value);
}

void check_rate(const char *name, const char *value)
{
    parse_rate(name, value);
}

void check_segments(const char *name, const char *value)
{
    parse_count(name, value, kMostReadSegments);
}

void check_sample_items(const char *name, const char *value)
{
    parse_count(name, value, kMostSampleItems);
}

void check_collate(const char *name, const char *value)
{
    parse_collate(name, value);
}

// IMPORT FOREIGN SCHEMA has no catalog of its own whose options these would be.
constexpr Oid kImport = InvalidOid;

struct Option {
    const char *name;
    Oid place;  // the catalog, or kImport
    void (*check)(const char *name, const char *value);
};

constexpr Option kOptions[] = {
    {"region", ForeignServerRelationId, check_region},
    {"endpoint", ForeignServerRelationId, check_endpoint},
    {"streams_endpoint", ForeignServerRelationId, check_endpoint},
    {"use_fips", ForeignServerRelationId, check_boolean},
    {"use_dualstack", ForeignServerRelationId, check_boolean},
    {"ca_file", ForeignServerRelationId, check_ca_file},
    {"request_timeout", ForeignServerRelationId, check_timeout},
    {"credentials", ForeignServerRelationId, check_credentials},
    {"s3_endpoint", ForeignServerRelationId, check_endpoint},
    {"sts_endpoint", ForeignServerRelationId, check_endpoint},
    {"s3_path_style", ForeignServerRelationId, check_boolean},
    {"role_arn", ForeignServerRelationId, check_role_arn},
    {"external_id", ForeignServerRelationId, check_not_empty},
    {"profile", ForeignServerRelationId, check_profile},
    {"access_key_id", UserMappingRelationId, check_not_empty},
    {"secret_access_key", UserMappingRelationId, check_not_empty},
    {"session_token", UserMappingRelationId, check_not_empty},
    {"table_name", ForeignTableRelationId, check_not_empty},
    {"index_name", ForeignTableRelationId, check_not_empty},
    {"scan_rate", ForeignTableRelationId, check_rate},
    {"consistent_read", ForeignTableRelationId, check_consistent_read},
    {"segments", ForeignTableRelationId, check_segments},
    {"conversion_mode", ForeignTableRelationId, check_conversion_mode},
    {"nulls", ForeignTableRelationId, check_nulls},
    {"sets", ForeignTableRelationId, check_boolean},
    {"attribute", AttributeRelationId, check_not_empty},
    {"key", AttributeRelationId, check_key},
    {"nulls", AttributeRelationId, check_nulls},
    {"sets", AttributeRelationId, check_boolean},
    {"conversion_mode", kImport, check_conversion_mode},
    {"sample_items", kImport, check_sample_items},
    {"lower_case_columns", kImport, check_boolean},
    {"collate", kImport, check_collate},
    {"scan_rate", kImport, check_rate},
    {"consistent_read", kImport, check_consistent_read},
    {"segments", kImport, check_segments},
    {"nulls", kImport, check_nulls},
    {"sets", kImport, check_boolean},
};

const char *place_text(Oid place)
{
    switch (place) {
        case ForeignServerRelationId:
            return "the server (CREATE SERVER)";
        case UserMappingRelationId:
            return "the user mapping (CREATE USER MAPPING)";
        case ForeignTableRelationId:
            return "the foreign table (CREATE FOREIGN TABLE)";
        case AttributeRelationId:
            return "a column of a foreign table";
        default:
            return "IMPORT FOREIGN SCHEMA";
    }
}

const Option *find_option(const char *name, Oid place)
{
    for (const Option &option : kOptions)
        if (option.place == place && strcmp(option.name, name) == 0)
            return &option;
    return nullptr;
}

[[noreturn]] void raise_unknown_option(const char *name, Oid place)
{
    StringInfoData valid;
    initStringInfo(&valid);
    for (const Option &option : kOptions)
        if (option.place == place)
            appendStringInfo(&valid, "%s%s", valid.len ? ", " : "", option.name);
    const char *hint =
        valid.len ? psprintf("Valid options here are: %s.", valid.data) : "There are no valid options here.";
    for (const Option &option : kOptions)
        if (strcmp(option.name, name) == 0)
            hint = psprintf("It is an option of %s.", place_text(option.place));
    ereport(ERROR,
            (errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", name), errhint("%s", hint)));
}

const char *value_of(List *options, const char *name)
{
    ListCell *cell;
    foreach (cell, options) {
        auto *definition = static_cast<DefElem *>(lfirst(cell));
        if (strcmp(definition->defname, name) == 0)
            return defGetString(definition);
    }
    return nullptr;
}

// Options that mean nothing without another one.
void check_combination(List *options)
{
    const char *credentials = value_of(options, "credentials");
    if (value_of(options, "profile") != nullptr && (credentials == nullptr || strcmp(credentials, "default") != 0))
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                        errmsg("option \"profile\" needs option credentials 'default'"),
                        errhint("Set credentials to default, too, or leave profile out.")));
    if (value_of(options, "external_id") != nullptr && value_of(options, "role_arn") == nullptr)
        ereport(ERROR,
                (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE), errmsg("option \"external_id\" needs option role_arn"),
                 errhint("Set role_arn, too, or leave external_id out.")));
}

void check_all(List *options, Oid place)
{
    ListCell *cell;
    foreach (cell, options) {
        auto *definition = static_cast<DefElem *>(lfirst(cell));
        const Option *option = find_option(definition->defname, place);
        if (option == nullptr)
            raise_unknown_option(definition->defname, place);
        option->check(definition->defname, defGetString(definition));
    }
}

bool flag_of(List *options, const char *name, bool otherwise)
{
    const char *value = value_of(options, name);
    bool flag = otherwise;
    if (value != nullptr)
        parse_bool(value, &flag);
    return flag;
}

TableOptions table_options(List *options)
{
    TableOptions table = {};
    table.table_name = value_of(options, "table_name");
    table.index_name = value_of(options, "index_name");
    const char *rate = value_of(options, "scan_rate");
    const char *consistent = value_of(options, "consistent_read");
    const char *segments = value_of(options, "segments");
    const char *mode = value_of(options, "conversion_mode");
    const char *nulls = value_of(options, "nulls");
    table.scan_rate = rate ? parse_rate("scan_rate", rate) : 0;
    table.consistent_read = consistent ? parse_consistent_read("consistent_read", consistent) : ConsistentRead::kAuto;
    table.segments = segments ? parse_count("segments", segments, kMostReadSegments) : 1;
    table.conversion_mode = mode ? parse_conversion_mode("conversion_mode", mode) : ConversionMode::kColumns;
    table.nulls = nulls ? parse_nulls("nulls", nulls) : Nulls::kAbsent;
    table.sets = flag_of(options, "sets", false);
    return table;
}

void take(SourceOptions *options, const char *name, const char *value)
{
    bool flag = false;
    if (strcmp(name, "region") == 0)
        options->region = value;
    else if (strcmp(name, "endpoint") == 0)
        options->endpoint = value;
    else if (strcmp(name, "streams_endpoint") == 0)
        options->streams_endpoint = value;
    else if (strcmp(name, "sts_endpoint") == 0)
        options->sts_endpoint = value;
    else if (strcmp(name, "s3_endpoint") == 0)
        options->s3_endpoint = value;
    else if (strcmp(name, "s3_path_style") == 0)
        options->s3_path_style = parse_bool(value, &flag) && flag;
    else if (strcmp(name, "profile") == 0)
        options->profile = value;
    else if (strcmp(name, "role_arn") == 0)
        options->role_arn = value;
    else if (strcmp(name, "external_id") == 0)
        options->external_id = value;
    else if (strcmp(name, "ca_file") == 0)
        options->ca_file = value;
    else if (strcmp(name, "credentials") == 0)
        options->credentials = value;
    else if (strcmp(name, "access_key_id") == 0)
        options->access_key_id = value;
    else if (strcmp(name, "secret_access_key") == 0)
        options->secret_access_key = value;
    else if (strcmp(name, "session_token") == 0)
        options->session_token = value;
    else if (strcmp(name, "request_timeout") == 0)
        options->request_timeout_us = parse_timeout(name, value);
    else if (strcmp(name, "use_fips") == 0)
        options->use_fips = parse_bool(value, &flag) && flag;
    else if (strcmp(name, "use_dualstack") == 0)
        options->use_dualstack = parse_bool(value, &flag) && flag;
}

void take_all(SourceOptions *options, List *list)
{
    ListCell *cell;
    foreach (cell, list) {
        auto *definition = static_cast<DefElem *>(lfirst(cell));
        take(options, definition->defname, defGetString(definition));
    }
}

// Options of the role's user mapping, or of the mapping for PUBLIC; unlike GetUserMapping, no error without one.
List *mapping_options(Oid role, Oid server, bool *found)
{
    HeapTuple tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role), ObjectIdGetDatum(server));
    if (!HeapTupleIsValid(tuple))
        tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server));
    *found = HeapTupleIsValid(tuple);
    if (!*found)
        return NIL;
    bool null;
    Datum options = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &null);
    List *list = null ? NIL : untransformRelOptions(options);
    ReleaseSysCache(tuple);
    return list;
}

}  // namespace

SourceOptions read_source_options(const ForeignServer *server, Oid role)
{
    SourceOptions options = {};
    options.request_timeout_us = kDefaultTimeoutSeconds * USECS_PER_SEC;
    take_all(&options, server->options);
    take_all(&options, mapping_options(role, server->serverid, &options.has_mapping));
    return options;
}

TableOptions read_table_options(Oid relation)
{
    return table_options(GetForeignTable(relation)->options);
}

ColumnOptions read_column_options(Oid relation, AttrNumber number, const TableOptions &table)
{
    List *options = GetForeignColumnOptions(relation, number);
    const char *key = value_of(options, "key");
    const char *nulls = value_of(options, "nulls");
    ColumnOptions column = {};
    column.attribute = value_of(options, "attribute");
    column.key = key ? parse_key("key", key) : KeyRole::kNone;
    column.nulls = nulls ? parse_nulls("nulls", nulls) : table.nulls;
    column.sets = flag_of(options, "sets", table.sets);
    return column;
}

ImportOptions read_import_options(List *options)
{
    check_all(options, kImport);
    const char *sample = value_of(options, "sample_items");
    const char *collate = value_of(options, "collate");
    ImportOptions import = {};
    import.table = table_options(options);
    import.sample_items = sample ? parse_count("sample_items", sample, kMostSampleItems) : kDefaultSampleItems;
    import.lower_case_columns = flag_of(options, "lower_case_columns", false);
    import.collate_sort_keys = collate == nullptr || parse_collate("collate", collate);
    ListCell *cell;
    foreach (cell, options) {
        auto *definition = static_cast<DefElem *>(lfirst(cell));
        if (find_option(definition->defname, ForeignTableRelationId) != nullptr)
            import.table_options = lappend(import.table_options, definition);
    }
    return import;
}

}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_option_validator);

Datum podyn_option_validator(PG_FUNCTION_ARGS)
{
    List *options = untransformRelOptions(PG_GETARG_DATUM(0));
    podyn::check_all(options, PG_GETARG_OID(1));
    podyn::check_combination(options);
    PG_RETURN_VOID();
}
}
