// See create_target.h.
#include "load/create_target.h"

#include "load/distribute.h"
#include "load/empty_target.h"
#include "load/late_indexes.h"
#include "load/names.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::ColumnType;
using engine::KeyAttribute;

int most_declared(const engine::TableDescription &source)
{
    size_t count = source.keys.size();
    for (const engine::IndexDescription &index : source.indexes)
        count += index.keys.size();
    return static_cast<int>(count);
}

const DeclaredColumn *find(const NewTarget &target, std::string_view attribute)
{
    for (int i = 0; i < target.count; ++i)
        if (target.columns[i].attribute == attribute)
            return &target.columns[i];
    return nullptr;
}

void declare(NewTarget *target, const TargetRequest &request, const KeyAttribute &attribute)
{
    if (find(*target, attribute.name) != nullptr)
        return;
    auto *taken = static_cast<std::string_view *>(palloc(sizeof(std::string_view) * (target->count + 1)));
    size_t taken_count = 0;
    for (int i = 0; i < target->count; ++i)
        taken[taken_count++] = target->columns[i].column;
    if (request.jsonb_mode)
        taken[taken_count++] = kDocumentColumn;
    ColumnType type = key_column_type(attribute.type);
    char *name = choose_column_name(attribute.name, type, false, request.lower_case_columns, {taken, taken_count});
    target->columns[target->count++] = {copy_string(attribute.name), type, name};
}

// Key attributes, and in columns mode those of the indexes: they are known before the first item.
void declare_columns(NewTarget *target, const TargetRequest &request, const engine::TableDescription &source)
{
    target->columns =
        static_cast<DeclaredColumn *>(palloc0(sizeof(DeclaredColumn) * static_cast<size_t>(most_declared(source))));
    for (const KeyAttribute &key : source.keys)
        declare(target, request, key);
    if (request.jsonb_mode)
        return;
    for (const engine::IndexDescription &index : source.indexes)
        for (const KeyAttribute &key : index.keys)
            declare(target, request, key);
}

const char *qualified(const TargetRequest &request)
{
    return quote_qualified_identifier(request.schema, request.table);
}

char *create_table_statement(const NewTarget &target, const TargetRequest &request, size_t key_count)
{
    StringInfoData statement;
    initStringInfo(&statement);
    appendStringInfo(&statement, "CREATE TABLE %s (", qualified(request));
    for (int i = 0; i < target.count; ++i)
        appendStringInfo(&statement, "%s %s%s, ", quote_identifier(target.columns[i].column),
                         copy_string(engine::column_type_name(target.columns[i].type)),
                         static_cast<size_t>(i) < key_count ? " NOT NULL" : "");
    if (request.jsonb_mode)
        appendStringInfo(&statement, "%s jsonb NOT NULL, ", kDocumentColumn);
    appendStringInfoString(&statement, "PRIMARY KEY (");
    for (size_t i = 0; i < key_count; ++i)
        appendStringInfo(&statement, "%s%s", i ? ", " : "", quote_identifier(target.columns[i].column));
    appendStringInfoString(&statement, "))");
    return statement.data;
}

// What an index is made on: a column, or in jsonb mode an expression over the document.
void append_index_key(StringInfo statement, const NewTarget &target, const TargetRequest &request,
                      const KeyAttribute &key)
{
    const DeclaredColumn *column = find(target, key.name);
    if (column != nullptr)
        appendStringInfoString(statement, quote_identifier(column->column));
    else if (request.typed_document)
        appendStringInfo(statement, "((%s -> %s ->> '%c')%s)", kDocumentColumn,
                         quote_literal_cstr(copy_string(key.name)), key.type, key.type == 'N' ? "::numeric" : "");
    else if (key.type == 'N')
        // Items that are older than the index may hold something else there.
        appendStringInfo(statement, "((CASE WHEN jsonb_typeof(%s -> %s) = 'number' THEN (%s ->> %s)::numeric END))",
                         kDocumentColumn, quote_literal_cstr(copy_string(key.name)), kDocumentColumn,
                         quote_literal_cstr(copy_string(key.name)));
    else
        appendStringInfo(statement, "(%s ->> %s)", kDocumentColumn, quote_literal_cstr(copy_string(key.name)));
}

char *create_index_statement(const NewTarget &target, const TargetRequest &request,
                             const engine::IndexDescription &index, const char *name)
{
    StringInfoData statement;
    initStringInfo(&statement);
    appendStringInfo(&statement, "CREATE INDEX %s ON %s (", quote_identifier(name), qualified(request));
    for (size_t i = 0; i < index.keys.size(); ++i) {
        appendStringInfoString(&statement, i ? ", " : "");
        append_index_key(&statement, target, request, index.keys[i]);
    }
    appendStringInfoString(&statement, ")");
    return statement.data;
}

