// See table.h.
#include "fdw/table.h"

#include "fdw/open_writes.h"
#include "load/convert.h"
#include "load/create_target.h"
#include "load/target.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::ColumnType;

// What a column of this type can only have come from.
ColumnType source_type(Oid base_type)
{
    switch (base_type) {
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case NUMERICOID:
        case FLOAT4OID:
        case FLOAT8OID:
            return ColumnType::kNumeric;
        case BOOLOID:
            return ColumnType::kBoolean;
        case BYTEAOID:
            return ColumnType::kBytea;
        case JSONOID:
        case JSONBOID:
            return ColumnType::kJsonb;
        default:
            return OidIsValid(get_element_type(base_type)) ? ColumnType::kJsonb : ColumnType::kText;
    }
}

bool is_document(const TableOptions &options, const FormData_pg_attribute &attribute, const ColumnOptions &given)
{
    return options.conversion_mode != ConversionMode::kColumns && given.attribute == nullptr &&
           strcmp(NameStr(attribute.attname), kDocumentColumn) == 0;
}

void require_document(const ForeignTable &table)
{
    const char *mode = kConversionModeWords[static_cast<int>(table.options.conversion_mode)];
    if (table.document == kNoForeignColumn)
        ereport(ERROR, (errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
                        errmsg("foreign table \"%s\" has no column \"%s\"", table.relation_name, kDocumentColumn),
                        errhint("With conversion_mode '%s' it holds the item: ALTER FOREIGN TABLE ... ADD COLUMN %s "
                                "jsonb.",
                                mode, kDocumentColumn)));
    Oid type = table.columns[table.document].base_type;
    if (type != JSONBOID && type != JSONOID)
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
                        errmsg("column \"%s\" of foreign table \"%s\" has type %s", kDocumentColumn,
                               table.relation_name, format_type_be(type)),
                        errhint("With conversion_mode '%s' it holds the item, as jsonb or json.", mode)));
}

const engine::KeyAttribute *find_key(const ForeignTable &table, const char *attribute)
{
    for (const engine::KeyAttribute &key : table.source.keys)
        if (key.name == attribute)
            return &key;
    return nullptr;
}

KeyRole role_of(const engine::KeyAttribute *key)
{
    return key == nullptr ? KeyRole::kNone : key->sort ? KeyRole::kSort : KeyRole::kPartition;
}

void check_role(const ForeignTable &table, const ForeignColumn &column, KeyRole said)
{
    if (said != KeyRole::kNone && said != column.key)
        ereport(ERROR,
                (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
                 errmsg("attribute \"%s\" is not the %s key of DynamoDB table \"%s\"", column.attribute,
                        kKeyRoleWords[static_cast<int>(said)], table.table_name),
                 errdetail("Option \"key\" of column \"%s\" of foreign table \"%s\" says so.", column.name,
                           table.relation_name),
                 errhint("Import the foreign table again, or use ALTER FOREIGN TABLE ... ALTER COLUMN ... OPTIONS "
                         "(DROP key).")));
}

// Two keys of DynamoDB must not become one value, and money rounds.
void check_type(const ForeignTable &table, const ForeignColumn &column, const FormData_pg_attribute &attribute)
{
    bool key = column.key != KeyRole::kNone;
    if (!column.plain && !can_convert(attribute, column.type, key))
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
                        errmsg("column \"%s\" of foreign table \"%s\" has type %s, which cannot hold attribute \"%s\"",
                               column.name, table.relation_name, format_type_be(attribute.atttypid), column.attribute),
                        errhint("Use type %s.", copy_string(engine::column_type_name(column.type)))));
}

// What PostgreSQL computes for a column is written like anything else, and read back.
FormData_pg_attribute as_stored(const FormData_pg_attribute &attribute)
{
    FormData_pg_attribute stored = attribute;
    stored.attgenerated = stored.attidentity = '\0';
    return stored;
}

