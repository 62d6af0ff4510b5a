// See target.h.
#include "load/target.h"

#include "catalog/journal.h"
#include "catalog/sql.h"
#include "load/distributed.h"
#include "load/late_indexes.h"
#include "load/mark_column.h"
#include "load/names.h"
#include "locks.h"
#include "raise.h"
#include "transaction.h"

namespace podyn {
namespace {

// PostgreSQL's limit is 1,600 columns, dropped ones included (MaxHeapAttributeNumber); some are left for podyn_rest,
// for later needs of ours and for the table's owner.
constexpr int kMaxColumns = 1580;
constexpr int kMostShown = 200;  // bytes of an attribute's name in a message; DynamoDB allows 65,535
// While columns are being placed, a layout only says that an attribute has one; no index of a column.
constexpr int kPlaced = INT_MAX;

engine::ColumnType type_of_name(const char *name)
{
    for (int i = 0; i < static_cast<int>(engine::kColumnTypes); ++i)
        if (engine::column_type_name(static_cast<engine::ColumnType>(i)) == name)
            return static_cast<engine::ColumnType>(i);
    elog(ERROR, "unknown column type \"%s\" in podyn.column_map", name);
}

void find_special_columns(Target *target, Relation relation)
{
    TupleDesc descriptor = RelationGetDescr(relation);
    for (int i = 0; i < descriptor->natts; ++i) {
        Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
        if (attribute->attisdropped)
            continue;
        if (is_mark_column(*attribute))
            target->deleted_at = attribute->attnum;
        if (!can_hold(*attribute, engine::ColumnType::kJsonb))
            continue;
        if (target->jsonb_mode && strcmp(NameStr(attribute->attname), kDocumentColumn) == 0)
            target->document = attribute->attnum;
        if (strcmp(NameStr(attribute->attname), kRestColumn) == 0)
            target->rest = attribute->attnum;
    }
}

bool is_key_attribute(const Target &target, const char *attribute)
{
    for (int i = 0; i < target.key_count; ++i)
        if (strcmp(target.key_attributes[i], attribute) == 0)
            return true;
    return false;
}

TargetColumn *add_entry(Target *target, const char *attribute, engine::ColumnType type)
{
    TargetColumn *entry = &target->columns[target->column_count];
    *entry = {};
    entry->type = type;
    entry->attribute = MemoryContextStrdup(target->context, attribute);
    check(engine::layout_add(target->layout, attribute, type, target->column_count));
    ++target->column_count;
    return entry;
}

// One row of podyn.column_map. A column that its owner has dropped, generates, or given a type for which there is no
// conversion is as good as unmapped.
void add_mapped_column(Target *target, Relation relation, const char *attribute, engine::ColumnType type,
                       const char *column)
{
    AttrNumber number = get_attnum(target->relation, column);
    if (number <= 0)
        return;
    bool key = is_key_attribute(*target, attribute);
    const FormData_pg_attribute &definition = *TupleDescAttr(RelationGetDescr(relation), number - 1);
    if (!can_hold(definition, type) && !can_convert(definition, type, key))
        return;
    TargetColumn *entry = add_entry(target, attribute, type);
    entry->number = number;
    strlcpy(entry->name, column, NAMEDATALEN);
    entry->converter = make_converter(target->context, definition, attribute, type, key);
    target->checks_nulls = target->checks_nulls || get_typtype(definition.atttypid) == TYPTYPE_DOMAIN;
    for (int i = 0; i < target->key_count; ++i)
        if (strcmp(target->key_attributes[i], attribute) == 0 && target->keys[i] < 0)
            target->keys[i] = target->column_count - 1;
}

// Whether another attribute has the column.
bool is_taken(const Target &target, const char *column, std::string_view attribute)
{
    for (int i = 0; i < target.column_count; ++i)
        if (strcmp(target.columns[i].name, column) == 0 &&
            engine::layout_find(target.layout, attribute, target.columns[i].type) != i)
            return true;
    return false;
}

using Accepts = bool (*)(const FormData_pg_attribute &column, engine::ColumnType type);

bool is_column(const Target &target, Relation relation, const char *name, const MissingColumn &missing, Accepts accepts)
{
    AttrNumber number = get_attnum(target.relation, name);
    return number > 0 && !is_taken(target, name, missing.attribute) &&
           accepts(*TupleDescAttr(RelationGetDescr(relation), number - 1), missing.type);
}

// In a table of the user's own, the column for an attribute: under a name that podyn would give it (the table may have
// been made by podyn once), if it has the right type; else under its own name, through a conversion. Null: none.
char *own_column(const catalog::Replication &replication, const Target &target, Relation relation,
                 const MissingColumn &missing)
{
    Accepts converts = [](const FormData_pg_attribute &column, engine::ColumnType type) {
        return can_convert(column, type, false);
    };
    char *plain = choose_column_name(missing.attribute, missing.type, false, replication.lower_case_columns, {});
    char *typed = choose_column_name(missing.attribute, missing.type, true, replication.lower_case_columns, {});
    std::string_view taken[] = {plain, typed};
    char *distinct = choose_column_name(missing.attribute, missing.type, false, replication.lower_case_columns, taken);
    for (char *name : {plain, typed, distinct})
        if (is_column(target, relation, name, missing, can_hold))
            return name;
    return is_column(target, relation, plain, missing, converts) ? plain : nullptr;
}

// An attribute that was left out stays so until the table has a column for it.
void add_left_out(Target *target, Relation relation, const catalog::Replication &replication, const char *attribute,
                  engine::ColumnType type)
{
    if (own_column(replication, *target, relation, {attribute, type}) != nullptr)
        return;
    add_entry(target, attribute, type);
}

void read_column_map(Target *target, Relation relation, const catalog::Replication &replication)
{
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT attribute, type, column_name FROM podyn.column_map WHERE name = $1 ORDER BY column_name NULLS LAST",
        {catalog::text(replication.name)});
    target->columns =
        static_cast<TargetColumn *>(MemoryContextAllocZero(target->context, sizeof(TargetColumn) * (rows + 1)));
    for (uint64 row = 0; row < rows; ++row) {
        const char *attribute = catalog::string(CurrentMemoryContext, row, 1);
        engine::ColumnType type = type_of_name(catalog::string(CurrentMemoryContext, row, 2));
        const char *column = catalog::string(CurrentMemoryContext, row, 3);
        if (column == nullptr)
            add_left_out(target, relation, replication, attribute, type);
        else
            add_mapped_column(target, relation, attribute, type, column);
    }
    catalog::leave(scope);
}

void require_keys(const Target &target)
{
    for (int i = 0; i < target.key_count; ++i)
        if (target.keys[i] < 0)
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                            errmsg("target %s has lost the column of key attribute \"%s\"", target.relation_name,
                                   target.key_attributes[i]),
                            errdetail("It was renamed, dropped, or given a type that cannot hold keys."),
                            errhint("Mend the column and use podyn_start, or podyn_drop and podyn_replicate to begin "
                                    "anew.")));
    if (target.jsonb_mode && target.document == InvalidAttrNumber)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("target %s has lost its column \"%s\"", target.relation_name, kDocumentColumn),
                        errhint("Use podyn_drop, then podyn_replicate or podyn_import to begin anew.")));
}