// The index's name, another one as long as a relation of the schema has it.
const char *free_index_name(const TargetRequest &request, std::string_view index)
{
    Oid schema = get_namespace_oid(request.schema, false);
    std::string_view *taken = nullptr;
    for (size_t count = 0;; ++count) {
        const char *name = choose_index_name(request.table, index, {taken, count});
        if (!OidIsValid(get_relname_relid(name, schema)))
            return name;
        size_t size = sizeof(std::string_view) * (count + 1);
        taken = static_cast<std::string_view *>(taken == nullptr ? palloc(size) : repalloc(taken, size));
        taken[count] = name;
    }
}

void execute(const char *statement)
{
    if (SPI_execute(statement, false, 0) < 0)
        elog(ERROR, "could not execute: %s", statement);
}

void require_type(Relation relation, const DeclaredColumn &column)
{
    AttrNumber number = get_attnum(RelationGetRelid(relation), column.column);
    if (number <= 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("target \"%s\" has no column \"%s\" for key attribute \"%s\"",
                               RelationGetRelationName(relation), column.column, column.attribute),
                        errhint("Add the column, or let podyn make the table with schema => true.")));
    Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), number - 1);
    if (attribute->attgenerated != '\0' || attribute->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
        ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                        errmsg("key column \"%s\" of target \"%s\" is generated", column.column,
                               RelationGetRelationName(relation)),
                        errhint("podyn has to write it: make it an ordinary column.")));
    if (!can_hold(*attribute, column.type) && !can_convert(*attribute, column.type, true))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("column \"%s\" of target \"%s\" is of type %s, but its key attribute is %s",
                               column.column, RelationGetRelationName(relation),
                               format_type_with_typemod(attribute->atttypid, attribute->atttypmod),
                               copy_string(engine::column_type_name(column.type))),
                        errdetail("Different keys of DynamoDB could be equal in this type."),
                        errhint("Change the column's type, or let podyn make the table with schema => true.")));
    if (OidIsValid(attribute->attcollation) && !get_collation_isdeterministic(attribute->attcollation))
        ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                        errmsg("key column \"%s\" of target \"%s\" has a nondeterministic collation", column.column,
                               RelationGetRelationName(relation)),
                        errhint("Different keys of DynamoDB would be equal here; use a deterministic collation.")));
}

bool is_index_on_keys(Relation index, Relation relation, const NewTarget &target, int key_count)
{
    Form_pg_index form = index->rd_index;
    if (!form->indisunique || !form->indimmediate || !form->indisvalid || form->indnkeyatts != key_count ||
        RelationGetIndexExpressions(index) != NIL || RelationGetIndexPredicate(index) != NIL)
        return false;
    for (int i = 0; i < key_count; ++i) {
        AttrNumber number = get_attnum(RelationGetRelid(relation), target.columns[i].column);
        bool found = false;
        for (int j = 0; j < form->indnkeyatts; ++j)
            found = found || form->indkey.values[j] == number;
        if (!found)
            return false;
    }
    return true;
}

void require_unique_index(Relation relation, const NewTarget &target, int key_count)
{
    bool found = false;
    List *indexes = RelationGetIndexList(relation);
    ListCell *cell;
    foreach (cell, indexes) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        found = found || is_index_on_keys(index, relation, target, key_count);
        index_close(index, AccessShareLock);
    }
    if (found)
        return;
    require_built_indexes(relation);
    ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
                    errmsg("target \"%s\" has no unique index on the key columns", RelationGetRelationName(relation)),
                    errhint("Make the table's key columns its primary key.")));
}

[[noreturn]] void refuse_kind(const TargetRequest &request, const char *what, const char *reason, const char *hint)
{
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("target %s %s", qualified(request), what),
                    errdetail("%s", reason), errhint("%s", hint)));
}

// Tables to which columns cannot be added, or into which an upsert does not do what it says.
void require_writable_kind(Relation relation, const TargetRequest &request)
{
    constexpr char kAnotherTable[] = "Name another table, or let podyn make one with schema => true.";
    if (relation->rd_rel->relispartition)
        refuse_kind(request, "is a partition", "Columns can be added to the partitioned table only.",
                    "Name the partitioned table, or detach the partition.");
    if (OidIsValid(relation->rd_rel->reloftype))
        refuse_kind(request, "is a typed table", "Columns cannot be added to it.",
                    "Use ALTER TABLE ... NOT OF, or name another table.");
    if (relation->rd_rules != nullptr)
        refuse_kind(request, "has rules", "INSERT ... ON CONFLICT does not work with rules.",
                    "Use triggers instead, or name another table.");
    if (relation->rd_rel->relkind == RELKIND_RELATION &&
        find_inheritance_children(RelationGetRelid(relation), NoLock) != NIL)
        refuse_kind(request, "has tables that inherit from it",
                    "Its unique index says nothing about the keys in those tables.", kAnotherTable);
}

