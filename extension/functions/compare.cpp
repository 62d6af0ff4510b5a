// See compare.h.
#include "functions/compare.h"

#include "functions/compare_documents.h"
#include "load/document.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::Value;
using engine::ValueType;

// ---- One value against its column ----------------------------------------------------------------------------------

std::string_view bytes_of(Datum value)
{
    auto *bytes = reinterpret_cast<struct varlena *>(PG_DETOAST_DATUM_PACKED(value));
    return {VARDATA_ANY(bytes), static_cast<size_t>(VARSIZE_ANY_EXHDR(bytes))};
}

const char *output_text(Oid type, Datum value)
{
    Oid function;
    bool variable;
    getTypeOutputInfo(type, &function, &variable);
    return OidOutputFunctionCall(function, value);
}

bool is_string_type(Oid type)
{
    char category;
    bool preferred;
    get_type_category_preferred(type, &category, &preferred);
    return category == TYPCATEGORY_STRING;
}

int compare_texts(const void *one, const void *other)
{
    return strcmp(*static_cast<const char *const *>(one), *static_cast<const char *const *>(other));
}

struct Texts {
    const char **texts;
    int count;
};

Texts sorted_members(Oid element, Datum array)
{
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(element, &length, &by_value, &alignment);
    Datum *values;
    bool *nulls;
    Texts members = {};
    deconstruct_array(DatumGetArrayTypeP(array), element, length, by_value, alignment, &values, &nulls, &members.count);
    members.texts = static_cast<const char **>(palloc(sizeof(char *) * static_cast<size_t>(members.count + 1)));
    for (int i = 0; i < members.count; ++i)
        members.texts[i] = nulls[i] ? "" : output_text(element, values[i]);
    qsort(members.texts, static_cast<size_t>(members.count), sizeof(char *), compare_texts);
    return members;
}

bool have_same_members(Oid element, Datum one, Datum other)
{
    Texts members = sorted_members(element, one), others = sorted_members(element, other);
    for (int i = 0; i < members.count && members.count == others.count; ++i)
        if (strcmp(members.texts[i], others.texts[i]) != 0)
            return false;
    return members.count == others.count;
}

// By the type's own equality, but for strings, where it may pass over case and accents.
bool is_equal(const FormData_pg_attribute &column, Oid base, Datum expected, Datum found)
{
    TypeCacheEntry *type = lookup_type_cache(base, TYPECACHE_EQ_OPR_FINFO);
    if (is_string_type(base) || !OidIsValid(type->eq_opr))
        return strcmp(output_text(base, expected), output_text(base, found)) == 0;
    return DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, column.attcollation, expected, found));
}

// A document in a column for text or json.
bool is_same_text(const Value &value, const char *text)
{
    return is_json({text, strlen(text)}) && is_same_document(value, parse_document(text));
}

bool is_same_converted(const TargetColumn &column, const FormData_pg_attribute &attribute, const Value &value,
                       Datum found)
{
    Oid base = getBaseType(attribute.atttypid), element = get_element_type(base);
    if (is_document(value.type) && base == JSONBOID)
        return is_same_document(value, DatumGetJsonbP(found));
    if (is_document(value.type) && !OidIsValid(element) && (base == JSONOID || is_string_type(base)))
        return is_same_text(value, output_text(base, found));
    Datum expected = convert(column.converter, value);
    if (base == JSONOID)
        return compareJsonbContainers(&parse_document(output_text(base, expected))->root,
                                      &parse_document(output_text(base, found))->root) == 0;
    return is_equal(attribute, base, expected, found) ||
           (is_set(value.type) && OidIsValid(element) && have_same_members(element, expected, found));
}