char *qualified_name(Relation relation)
{
    return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                      RelationGetRelationName(relation));
}

// The table's columns while new ones are being placed.
struct Placement {
    std::string_view *names;  // those in use, as views into the descriptor
    int name_count;
    int total;           // dropped ones included: they count against PostgreSQL's limit forever
    StringInfoData ddl;  // what has to be added
};

Placement begin_placement(Relation relation, int most_new)
{
    TupleDesc descriptor = RelationGetDescr(relation);
    Placement placement = {};
    placement.names =
        static_cast<std::string_view *>(palloc(sizeof(std::string_view) * (descriptor->natts + most_new)));
    placement.total = descriptor->natts;
    for (int i = 0; i < descriptor->natts; ++i)
        if (!TupleDescAttr(descriptor, i)->attisdropped)
            placement.names[placement.name_count++] = NameStr(TupleDescAttr(descriptor, i)->attname);
    initStringInfo(&placement.ddl);
    return placement;
}

void add_to_ddl(Placement *placement, const char *column, const char *type)
{
    appendStringInfo(&placement->ddl, "%s ADD COLUMN %s %s", placement->ddl.len ? "," : "", quote_identifier(column),
                     type);
    ++placement->total;
}

bool is_mapped(const Target &target, std::string_view column)
{
    for (int i = 0; i < target.column_count; ++i)
        if (column == target.columns[i].name)
            return true;
    return false;
}