// Triggers, constraints and index expressions of the table's owner run in the worker, as the replication's owner: the
// two have to be the same.
void require_ownership(Relation relation)
{
    if (relation->rd_rel->relowner != GetUserId())
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("must be owner of table %s", RelationGetRelationName(relation)),
                 errhint("Call as role %s.", quote_identifier(GetUserNameFromId(relation->rd_rel->relowner, false)))));
}

void require_empty(const TargetRequest &request)
{
    if (has_rows(qualified(request)))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("target %s has rows already", qualified(request)),
                        errhint("Empty it, give on_existing => 'truncate' or 'upsert', or replay changes only with "
                                "data => false.")));
}

// Each partition can be unlogged for itself.
void require_logged(Relation relation, const TargetRequest &request)
{
    ListCell *cell;
    foreach (cell, find_all_inheritors(RelationGetRelid(relation), AccessShareLock, nullptr)) {
        Oid table = lfirst_oid(cell);
        if (get_rel_persistence(table) != RELPERSISTENCE_UNLOGGED)
            continue;
        const char *name =
            quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        table == RelationGetRelid(relation)
                            ? errmsg("target %s is unlogged", name)
                            : errmsg("partition %s of target %s is unlogged", name, qualified(request)),
                        errdetail("A crash would empty it, and the replication would go on as if nothing was lost."),
                        errhint("Use ALTER TABLE %s SET LOGGED.", name)));
    }
}

}  // namespace

ColumnType key_column_type(char declared)
{
    return declared == 'N' ? ColumnType::kNumeric : declared == 'B' ? ColumnType::kBytea : ColumnType::kText;
}

NewTarget create_target(const TargetRequest &request, const engine::TableDescription &source)
{
    Oid schema = get_namespace_oid(request.schema, true);
    if (strcmp(request.schema, "pg_temp") == 0 || (OidIsValid(schema) && isAnyTempNamespace(schema)))
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("target %s would be a temporary table", qualified(request)),
                 errdetail("No other session could write to it."),
                 errhint("Name another schema, as in target => 'schema.table'.")));
    if (!OidIsValid(schema))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("schema \"%s\" does not exist", request.schema),
                        errhint("Use CREATE SCHEMA %s.", quote_identifier(request.schema))));
    if (OidIsValid(get_relname_relid(request.table, schema)))
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_TABLE), errmsg("relation %s already exists", qualified(request)),
                        errhint("Name another target, drop the table, or use it as it is with schema => false.")));
    NewTarget target = {};
    declare_columns(&target, request, source);
    char *colocate_with = check_colocation(request.colocate_with, target.columns[0].type);

    SPI_connect();
    execute(create_table_statement(target, request, source.keys.size()));
    for (const engine::IndexDescription &index : source.indexes)
        execute(create_index_statement(target, request, index, free_index_name(request, index.name)));
    SPI_finish();

    target.relation = get_relname_relid(request.table, schema);
    target.made = true;
    if (request.citus)
        distribute(target.relation, target.columns[0].column, colocate_with);
    return target;
}

Oid owner_of(Oid relation)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    Oid owner = InvalidOid;
    if (HeapTupleIsValid(tuple)) {
        owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
        ReleaseSysCache(tuple);
    }
    return owner;
}

Oid existing_target(const TargetRequest &request)
{
    Oid schema = get_namespace_oid(request.schema, true);
    return OidIsValid(schema) ? get_relname_relid(request.table, schema) : InvalidOid;
}

NewTarget adopt_target(const TargetRequest &request, const engine::TableDescription &source, bool must_be_empty)
{
    NewTarget target = {};
    RangeVar *name = makeRangeVar(pstrdup(request.schema), pstrdup(request.table), -1);
    target.relation = RangeVarGetRelid(name, AccessShareLock, true);
    if (!OidIsValid(target.relation))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("target %s does not exist", qualified(request)),
                        errhint("Create it, or let podyn do so with schema => true.")));
    declare_columns(&target, request, source);
    target.count = static_cast<int>(source.keys.size());  // other columns are found as their attributes arrive

    Relation relation = relation_open(target.relation, NoLock);
    if ((relation->rd_rel->relkind != RELKIND_RELATION && relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) ||
        relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("target %s is not a table", qualified(request)),
                        errhint("Temporary tables, views and foreign tables cannot be targets.")));
    require_writable_kind(relation, request);
    require_ownership(relation);
    require_logged(relation, request);
    for (int i = 0; i < target.count; ++i)
        require_type(relation, target.columns[i]);
    if (request.jsonb_mode && get_atttype(target.relation, get_attnum(target.relation, kDocumentColumn)) != JSONBOID)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("target %s has no column \"%s\" of type jsonb", qualified(request), kDocumentColumn),
                        errhint("Add the column, or let podyn make the table with schema => true.")));
    require_unique_index(relation, target, target.count);
    relation_close(relation, NoLock);
    if (request.citus)
        require_distributed(target.relation, target.columns[0].column);
    if (must_be_empty)
        require_empty(request);
    return target;
}

}  // namespace podyn
