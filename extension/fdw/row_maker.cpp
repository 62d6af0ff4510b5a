// See row_maker.h.
#include "fdw/row_maker.h"

#include "load/convert.h"
#include "load/document.h"
#include "load/value_datum.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::Item;
using engine::Value;

struct Slot {
    const ForeignColumn *column;
    Converter *converter;  // null: values are taken as they are
    bool key;              // of the table or an index
    int twin;              // another slot for the same attributes; engine::kNoColumn
};

}  // namespace

struct RowMaker {
    const ForeignTable *table;
    Slot *slots;
    int count;
    int width;                      // attributes of the descriptor
    engine::Layout *layout;         // attribute and type -> slot
    const ForeignColumn *document;  // null: not needed
    FmgrInfo document_input;
    Oid document_parameter;
};

namespace {

void add_slot(MemoryContext context, RowMaker *maker, const ForeignColumn &column, TupleDesc descriptor)
{
    const FormData_pg_attribute &attribute = *TupleDescAttr(descriptor, column.number - 1);
    bool is_key = column.key != KeyRole::kNone;
    Slot *slot = &maker->slots[maker->count];
    slot->column = &column;
    slot->key = is_key_attribute(*maker->table, column.attribute);
    slot->converter =
        column.plain ? nullptr : make_converter(context, attribute, column.attribute, column.type, is_key);
    slot->twin = engine::layout_find(maker->layout, column.attribute, column.type);
    check(engine::layout_add(maker->layout, column.attribute, column.type, maker->count++));
}

void add_document(RowMaker *maker, const ForeignColumn &column)
{
    Oid function;
    maker->document = &column;
    getTypeInputInfo(column.base_type, &function, &maker->document_parameter);
    fmgr_info(function, &maker->document_input);
}

bool is_needed(const ForeignColumn &column, Bitmapset *needed)
{
    return bms_is_member(column.number - FirstLowInvalidHeapAttributeNumber, needed) ||
           bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, needed);
}

const char *describe_key(const ForeignTable &table, const Item &item)
{
    StringInfoData key;
    initStringInfo(&key);
    for (const engine::KeyAttribute &attribute : table.source.keys)
        for (size_t i = 0; i < item.values.size(); i += item.values[i].span)
            if (item.values[i].name == attribute.name)
                appendStringInfo(&key, "%s\"%s\" = %s", key.len ? ", " : "", copy_string(attribute.name),
                                 item.values[i].type == engine::ValueType::kBinary
                                     ? "(binary)"
                                     : quote_literal_cstr(copy_string(item.values[i].text)));
    return key.len ? key.data : "unknown";
}

[[noreturn]] void raise_problem(const ForeignTable &table, const Item &item)
{
    const char *s = item.problem.sqlstate;
    ereport(ERROR, (errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])),
                    errmsg("item of DynamoDB table \"%s\" cannot be read: %s", table.table_name,
                           copy_string(item.problem.message)),
                    errdetail("Its key is %s.", describe_key(table, item))));
}

// Shown as another string, it could not be found again.
[[noreturn]] void raise_nul_in_key(const ForeignTable &table, const Slot &slot, const Item &item)
{
    ereport(ERROR, (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
                    errmsg("key attribute \"%s\" contains the character U+0000, which PostgreSQL cannot store",
                           slot.column->attribute),
                    errdetail("The item's key is %s, where U+2400 stands for it.", describe_key(table, item)),
                    errhint("conversion_mode 'dynamodb_json' shows it in a column data of type json.")));
}

void set(const RowMaker &maker, const Slot &slot, const Item &item, const Value &value, Datum *values, bool *nulls)
{
    if (slot.key && value.had_nul)
        raise_nul_in_key(*maker.table, slot, item);
    int i = slot.column->number - 1;
    values[i] = slot.converter == nullptr ? value_datum(value) : convert(slot.converter, value);
    nulls[i] = false;
}

void set_document(RowMaker *maker, const Item &item, Datum *values, bool *nulls)
{
    int i = maker->document->number - 1;
    bool plain = maker->table->options.conversion_mode == ConversionMode::kJsonb;
    if (plain && maker->document->base_type == JSONBOID) {
        values[i] = jsonb_from_attributes(item.values, nullptr);
    } else {
        char *text = copy_string(item.json);
        if (plain) {
            Jsonb *document = DatumGetJsonbP(jsonb_from_attributes(item.values, nullptr));
            text = JsonbToCString(nullptr, &document->root, VARSIZE(document));
        }
        values[i] = InputFunctionCall(&maker->document_input, text, maker->document_parameter, -1);
    }
    nulls[i] = false;
}

void check_nulls(const RowMaker &maker, const bool *nulls)
{
    for (int i = 0; i < maker.count; ++i)
        if (maker.slots[i].converter != nullptr && nulls[maker.slots[i].column->number - 1])
            check_null(maker.slots[i].converter);
}

}  // namespace

RowMaker *make_row_maker(MemoryContext context, const ForeignTable *table, TupleDesc descriptor, Bitmapset *needed)
{
    MemoryContext old = MemoryContextSwitchTo(context);
    auto *maker = static_cast<RowMaker *>(palloc0(sizeof(RowMaker)));
    maker->table = table;
    maker->width = descriptor->natts;
    maker->slots = static_cast<Slot *>(palloc0(sizeof(Slot) * static_cast<size_t>(table->column_count + 1)));
    check(engine::layout_create(&maker->layout));
    own<engine::Layout>(context, maker->layout, engine::destroy);
    for (int i = 0; i < table->column_count; ++i) {
        if (!is_needed(table->columns[i], needed))
            continue;
        if (i == table->document)
            add_document(maker, table->columns[i]);
        else
            add_slot(context, maker, table->columns[i], descriptor);
    }
    MemoryContextSwitchTo(old);
    return maker;
}

void make_row(RowMaker *maker, const Item &item, Datum *values, bool *nulls)
{
    memset(nulls, true, static_cast<size_t>(maker->width));
    if (item.problem.exists())
        raise_problem(*maker->table, item);
    for (size_t i = 0; i < item.values.size(); i += item.values[i].span) {
        engine::ColumnType type = engine::column_type(item.values[i].type);
        if (type == engine::ColumnType::kNone)
            continue;
        int slot = engine::layout_find(maker->layout, item.values[i].name, type);
        for (; slot != engine::kNoColumn; slot = maker->slots[slot].twin)
            set(*maker, maker->slots[slot], item, item.values[i], values, nulls);
    }
    if (maker->document != nullptr)
        set_document(maker, item, values, nulls);
    check_nulls(*maker, nulls);
}

}  // namespace podyn