// `column`: null where there is none.
void remember_column(const catalog::Replication &replication, const MissingColumn &missing, const char *column)
{
    // A column that its owner dropped may have left a row, of this attribute or of another one that had its name. In a
    // table of the user's own, another type of this attribute may be there with good reason.
    catalog::execute(
        "DELETE FROM podyn.column_map WHERE name = $1 AND (attribute = $2 AND type = $3 OR column_name = $4 AND "
        "($5 OR attribute <> $2))",
        {catalog::text(replication.name), catalog::text(missing.attribute),
         catalog::text(engine::column_type_name(missing.type)), catalog::text_or_null(column),
         catalog::boolean(replication.target_made)});
    catalog::execute("INSERT INTO podyn.column_map (name, attribute, type, column_name) VALUES ($1, $2, $3, $4)",
                     {catalog::text(replication.name), catalog::text(missing.attribute),
                      catalog::text(engine::column_type_name(missing.type)), catalog::text_or_null(column)});
}

void tell(const catalog::Replication &replication, const char *message)
{
    ereport(MyBgworkerEntry != nullptr ? LOG : NOTICE, (errmsg("%s", message)));
    catalog::record_event(replication.owner, replication.name, "column", message);
}

// `what`: "adding new column to", "adopting column of".
void announce(const catalog::Replication &replication, Relation relation, const char *what, const char *column,
              engine::ColumnType type)
{
    tell(replication, psprintf("%s table %s: \"%s\" %s", what, RelationGetRelationName(relation), column,
                               copy_string(engine::column_type_name(type))));
}

// In a table of the user's own.
void adopt(const catalog::Replication &replication, Target *target, Relation relation, const MissingColumn &missing)
{
    char *column = own_column(replication, *target, relation, missing);
    char *attribute = copy_string(missing.attribute);
    remember_column(replication, missing, column);
    target->columns = static_cast<TargetColumn *>(
        repalloc(target->columns, sizeof(TargetColumn) * static_cast<size_t>(target->column_count + 1)));
    if (column != nullptr) {
        add_mapped_column(target, relation, attribute, missing.type, column);
        announce(replication, relation, "adopting column of", column, missing.type);
    } else {
        add_entry(target, attribute, missing.type);
        int shown = pg_mbcliplen(attribute, static_cast<int>(strlen(attribute)), kMostShown);
        tell(replication,
             psprintf("attribute \"%.*s\" %s has no column in table %s: %s", shown, attribute,
                      copy_string(engine::column_type_name(missing.type)), RelationGetRelationName(relation),
                      target->rest == InvalidAttrNumber ? "left out" : "kept in podyn_rest"));
    }
}

