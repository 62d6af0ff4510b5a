// See modify_rows.h.
#include "fdw/modify_rows.h"

#include "load/document.h"
#include "raise.h"
#include "write/rows_to_items.h"

namespace podyn {
namespace {

using engine::ColumnType;
using engine::Value;

bool is_document(const RowWriter &rows, int column)
{
    return column == rows.table->document;
}

bool shares_attributes(const ForeignTable &table)
{
    for (int i = 0; i < table.column_count; ++i)
        for (int j = 0; j < i; ++j)
            if (table.columns[i].attribute[0] != '\0' &&
                strcmp(table.columns[i].attribute, table.columns[j].attribute) == 0)
                return true;
    return false;
}

void require_distinct_attributes(const RowWriter &rows, const ItemValues &item)
{
    if (!rows.shares_attributes && rows.table->document == kNoForeignColumn)
        return;
    for (uint32 i = 0; i < item.count; i += item.list[i].span)
        if (engine::find_attribute(item.all(), item.list[i].name) != &item.list[i])
            ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION),
                            errmsg("several columns of foreign table \"%s\" give attribute \"%s\" a value",
                                   rows.table->relation_name, copy_string(item.list[i].name)),
                            errhint("An attribute has one value: leave the others NULL.")));
}

void append_value(ItemValues *item, const Value *value)
{
    if (item->count + value->span > item->capacity) {
        item->capacity = (item->count + value->span) * 2;
        item->list = static_cast<Value *>(repalloc(item->list, sizeof(Value) * item->capacity));
    }
    memcpy(item->list + item->count, value, sizeof(Value) * value->span);
    item->count += value->span;
}

ItemValues parse_document(const RowWriter &rows, Datum value)
{
    Datum datum = value;
    if (rows.table->columns[rows.table->document].base_type == JSONOID)
        datum = DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(value)));
    if (rows.table->options.conversion_mode == ConversionMode::kDynamodbJson)
        return dynamodb_json_to_item(DatumGetJsonbP(datum));
    ItemValues item = make_item_values();
    append_document(&item, DatumGetJsonbP(datum));
    return item;
}

// The document's attributes, but for those that have columns of their own: these count.
void append_document(ItemValues *item, const RowWriter &rows, Datum value)
{
    ItemValues document = parse_document(rows, value);
    if (item->refusal == nullptr)
        item->refusal = document.refusal;
    for (uint32 i = 0; i < document.count; i += document.list[i].span)
        if (engine::find_attribute(item->all(), document.list[i].name) == nullptr)
            append_value(item, &document.list[i]);
}

// As conditions look for it, and as a reader takes it: a time as a key has other digits than one elsewhere.
void append_spelled(ItemValues *item, const RowWriter &rows, int column, Datum value)
{
    engine::Operand key;
    if (make_operand(rows.table->columns[column], rows.spelled[column], value, &key)) {
        text *spelled = cstring_to_text_with_len(key.text.data(), static_cast<int>(key.text.size()));
        append_column(item, rows.columns[column], PointerGetDatum(spelled), false);
    } else if (item->refusal == nullptr) {
        item->refusal = psprintf("attribute \"%s\" has a value that no key can have", rows.columns[column]->attribute);
    }
}

void append(ItemValues *item, const RowWriter &rows, TupleTableSlot *slot, int column)
{
    bool null;
    Datum value = slot_getattr(slot, rows.table->columns[column].number, &null);
    if (rows.spelled[column] != nullptr && !null)
        append_spelled(item, rows, column, value);
    else if (!is_document(rows, column))
        append_column(item, rows.columns[column], value, null);
    else if (!null)
        append_document(item, rows, value);
}

bool is_key(const RowWriter &rows, int column)
{
    return rows.table->columns[column].key != KeyRole::kNone;
}

// A key that is a string, in a column of another type.
bool is_spelled(const ForeignColumn &column)
{
    return column.key != KeyRole::kNone && column.type == ColumnType::kText && !column.plain;
}

Writer *copy_writer(const Writer &writer)
{
    auto *copy = static_cast<Writer *>(palloc(sizeof(Writer)));
    *copy = writer;
    return copy;
}

void write_in_form(ColumnValues *column, ColumnType type)
{
    using Form = ColumnValues::Form;
    if (type == ColumnType::kNumeric && column->form == Form::kString)
        column->form = Form::kNumber;
    if (type == ColumnType::kText && (column->form == Form::kNumber || column->form == Form::kBoolean))
        column->form = Form::kString;
}

}  // namespace

