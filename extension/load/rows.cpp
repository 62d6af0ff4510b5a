// See rows.h.
#include "load/rows.h"

#include "load/document.h"
#include "load/value_datum.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::Value;

bool is_key(const Target &target, int column)
{
    return column == target.keys[0] || (target.key_count == 2 && column == target.keys[1]);
}

void set(Row *row, AttrNumber number, Datum value)
{
    row->values[number - 1] = value;
    row->nulls[number - 1] = false;
}

Datum column_datum(const TargetColumn &column, const Value &value)
{
    return column.converter == nullptr ? value_datum(value) : convert(column.converter, value);
}

void check_nulls(const Target &target, const Row &row)
{
    for (int i = 0; i < target.column_count; ++i) {
        const TargetColumn &column = target.columns[i];
        if (column.converter != nullptr && row.nulls[column.number - 1])
            check_null(column.converter);
    }
}

// Attributes without a column of their own, as flags for jsonb_from_attributes; null where there are none.
bool *place_attributes(const Target &target, Form form, Row *row)
{
    bool *rest = nullptr;
    std::span<const Value> values = row->item->values;
    for (size_t i = 0; i < values.size(); i += values[i].span) {
        engine::ColumnType type = engine::column_type(values[i].type);
        if (type == engine::ColumnType::kNone)
            continue;
        int column = engine::layout_find(target.layout, values[i].name, type);
        bool known = column != engine::kNoColumn;
        bool mapped = known && target.columns[column].number != InvalidAttrNumber;
        if (mapped && (form == Form::kColumns || is_key(target, column))) {
            set(row, target.columns[column].number, column_datum(target.columns[column], values[i]));
        } else if (form != Form::kKeyOnly) {
            if (!known && form == Form::kColumns && !target.jsonb_mode && !target.full)
                ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                                errmsg("columns of target %s have changed meanwhile", target.relation_name)));
            if (!target.adds_columns && target.rest == InvalidAttrNumber)
                continue;  // the table's owner wants it left out
            if (rest == nullptr)
                rest = static_cast<bool *>(palloc0(values.size()));
            rest[i] = true;
        }
    }
    return rest;
}

}  // namespace

engine::Problem check_item(const Target &target, const engine::Item &item)
{
    if (item.problem.exists())
        return item.problem;
    for (int i = 0; i < target.key_count; ++i) {
        const Value *key = engine::find_attribute(item.values, target.key_attributes[i]);
        engine::ColumnType type = target.columns[target.keys[i]].type;
        if (key == nullptr || engine::column_type(key->type) != type)
            return {"22004", psprintf("the item has no key attribute \"%s\" of type %s", target.key_attributes[i],
                                      copy_string(engine::column_type_name(type)))};
        // Replaced, it might meet another item's key, and one of the two would be lost.
        if (key->had_nul)
            return {"22P05",
                    psprintf("key attribute \"%s\" contains the character U+0000, which PostgreSQL cannot store",
                             target.key_attributes[i])};
    }
    return {"00000", {}};
}

void fill_row(const Target &target, TupleDesc descriptor, Form form, Row *row)
{
    memset(row->nulls, true, static_cast<size_t>(descriptor->natts));
    bool *rest = place_attributes(target, form, row);
    if (row->deleted_at != 0)
        set(row, target.deleted_at, TimestampTzGetDatum(row->deleted_at));
    if (form == Form::kKeyOnly)
        return;
    if (target.checks_nulls)
        check_nulls(target, *row);
    if (target.jsonb_mode)
        set(row, target.document,
            target.typed_document ? dynamodb_json_from_attributes(row->item->values)
                                  : jsonb_from_attributes(row->item->values, nullptr));
    else if (rest != nullptr)
        set(row, target.rest, jsonb_from_attributes(row->item->values, rest));
}

}  // namespace podyn