// Decides where one attribute goes. Returns the column's name, palloc'ed; null: the table is full.
char *place(const catalog::Replication &replication, const Target &target, Relation relation,
            const MissingColumn &missing, Placement *placement)
{
    bool known = engine::layout_knows(target.layout, missing.attribute);
    char *plain = choose_column_name(missing.attribute, missing.type, false, replication.lower_case_columns, {});
    if (placement->total >= kMaxColumns)
        return nullptr;
    // Another type of this attribute has the plain name already, or the table's owner has given it to something else.
    bool plain_taken = get_attnum(target.relation, plain) != InvalidAttrNumber;
    bool typed = known || (plain_taken && !is_mapped(target, plain));
    char *column = choose_column_name(missing.attribute, missing.type, typed, replication.lower_case_columns,
                                      {placement->names, static_cast<size_t>(placement->name_count)});
    placement->names[placement->name_count++] = column;
    add_to_ddl(placement, column, copy_string(engine::column_type_name(missing.type)));
    announce(replication, relation, "adding new column to", column, missing.type);
    return column;
}

// Of an import that was dumped before its indexes were built (late_indexes.h).
bool has_lost_key(const catalog::Replication &replication, Relation relation)
{
    return replication.imports && replication.target_made && RelationGetIndexList(relation) == NIL;
}

}  // namespace

Target *load_target(MemoryContext parent, const catalog::Replication &replication)
{
    MemoryContext context = AllocSetContextCreate(parent, "podyn target", ALLOCSET_DEFAULT_SIZES);
    auto *target = static_cast<Target *>(MemoryContextAllocZero(context, sizeof(Target)));
    target->context = context;
    target->relation = replication.target;
    target->made = replication.target_made;
    target->adds_columns = replication.adds_columns;
    target->citus = is_citus_table(replication.target);
    target->jsonb_mode = replication.jsonb_mode;
    target->typed_document = replication.typed_document;
    target->key_count = replication.key_count;
    for (int i = 0; i < 2; ++i) {
        target->keys[i] = -1;
        if (i < replication.key_count)
            target->key_attributes[i] = MemoryContextStrdup(context, replication.keys[i]);
    }
    check(engine::layout_create(&target->layout));
    own<engine::Layout>(context, target->layout, engine::destroy);

    Relation relation = try_relation_open(replication.target, AccessShareLock);
    if (relation == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("the target of replication \"%s\" no longer exists", replication.name),
                        errhint("Use podyn_drop, then podyn_replicate or podyn_import to begin anew.")));
    target->relation_name = MemoryContextStrdup(context, qualified_name(relation));
    if (relation->rd_rel->relowner != replication.owner)
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("target %s has another owner than replication \"%s\"", target->relation_name, replication.name),
                 errdetail("The table's triggers would run as the replication's owner."),
                 errhint("Give the table back with ALTER TABLE ... OWNER TO, or let a superuser or a member of both "
                         "roles use podyn_start: then the replication is the new owner's, too.")));
    if (relation->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("target %s is unlogged", target->relation_name),
                        errdetail("A crash would empty it, and the replication would go on as if nothing was lost."),
                        errhint("Use ALTER TABLE %s SET LOGGED.", target->relation_name)));
    target->indexed = !has_unbuilt_indexes(relation) && !has_lost_key(replication, relation);
    target->unhinted = make_unhinted_rows(context, relation);
    find_special_columns(target, relation);
    target->full =
        target->adds_columns && RelationGetDescr(relation)->natts >= kMaxColumns && target->rest != InvalidAttrNumber;
    read_column_map(target, relation, replication);
    relation_close(relation, AccessShareLock);
    require_keys(*target);
    return target;
}