bool is_same_in_column(const Comparison &comparison, const TargetColumn &column, const Value &value, Datum found)
{
    if (column.converter != nullptr)
        return is_same_converted(column, *TupleDescAttr(comparison.descriptor, column.number - 1), value, found);
    switch (value.type) {
        case ValueType::kString:
        case ValueType::kBinary:
            return bytes_of(found) == value.text;
        case ValueType::kNumber:
            return compare_numbers(DatumGetNumeric(numeric_from_text(value.text)), DatumGetNumeric(found)) == 0;
        case ValueType::kBool:
            return DatumGetBool(found) == value.boolean;
        default:
            return is_same_document(value, DatumGetJsonbP(found));
    }
}

// ---- The whole item ------------------------------------------------------------------------------------------------

// False: one difference is enough.
bool tell(const Comparison &comparison, const Difference &difference)
{
    if (comparison.differs == nullptr)
        return false;
    comparison.differs(comparison.context, difference);
    return true;
}

Jsonb *member_document(const JsonbValue &member)
{
    return JsonbValueToJsonb(const_cast<JsonbValue *>(&member));
}

// An object of the row: `podyn_rest` or `data`; null container: NULL.
struct Object {
    JsonbContainer *container;
    uint32 met;  // members that are attributes of the item
};

Object object_of(const TargetRow &row, AttrNumber column)
{
    Object object = {};
    if (column != InvalidAttrNumber && !row.nulls[column - 1]) {
        Jsonb *document = DatumGetJsonbP(row.values[column - 1]);
        if (JsonContainerIsObject(&document->root))
            object.container = &document->root;
    }
    return object;
}

// One attribute that should be in the object. False: it differs, and that is enough.
bool compare_member(const Comparison &comparison, const Value &value, Object *object, bool *same)
{
    JsonbValue found;
    bool there = object->container != nullptr && find_member(object->container, value.name, &found);
    object->met += there ? 1 : 0;
    if (there && is_same_attribute(value, found, comparison.target->typed_document))
        return true;
    *same = false;
    return tell(comparison, {value.name, &value, InvalidAttrNumber, there ? member_document(found) : nullptr});
}

