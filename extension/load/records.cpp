// See records.h.
#include "load/records.h"

namespace podyn {
namespace {

bool is_key(const Bitmapset *keys, AttrNumber number)
{
    return bms_is_member(number - FirstLowInvalidHeapAttributeNumber, keys);
}

RecordColumn make_column(const FormData_pg_attribute &attribute, const Bitmapset *keys)
{
    RecordColumn column = {};
    column.name = pstrdup(NameStr(attribute.attname));
    column.quoted = quote_identifier(column.name);
    column.binary = getBaseType(attribute.atttypid) == BYTEAOID;
    column.type = column.binary ? "text"
                                : format_type_extended(attribute.atttypid, attribute.atttypmod,
                                                       FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
    column.key = is_key(keys, attribute.attnum);
    column.has_default = attribute.attidentity == '\0';
    return column;
}

// Columns that PostgreSQL fills by itself are nobody's to write.
void read_columns(RecordTarget *target, Relation relation)
{
    TupleDesc descriptor = RelationGetDescr(relation);
    Bitmapset *keys = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
    target->columns = static_cast<RecordColumn *>(palloc(sizeof(RecordColumn) * (descriptor->natts + 1)));
    StringInfoData list;
    initStringInfo(&list);
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute &attribute = *TupleDescAttr(descriptor, i);
        if (attribute.attisdropped)
            continue;
        RecordColumn column = make_column(attribute, keys);
        if (column.key)
            appendStringInfo(&list, "%s%s", list.len ? ", " : "", column.quoted);
        if (attribute.attgenerated == '\0' && attribute.attidentity != ATTRIBUTE_IDENTITY_ALWAYS)
            target->columns[target->count++] = column;
    }
    target->keys = list.len ? list.data : nullptr;
}

bool replaces(const RecordTarget &target)
{
    return target.on_conflict == OnConflict::kUpdate || target.on_conflict == OnConflict::kMerge;
}

int find_column(const RecordTarget &target, std::string_view name)
{
    for (int i = 0; i < target.count; ++i)
        if (name == target.columns[i].name)
            return i;
    return -1;
}

void note_unknown(RecordTarget *target, std::string_view name)
{
    ListCell *cell;
    foreach (cell, target->unknown)
        if (name == static_cast<const char *>(lfirst(cell)))
            return;
    MemoryContext old = MemoryContextSwitchTo(target->memory);
    target->unknown = lappend(target->unknown, pnstrdup(name.data(), name.size()));
    MemoryContextSwitchTo(old);
}

// Which columns the record has members for.
Bitmapset *members(RecordTarget *target, Datum record)
{
    Jsonb *document = DatumGetJsonbP(record);
    if (!JB_ROOT_IS_OBJECT(document))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a record is no JSON object")));
    Bitmapset *columns = nullptr;
    JsonbIterator *iterator = JsonbIteratorInit(&document->root);
    JsonbValue value;
    for (JsonbIteratorToken token; (token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE;) {
        if (token != WJB_KEY)
            continue;
        std::string_view name(value.val.string.val, static_cast<size_t>(value.val.string.len));
        int column = find_column(*target, name);
        if (column >= 0)
            columns = bms_add_member(columns, column);
        else
            note_unknown(target, name);
    }
    if (columns == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("a record has no member that is a column of table %s", target->title)));
    return columns;
}

// What stands behind ON CONFLICT. With 'update' the row becomes what the record alone would have made: columns without
// a member take their defaults.
void append_conflict(StringInfo statement, const RecordTarget &target, const Bitmapset *columns)
{
    if (target.on_conflict == OnConflict::kError)
        return;
    if (target.on_conflict == OnConflict::kNothing) {
        appendStringInfoString(statement, " ON CONFLICT DO NOTHING");
        return;
    }
    appendStringInfo(statement, " ON CONFLICT (%s) DO UPDATE SET ", target.keys);
    const char *separator = "";
    for (int i = 0; i < target.count; ++i) {
        const RecordColumn &column = target.columns[i];
        bool given = bms_is_member(i, columns);
        bool resets = target.on_conflict == OnConflict::kUpdate && column.has_default && !column.key;
        if (!given && !resets)
            continue;
        appendStringInfo(statement, "%s%s = ", separator, column.quoted);
        appendStringInfo(statement, given ? "EXCLUDED.%s" : "DEFAULT", column.quoted);
        separator = ", ";
    }
}

char *insert_statement(const RecordTarget &target, const Bitmapset *columns)
{
    StringInfoData names, values, definitions, statement;
    for (StringInfo list : {&names, &values, &definitions, &statement})
        initStringInfo(list);
    for (int i = -1; (i = bms_next_member(columns, i)) >= 0;) {
        const RecordColumn &column = target.columns[i];
        const char *separator = names.len ? ", " : "";
        appendStringInfo(&names, "%s%s", separator, column.quoted);
        appendStringInfo(&values, column.binary ? "%sdecode(r.%s, 'base64')" : "%sr.%s", separator, column.quoted);
        appendStringInfo(&definitions, "%s%s %s", separator, column.quoted, column.type);
    }
    appendStringInfo(&statement,
                     "INSERT INTO %s (%s) SELECT %s FROM unnest($1) WITH ORDINALITY AS u (record, number) "
                     "CROSS JOIN LATERAL jsonb_to_record(u.record) AS r (%s) ORDER BY u.number",
                     target.name, names.data, values.data, definitions.data);
    append_conflict(&statement, target, columns);
    return statement.data;
}

int64 insert_alike(const RecordTarget &target, const Bitmapset *columns, Datum *records, int count)
{
    char *statement = insert_statement(target, columns);
    Oid types[] = {JSONBARRAYOID};
    Datum values[] = {PointerGetDatum(construct_array(records, count, JSONBOID, -1, false, TYPALIGN_INT))};
    if (SPI_execute_with_args(statement, 1, types, values, nullptr, false, 0) != SPI_OK_INSERT)
        elog(ERROR, "could not execute: %s", statement);
    return static_cast<int64>(SPI_processed);
}

}  // namespace

RecordTarget *open_record_target(Oid relation_oid, OnConflict on_conflict)
{
    Relation relation = try_relation_open(relation_oid, RowExclusiveLock);
    if (relation == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the target does not exist any more")));
    auto *target = static_cast<RecordTarget *>(palloc0(sizeof(RecordTarget)));
    target->relation = relation_oid;
    target->title = pstrdup(RelationGetRelationName(relation));
    target->name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), target->title);
    target->on_conflict = on_conflict;
    target->memory = CurrentMemoryContext;
    read_columns(target, relation);
    relation_close(relation, NoLock);
    if (replaces(*target) && target->keys == nullptr)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_TABLE_DEFINITION), errmsg("target \"%s\" has no primary key", target->title),
                 errhint("Add one, give on_conflict => 'nothing' or 'error', or write the records with a "
                         "function of your own, upsert.")));
    return target;
}

int64 insert_records(RecordTarget *target, Datum *records, int count)
{
    auto **columns = static_cast<Bitmapset **>(palloc(sizeof(Bitmapset *) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i)
        columns[i] = members(target, records[i]);
    int64 taken = 0;
    // Neighbours with the same members share a statement; in this way a key that comes twice keeps its last record.
    for (int first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && bms_equal(columns[first], columns[end]);)
            ++end;
        taken += insert_alike(*target, columns[first], records + first, end - first);
    }
    return taken;
}

}  // namespace podyn
