// See rows_to_items.h.
#include "write/rows_to_items.h"

#include "load/document.h"
#include "raise.h"

namespace podyn {
namespace {

using Shape = RowsToItems::Shape;

void require_distinct_names(TupleDesc descriptor)
{
    for (int i = 0; i < descriptor->natts; ++i)
        for (int j = 0; j < i; ++j)
            if (strcmp(NameStr(TupleDescAttr(descriptor, i)->attname),
                       NameStr(TupleDescAttr(descriptor, j)->attname)) == 0)
                ereport(
                    ERROR,
                    (errcode(ERRCODE_DUPLICATE_COLUMN),
                     errmsg("the query has two columns named \"%s\"", NameStr(TupleDescAttr(descriptor, i)->attname)),
                     errhint("Column names are the names of attributes: give one of them another with AS.")));
}

Shape shape_of(TupleDesc descriptor)
{
    if (descriptor->natts != 1 || getBaseType(TupleDescAttr(descriptor, 0)->atttypid) != JSONBOID)
        return Shape::kColumns;
    const char *name = NameStr(TupleDescAttr(descriptor, 0)->attname);
    if (strcmp(name, "item") == 0)
        return Shape::kItem;
    return strcmp(name, "dynamodb_json") == 0 ? Shape::kDynamoDbJson : Shape::kColumns;
}

Datum column_of(TupleDesc descriptor, HeapTuple row, int column, bool *null)
{
    return heap_getattr(row, column + 1, descriptor, null);
}

}  // namespace

RowsToItems read_row_shape(TupleDesc descriptor, ValueOptions options)
{
    RowsToItems rows = {shape_of(descriptor), descriptor->natts, nullptr};
    if (rows.shape != Shape::kColumns)
        return rows;
    require_distinct_names(descriptor);
    rows.columns =
        static_cast<ColumnValues **>(palloc(sizeof(ColumnValues *) * static_cast<size_t>(descriptor->natts + 1)));
    for (int i = 0; i < descriptor->natts; ++i) {
        Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
        rows.columns[i] = make_column_values(NameStr(attribute->attname), attribute->atttypid, options);
    }
    return rows;
}

ItemValues row_to_item(const RowsToItems &rows, TupleDesc descriptor, HeapTuple row)
{
    ItemValues item = make_item_values();
    bool null;
    if (rows.shape == Shape::kColumns) {
        for (int i = 0; i < rows.column_count; ++i) {
            Datum value = column_of(descriptor, row, i, &null);
            append_column(&item, rows.columns[i], value, null);
        }
        return item;
    }
    Datum value = column_of(descriptor, row, 0, &null);
    if (null)
        item.refusal = "the item is NULL";
    else if (rows.shape == Shape::kDynamoDbJson)
        item = dynamodb_json_to_item(DatumGetJsonbP(value));
    else
        append_document(&item, DatumGetJsonbP(value));
    return item;
}

ItemValues dynamodb_json_to_item(Jsonb *document)
{
    StringInfoData text;
    initStringInfo(&text);
    JsonbToCString(&text, &document->root, VARSIZE(document));
    std::string_view documents[] = {{text.data, static_cast<size_t>(text.len)}};
    engine::Items *handle = nullptr;
    std::span<const engine::Item> items;
    check(engine::parse_items(documents, engine::NulCharacters::kReject, &handle, &items));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    auto count = static_cast<uint32>(items[0].values.size());
    const char *refusal = items[0].problem.exists() ? copy_string(items[0].problem.message) : nullptr;
    return {const_cast<engine::Value *>(items[0].values.data()), count, count, refusal};
}

const char *describe_key(const ItemValues &item, std::span<const engine::KeyAttribute> keys)
{
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    for (const engine::KeyAttribute &key : keys) {
        const engine::Value *value = engine::find_attribute(item.all(), key.name);
        if (value == nullptr)
            continue;
        if (text.len > 1)
            appendStringInfoString(&text, ", ");
        escape_json(&text, copy_string(key.name));
        appendStringInfoString(&text, ": ");
        if (value->type == engine::ValueType::kNumber)
            appendStringInfoString(&text, copy_string(value->text));
        else
            escape_json(&text,
                        copy_string(value->type == engine::ValueType::kBinary ? base64(value->text) : value->text));
    }
    appendStringInfoChar(&text, '}');
    return text.data;
}

}  // namespace podyn