MissingColumns missing_columns(const Target &target, const engine::Item *const *items, int count)
{
    MissingColumns missing = {};
    if (target.jsonb_mode || target.full)
        return missing;
    engine::Layout *seen = nullptr;
    int capacity = 0;
    for (int i = 0; i < count; ++i) {
        if (items[i]->problem.exists())
            continue;
        for (size_t v = 0; v < items[i]->values.size(); v += items[i]->values[v].span) {
            const engine::Value &value = items[i]->values[v];
            engine::ColumnType type = engine::column_type(value.type);
            if (type == engine::ColumnType::kNone ||
                engine::layout_find(target.layout, value.name, type) != engine::kNoColumn)
                continue;
            if (seen == nullptr) {
                check(engine::layout_create(&seen));
                own<engine::Layout>(CurrentMemoryContext, seen, engine::destroy);
            }
            if (engine::layout_find(seen, value.name, type) != engine::kNoColumn)
                continue;
            check(engine::layout_add(seen, value.name, type, 0));
            if (missing.count == capacity) {
                capacity = capacity ? capacity * 2 : 16;
                size_t size = sizeof(MissingColumn) * static_cast<size_t>(capacity);
                missing.columns =
                    static_cast<MissingColumn *>(missing.columns ? repalloc(missing.columns, size) : palloc(size));
            }
            missing.columns[missing.count++] = {value.name, type};
        }
    }
    return missing;
}

MissingColumns missing_columns(const Target &target, const PageItem *items, int count)
{
    auto *puts = static_cast<const engine::Item **>(palloc(sizeof(engine::Item *) * static_cast<size_t>(count + 1)));
    int put_count = 0;
    for (int i = 0; i < count; ++i)
        if (!items[i].remove)
            puts[put_count++] = items[i].item;
    return missing_columns(target, puts, put_count);
}

void note_columns(const catalog::Replication &replication, Target *target, const MissingColumns &missing)
{
    if (target->made || missing.count == 0)
        return;
    target->columns = static_cast<TargetColumn *>(
        repalloc(target->columns, sizeof(TargetColumn) * static_cast<size_t>(target->column_count + missing.count)));
    Relation relation = relation_open(target->relation, AccessShareLock);
    for (int i = 0; i < missing.count; ++i) {
        char *attribute = copy_string(missing.columns[i].attribute);
        char *column = own_column(replication, *target, relation, missing.columns[i]);
        if (column != nullptr)
            add_mapped_column(target, relation, attribute, missing.columns[i].type, column);
        else if (!target->adds_columns)
            add_entry(target, attribute, missing.columns[i].type);
    }
    relation_close(relation, AccessShareLock);
}

void map_columns(const catalog::Replication &replication, const MissingColumns &missing, bool with_rest)
{
    locks::own_schema(replication.id);
    Target *target = load_target(CurrentMemoryContext, replication);
    Relation relation = relation_open(target->relation, AccessShareLock);

    Placement placement = begin_placement(relation, missing.count);
    for (int i = 0; i < missing.count; ++i) {
        const MissingColumn &column = missing.columns[i];
        if (engine::layout_find(target->layout, column.attribute, column.type) != engine::kNoColumn)
            continue;  // another process was faster
        bool own = !target->made && own_column(replication, *target, relation, column) != nullptr;
        if (own || !target->adds_columns) {
            adopt(replication, target, relation, column);
            continue;
        }
        char *name = place(replication, *target, relation, column, &placement);
        if (name == nullptr) {
            with_rest = true;
            continue;
        }
        remember_column(replication, column, name);
        check(engine::layout_add(target->layout, column.attribute, column.type, kPlaced));
    }
    if (with_rest && target->adds_columns && target->rest == InvalidAttrNumber) {
        add_to_ddl(&placement, kRestColumn, "jsonb");
        announce(replication, relation, "adding new column to", kRestColumn, engine::ColumnType::kJsonb);
    }
    char *name = target->relation_name;
    relation_close(relation, AccessShareLock);
    if (placement.ddl.len > 0)
        alter_target(*target, psprintf("ALTER TABLE %s%s", name, placement.ddl.data));
}

void alter_target(const Target &target, const char *statement)
{
    if (target.citus) {
        alter_on_nodes(statement);
        return;
    }
    SPI_connect();
    SPI_execute(statement, false, 0);
    SPI_finish();
}

void add_columns(const catalog::Replication &replication, const MissingColumns &missing, bool with_rest)
{
    begin_transaction();
    map_columns(replication, missing, with_rest);
    commit_transaction();
}

}  // namespace podyn