void add_column(ForeignTable *table, const FormData_pg_attribute &declared)
{
    FormData_pg_attribute attribute = as_stored(declared);
    ColumnOptions given = read_column_options(table->relation, attribute.attnum, table->options);
    ForeignColumn *column = &table->columns[table->column_count];
    column->number = attribute.attnum;
    column->name = pstrdup(NameStr(attribute.attname));
    column->modifier = attribute.atttypmod;
    column->base_type = getBaseTypeAndTypmod(attribute.atttypid, &column->modifier);
    column->nulls = given.nulls;
    column->sets = given.sets;
    if (is_document(table->options, attribute, given)) {
        column->attribute = "";
        column->type = ColumnType::kJsonb;
        table->document = table->column_count++;
        return;
    }
    column->attribute = given.attribute != nullptr ? given.attribute : column->name;
    const engine::KeyAttribute *key = find_key(*table, column->attribute);
    column->key = role_of(key);
    column->type = key != nullptr ? key_column_type(key->type) : source_type(column->base_type);
    column->plain = can_hold(attribute, column->type);
    check_role(*table, *column, given.key);
    check_type(*table, *column, attribute);
    if (key != nullptr) {
        int *place = &table->keys[key - table->source.keys.data()];
        if (*place == kNoForeignColumn)
            *place = table->column_count;
    }
    ++table->column_count;
}

void check_index(const ForeignTable &table)
{
    const char *name = table.options.index_name;
    if (name != nullptr && find_index(table, name) == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("DynamoDB table \"%s\" has no index \"%s\"", table.table_name, name),
                        errhint("Option \"index_name\" of foreign table \"%s\" names it.", table.relation_name)));
}

}  // namespace

ForeignTable *open_foreign_table(Oid oid, Oid role)
{
    Relation relation = relation_open(oid, NoLock);
    TupleDesc descriptor = RelationGetDescr(relation);
    auto *table = static_cast<ForeignTable *>(palloc0(sizeof(ForeignTable)));
    table->relation = oid;
    table->relation_name = pstrdup(RelationGetRelationName(relation));
    table->options = read_table_options(oid);
    table->table_name = table->options.table_name != nullptr ? table->options.table_name : table->relation_name;
    table->connection = get_connection(CurrentMemoryContext, GetForeignServerIdByRelId(oid), role);
    table->source = describe(table->connection, table->table_name);
    table->document = kNoForeignColumn;
    table->keys[0] = table->keys[1] = kNoForeignColumn;
    table->key_count = static_cast<int>(table->source.keys.size());
    table->columns =
        static_cast<ForeignColumn *>(palloc0(sizeof(ForeignColumn) * static_cast<size_t>(descriptor->natts + 1)));
    for (int i = 0; i < descriptor->natts; ++i)
        if (!TupleDescAttr(descriptor, i)->attisdropped)
            add_column(table, *TupleDescAttr(descriptor, i));
    relation_close(relation, NoLock);
    if (table->options.conversion_mode != ConversionMode::kColumns)
        require_document(*table);
    check_index(*table);
    finish_open_writes(table->source.arn);
    return table;
}

int find_column(const ForeignTable &table, AttrNumber number)
{
    for (int i = 0; i < table.column_count; ++i)
        if (table.columns[i].number == number)
            return i;
    return kNoForeignColumn;
}

int find_column(const ForeignTable &table, std::string_view attribute, ColumnType type)
{
    for (int i = 0; i < table.column_count; ++i)
        if (table.columns[i].attribute == attribute && table.columns[i].type == type && i != table.document)
            return i;
    return kNoForeignColumn;
}

const engine::IndexDescription *find_index(const ForeignTable &table, std::string_view name)
{
    for (const engine::IndexDescription &index : table.source.indexes)
        if (index.name == name)
            return &index;
    return nullptr;
}

bool is_key_attribute(const ForeignTable &table, std::string_view attribute)
{
    if (find_key(table, copy_string(attribute)) != nullptr)
        return true;
    for (const engine::IndexDescription &index : table.source.indexes)
        for (const engine::KeyAttribute &key : index.keys)
            if (key.name == attribute)
                return true;
    return false;
}

}  // namespace podyn
