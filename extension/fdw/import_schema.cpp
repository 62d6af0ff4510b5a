// See import_schema.h. Columns come from the keys of table and indexes and from a sample of items, by the rules by
// which a replication's target gets its columns.
#include "fdw/import_schema.h"

#include "fdw/connection.h"
#include "fdw/options.h"
#include "load/create_target.h"
#include "load/names.h"
#include "load/target.h"
#include "raise.h"
#include "source_table.h"

namespace podyn {
namespace {

using engine::ColumnType;

constexpr int kMostColumns = 1500;  // somewhat below PostgreSQL's 1,600

struct ImportedColumn {
    const char *attribute;
    ColumnType type;
    const char *name;
    KeyRole key;
    bool sorts;  // by it, items of the table or of an index are in order
};

struct ImportedTable {
    const ImportOptions *options;
    ImportedColumn *columns;
    int count;
    bool full;  // something was left out
};

bool has_documents(const ImportedTable &table)
{
    return table.options->table.conversion_mode != ConversionMode::kColumns;
}

const ImportedColumn *find(const ImportedTable &table, std::string_view attribute)
{
    for (int i = 0; i < table.count; ++i)
        if (table.columns[i].attribute == attribute)
            return &table.columns[i];
    return nullptr;
}

bool has(const ImportedTable &table, std::string_view attribute, ColumnType type)
{
    for (int i = 0; i < table.count; ++i)
        if (table.columns[i].attribute == attribute && table.columns[i].type == type)
            return true;
    return false;
}

std::span<const std::string_view> names_taken(const ImportedTable &table)
{
    auto *taken =
        static_cast<std::string_view *>(palloc(sizeof(std::string_view) * static_cast<size_t>(table.count + 1)));
    size_t count = 0;
    for (int i = 0; i < table.count; ++i)
        taken[count++] = table.columns[i].name;
    if (has_documents(table))
        taken[count++] = kDocumentColumn;
    return {taken, count};
}

void add(ImportedTable *table, std::string_view attribute, ColumnType type, KeyRole key, bool sorts)
{
    if (type == ColumnType::kNone || table->full || has(*table, attribute, type))
        return;
    table->full = table->count == kMostColumns;
    if (table->full)
        return;
    bool typed = find(*table, attribute) != nullptr;
    const char *name =
        choose_column_name(attribute, type, typed, table->options->lower_case_columns, names_taken(*table));
    table->columns[table->count++] = {copy_string(attribute), type, name, key, sorts};
}

bool sorts_an_index(const engine::TableDescription &source, std::string_view attribute)
{
    for (const engine::IndexDescription &index : source.indexes)
        for (const engine::KeyAttribute &key : index.keys)
            if (key.sort && key.name == attribute)
                return true;
    return false;
}

void add_keys(ImportedTable *table, const engine::TableDescription &source)
{
    for (const engine::KeyAttribute &key : source.keys)
        add(table, key.name, key_column_type(key.type), key.sort ? KeyRole::kSort : KeyRole::kPartition,
            key.sort || sorts_an_index(source, key.name));
    for (const engine::IndexDescription &index : source.indexes)
        for (const engine::KeyAttribute &key : index.keys)
            add(table, key.name, key_column_type(key.type), KeyRole::kNone, sorts_an_index(source, key.name));
}

void add_attributes(ImportedTable *table, std::span<const engine::Item> items)
{
    for (const engine::Item &item : items)
        for (size_t i = 0; i < item.values.size() && !item.problem.exists(); i += item.values[i].span)
            add(table, item.values[i].name, engine::column_type(item.values[i].type), KeyRole::kNone, false);
}

// A page holds at most 1 MB: there may be fewer items than asked for.
std::span<const engine::Item> read_sample(const Source &source, const char *name, int items)
{
    engine::ScanRequest request = {name, 0, 1, static_cast<uint32>(items), false, {}};
    engine::Call *call = nullptr;
    check(engine::start_scan(source.loop->client, source.session, request, now(), &call));
    finish(source.loop, own_call(call));
    engine::Items *handle = nullptr;
    engine::ScanPage page;
    check(engine::take_scan(call, engine::NulCharacters::kReplace, &handle, &page));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    return page.items;
}

// What PostgreSQL would cut gets a name of its own.
const char *local_name(const char *table)
{
    return strlen(table) < NAMEDATALEN ? table : choose_column_name(table, ColumnType::kText, false, false, {});
}

void append_option(StringInfo list, const char *name, const char *value)
{
    appendStringInfo(list, "%s%s %s", list->len ? ", " : "", quote_identifier(name), quote_literal_cstr(value));
}

void append_column(StringInfo statement, const ImportedTable &table, const ImportedColumn &column)
{
    StringInfoData options;
    initStringInfo(&options);
    if (strcmp(column.attribute, column.name) != 0)
        append_option(&options, "attribute", column.attribute);
    if (column.key != KeyRole::kNone)
        append_option(&options, "key", kKeyRoleWords[static_cast<int>(column.key)]);
    bool collate = column.sorts && column.type == ColumnType::kText && table.options->collate_sort_keys;
    appendStringInfo(statement, "%s %s%s%s%s%s%s", quote_identifier(column.name),
                     copy_string(engine::column_type_name(column.type)), options.len ? " OPTIONS (" : "", options.data,
                     options.len ? ")" : "", collate ? " COLLATE \"C\"" : "",
                     column.key != KeyRole::kNone ? " NOT NULL" : "");
}

const char *create_statement(const ImportedTable &table, const char *name, const char *server)
{
    StringInfoData statement;
    initStringInfo(&statement);
    appendStringInfo(&statement, "CREATE FOREIGN TABLE %s (", quote_identifier(local_name(name)));
    for (int i = 0; i < table.count; ++i) {
        appendStringInfoString(&statement, i == 0 ? "" : ", ");
        append_column(&statement, table, table.columns[i]);
    }
    if (has_documents(table))
        appendStringInfo(&statement, ", %s jsonb", kDocumentColumn);
    StringInfoData options;
    initStringInfo(&options);
    append_option(&options, "table_name", name);
    ListCell *cell;
    foreach (cell, table.options->table_options) {
        auto *option = static_cast<DefElem *>(lfirst(cell));
        append_option(&options, option->defname, defGetString(option));
    }
    appendStringInfo(&statement, ") SERVER %s OPTIONS (%s)", quote_identifier(server), options.data);
    return statement.data;
}

const char *import_table(const Source &source, const ImportOptions &options, const char *name, const char *server)
{
    engine::TableDescription description = describe_table(source, name);
    ImportedTable table = {&options, nullptr, 0, false};
    table.columns = static_cast<ImportedColumn *>(palloc0(sizeof(ImportedColumn) * (kMostColumns + 1)));
    if (has_documents(table)) {
        for (const engine::KeyAttribute &key : description.keys)
            add(&table, key.name, key_column_type(key.type), key.sort ? KeyRole::kSort : KeyRole::kPartition, key.sort);
    } else {
        add_keys(&table, description);
        add_attributes(&table, read_sample(source, name, options.sample_items));
    }
    if (table.full)
        ereport(NOTICE, (errmsg("foreign table \"%s\" has columns for the first %d attributes only", local_name(name),
                                kMostColumns),
                         errhint("PostgreSQL's tables have at most %d columns. With OPTIONS (conversion_mode 'jsonb'), "
                                 "one column has the whole item.",
                                 MaxHeapAttributeNumber)));
    return create_statement(table, name, server);
}

bool is_listed(const ImportForeignSchemaStmt &statement, const char *name)
{
    ListCell *cell;
    foreach (cell, statement.table_list)
        if (strcmp(static_cast<RangeVar *>(lfirst(cell))->relname, local_name(name)) == 0)
            return true;
    return false;
}

bool is_wanted(const ImportForeignSchemaStmt &statement, const char *name)
{
    switch (statement.list_type) {
        case FDW_IMPORT_SCHEMA_LIMIT_TO:
            return is_listed(statement, name);
        case FDW_IMPORT_SCHEMA_EXCEPT:
            return !is_listed(statement, name);
        default:
            return true;
    }
}

}  // namespace

List *import_schema(ImportForeignSchemaStmt *statement, Oid server)
{
    ImportOptions options = read_import_options(statement->options);
    Connection *connection = get_connection(CurrentMemoryContext, server, GetUserId());
    Source source = {loop_of(connection), session_of(connection), 0};
    List *statements = NIL;
    ListCell *cell;
    MemoryContext one = AllocSetContextCreate(CurrentMemoryContext, "podyn import", ALLOCSET_DEFAULT_SIZES);
    foreach (cell, list_tables(source)) {
        auto *name = static_cast<const char *>(lfirst(cell));
        if (!is_wanted(*statement, name))
            continue;
        MemoryContext old = MemoryContextSwitchTo(one);
        const char *made = import_table(source, options, name, statement->server_name);
        MemoryContextSwitchTo(old);
        statements = lappend(statements, pstrdup(made));
        MemoryContextReset(one);
    }
    return statements;
}

}  // namespace podyn