// Members of the object that are no attributes of the item.
bool compare_others(const Comparison &comparison, const engine::Item &item, const Object &object, bool *same)
{
    if (object.container == nullptr || JsonContainerSize(object.container) == object.met)
        return true;
    JsonbIterator *iterator = JsonbIteratorInit(object.container);
    JsonbValue member;
    std::string_view name;
    for (JsonbIteratorToken token; (token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE;) {
        if (token == WJB_KEY)
            name = string_of(member);
        if (token != WJB_VALUE)
            continue;
        const Value *attribute = engine::find_attribute(item.values, name);
        if (attribute != nullptr && (attribute->type != ValueType::kNull || member.type == jbvNull))
            continue;
        *same = false;
        if (!tell(comparison, {name, nullptr, InvalidAttrNumber, member_document(member)}))
            return false;
    }
    return true;
}

// An attribute that stands in its column has no place beside it.
bool compare_twin(const Comparison &comparison, const Value &value, const Object &rest, bool *same)
{
    JsonbValue found;
    if (!find_member(rest.container, value.name, &found))
        return true;
    *same = false;
    return tell(comparison, {value.name, &value, InvalidAttrNumber, member_document(found)});
}

// Where the attribute of an item should stand, or stands all the same: an item that was too big for columns is in
// podyn_rest with all but its key.
bool compare_attribute(const Comparison &comparison, const TargetRow &row, const Value &value, Object *rest,
                       bool *expected, bool *same)
{
    const Target &target = *comparison.target;
    engine::ColumnType type = engine::column_type(value.type);
    int index = engine::layout_find(target.layout, value.name, type);
    AttrNumber number = index != engine::kNoColumn ? target.columns[index].number : InvalidAttrNumber;
    if (number != InvalidAttrNumber && !row.nulls[number - 1]) {
        expected[number - 1] = true;
        if (is_same_in_column(comparison, target.columns[index], value, row.values[number - 1]))
            return rest->container == nullptr || compare_twin(comparison, value, *rest, same);
        *same = false;
        return tell(comparison, {value.name, &value, number, nullptr});
    }
    bool left_out = index != engine::kNoColumn && number == InvalidAttrNumber && !target.adds_columns &&
                    target.rest == InvalidAttrNumber;
    return left_out || compare_member(comparison, value, rest, same);
}

// What the row has and the item has not.
bool compare_columns(const Comparison &comparison, const TargetRow &row, const bool *expected, bool *same)
{
    const Target &target = *comparison.target;
    for (int i = 0; i < target.column_count; ++i) {
        AttrNumber number = target.columns[i].number;
        if (number == InvalidAttrNumber || row.nulls[number - 1] || expected[number - 1])
            continue;
        *same = false;
        if (!tell(comparison, {target.columns[i].attribute, nullptr, number, nullptr}))
            return false;
    }
    return true;
}

bool compare_mark(const Comparison &comparison, const TargetRow &row, bool *same)
{
    AttrNumber number = comparison.target->deleted_at;
    if (number == InvalidAttrNumber || row.nulls[number - 1])
        return true;
    *same = false;
    return tell(comparison, {kDeletedAtColumn, nullptr, number, nullptr});
}

bool is_same_in_document(const Comparison &comparison, const engine::Item &item, const TargetRow &row)
{
    bool same = true;
    Object data = object_of(row, comparison.target->document);
    for (size_t i = 0; i < item.values.size(); i += item.values[i].span)
        if (!compare_member(comparison, item.values[i], &data, &same))
            return false;
    return compare_others(comparison, item, data, &same) && compare_mark(comparison, row, &same) && same;
}

bool is_same_in_columns(const Comparison &comparison, const engine::Item &item, const TargetRow &row)
{
    bool same = true;
    Object rest = object_of(row, comparison.target->rest);
    auto *expected = static_cast<bool *>(palloc0(static_cast<size_t>(comparison.descriptor->natts)));
    for (size_t i = 0; i < item.values.size(); i += item.values[i].span)
        if (item.values[i].type != ValueType::kNull &&
            !compare_attribute(comparison, row, item.values[i], &rest, expected, &same))
            return false;
    return compare_others(comparison, item, rest, &same) && compare_columns(comparison, row, expected, &same) &&
           compare_mark(comparison, row, &same) && same;
}

}  // namespace

bool is_same(const Comparison &comparison, const engine::Item &item, const TargetRow &row)
{
    return comparison.target->jsonb_mode ? is_same_in_document(comparison, item, row)
                                         : is_same_in_columns(comparison, item, row);
}

Jsonb *column_document(const FormData_pg_attribute &column, Datum value)
{
    Oid base = getBaseType(column.atttypid);
    JsonbValue scalar = {};
    switch (base) {
        case JSONBOID:
            return DatumGetJsonbPCopy(value);
        case JSONOID:
            return parse_document(output_text(base, value));
        case BOOLOID:
            scalar.type = jbvBool;
            scalar.val.boolean = DatumGetBool(value);
            return JsonbValueToJsonb(&scalar);
        case BYTEAOID: {
            std::string_view text = base64(bytes_of(value));
            scalar.type = jbvString;
            scalar.val.string.val = const_cast<char *>(text.data());
            scalar.val.string.len = static_cast<int>(text.size());
            return JsonbValueToJsonb(&scalar);
        }
        default:
            break;
    }
    const char *text = output_text(base, value);
    char category;
    bool preferred;
    get_type_category_preferred(base, &category, &preferred);
    if (category == TYPCATEGORY_NUMERIC && is_json({text, strlen(text)}))
        return parse_document(text);
    scalar.type = jbvString;
    scalar.val.string.val = const_cast<char *>(text);
    scalar.val.string.len = static_cast<int>(strlen(text));
    return JsonbValueToJsonb(&scalar);
}

}  // namespace podyn