RowWriter make_row_writer(const ForeignTable &table, TupleDesc descriptor)
{
    RowWriter rows = {&table, nullptr, nullptr, shares_attributes(table)};
    auto columns = static_cast<size_t>(table.column_count) + 1;
    rows.columns = static_cast<ColumnValues **>(palloc0(sizeof(ColumnValues *) * columns));
    rows.spelled = static_cast<Writer **>(palloc0(sizeof(Writer *) * columns));
    for (int i = 0; i < table.column_count; ++i) {
        const ForeignColumn &column = table.columns[i];
        Form_pg_attribute attribute = TupleDescAttr(descriptor, column.number - 1);
        if (attribute->attgenerated != '\0' && attribute->attgenerated != ATTRIBUTE_GENERATED_STORED)
            continue;
        if (is_spelled(column))
            rows.spelled[i] = copy_writer(make_writer(attribute->atttypid));
        rows.columns[i] =
            make_column_values(column.attribute, rows.spelled[i] != nullptr ? TEXTOID : attribute->atttypid,
                               {column.sets, column.nulls == Nulls::kNull});
        write_in_form(rows.columns[i], column.type);
    }
    return rows;
}

ItemValues item_of(const RowWriter &rows, TupleTableSlot *slot, const bool *wanted)
{
    ItemValues item = key_of(rows, slot);
    for (int i = 0; i < rows.table->column_count; ++i)
        if (!is_key(rows, i) && !is_document(rows, i) && rows.columns[i] != nullptr && (wanted == nullptr || wanted[i]))
            append(&item, rows, slot, i);
    int document = rows.table->document;
    if (document != kNoForeignColumn && (wanted == nullptr || wanted[document]))
        append(&item, rows, slot, document);
    require_distinct_attributes(rows, item);
    return item;
}

ItemValues key_of(const RowWriter &rows, TupleTableSlot *slot)
{
    ItemValues item = make_item_values();
    for (int i = 0; i < rows.table->key_count; ++i) {
        int column = rows.table->keys[i];
        if (column != kNoForeignColumn && rows.columns[column] != nullptr)
            append(&item, rows, slot, column);
    }
    return item;
}

namespace {

bool is_key_attribute_of(const RowWriter &rows, std::string_view attribute)
{
    for (const engine::KeyAttribute &key : rows.table->source.keys)
        if (key.name == attribute)
            return true;
    return false;
}

void remove(ItemChange *change, std::string_view attribute)
{
    for (uint32 i = 0; i < change->removed_count; ++i)
        if (change->removed[i] == attribute)
            return;
    change->removed[change->removed_count++] = attribute;
}

}  // namespace

ItemChange change_of(const RowWriter &rows, const ItemValues &old_item, const ItemValues &new_item)
{
    ItemChange change = {make_item_values(), nullptr, 0, false};
    change.written.refusal = new_item.refusal;
    change.removed = static_cast<std::string_view *>(palloc(sizeof(std::string_view) * (old_item.count + 1)));
    uint32 keys = 0;
    for (uint32 i = 0; i < new_item.count; i += new_item.list[i].span) {
        const Value *value = &new_item.list[i];
        bool key = is_key_attribute_of(rows, value->name);
        keys += key ? value->span : 0;
        const Value *before = engine::find_attribute(old_item.all(), value->name);
        if (key || before == nullptr || !engine::same_value(*before, *value))
            append_value(&change.written, value);
    }
    for (uint32 i = 0; i < old_item.count; i += old_item.list[i].span)
        if (engine::find_attribute(new_item.all(), old_item.list[i].name) == nullptr)
            remove(&change, old_item.list[i].name);
    change.nothing = change.written.refusal == nullptr && change.removed_count == 0 && change.written.count == keys;
    return change;
}

namespace {

void append_text(StringInfo text, const Value *value)
{
    if (value == nullptr)
        appendStringInfoString(text, "nothing");
    else if (value->type == engine::ValueType::kBinary)
        appendStringInfo(text, "binary of %zu bytes", value->text.size());
    else {
        Jsonb *document = DatumGetJsonbP(jsonb_from_value(*value));
        JsonbToCString(text, &document->root, VARSIZE(document));
    }
}

void append_change(StringInfo text, std::string_view name, const Value *before, const Value *after)
{
    appendStringInfo(text, "%s%s: ", text->len ? ", " : "", copy_string(name));
    append_text(text, before);
    appendStringInfoString(text, " → ");
    append_text(text, after);
}

}  // namespace

const char *describe_change(const ItemChange &change, const ItemValues &old_item, const ForeignTable &table)
{
    StringInfoData text;
    initStringInfo(&text);
    RowWriter rows = {&table, nullptr, nullptr, false};
    for (uint32 i = 0; i < change.written.count; i += change.written.list[i].span) {
        const Value &value = change.written.list[i];
        if (!is_key_attribute_of(rows, value.name))
            append_change(&text, value.name, engine::find_attribute(old_item.all(), value.name), &value);
    }
    for (uint32 i = 0; i < change.removed_count; ++i)
        append_change(&text, change.removed[i], engine::find_attribute(old_item.all(), change.removed[i]), nullptr);
    return text.data;
}

}  // namespace podyn
