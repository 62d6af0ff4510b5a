// See compare_documents.h.
#include "functions/compare_documents.h"

#include "arrays.h"
#include "load/document.h"
#include "raise.h"

namespace podyn {

using engine::Value;
using engine::ValueType;

bool is_set(ValueType type)
{
    return type == ValueType::kStringSet || type == ValueType::kNumberSet || type == ValueType::kBinarySet;
}

bool is_document(ValueType type)
{
    return type == ValueType::kMap || type == ValueType::kList || is_set(type);
}

Jsonb *parse_document(const char *text)
{
    return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

int compare_numbers(Numeric one, Numeric other)
{
    return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(one), NumericGetDatum(other)));
}

std::string_view string_of(const JsonbValue &value)
{
    return {value.val.string.val, static_cast<size_t>(value.val.string.len)};
}

bool find_member(const JsonbContainer *container, std::string_view name, JsonbValue *found)
{
    return getKeyJsonValueFromContainer(const_cast<JsonbContainer *>(container), name.data() ? name.data() : "",
                                        static_cast<int>(name.size()), found) != nullptr;
}

namespace {

// ---- One value against jsonb ---------------------------------------------------------------------------------------

int compare_bytes(std::string_view one, std::string_view other)
{
    return one.compare(other);
}

// An order of scalars of any kind, for sets.
int compare_scalars(const JsonbValue &one, const JsonbValue &other)
{
    if (one.type != other.type)
        return one.type < other.type ? -1 : 1;
    switch (one.type) {
        case jbvNumeric:
            return compare_numbers(one.val.numeric, other.val.numeric);
        case jbvString:
            return compare_bytes(string_of(one), string_of(other));
        case jbvBool:
            return static_cast<int>(one.val.boolean) - static_cast<int>(other.val.boolean);
        default:
            return 0;
    }
}

int compare_for_sort(const void *one, const void *other)
{
    return compare_scalars(*static_cast<const JsonbValue *>(one), *static_cast<const JsonbValue *>(other));
}

const JsonbContainer *container_of(const JsonbValue &value)
{
    return value.type == jbvBinary ? value.val.binary.data : nullptr;
}

bool is_array_of(const JsonbContainer *container, uint32 members)
{
    return container != nullptr && JsonContainerIsArray(container) && !JsonContainerIsScalar(container) &&
           JsonContainerSize(container) == members;
}

bool is_same_value(const Value &value, const JsonbValue &found);

bool is_same_list(const Value &list, const JsonbContainer *container)
{
    if (!is_array_of(container, list.children))
        return false;
    const Value *member = &list + 1;
    for (uint32 i = 0; i < list.children; ++i, member += member->span)
        if (!is_same_value(*member, *getIthJsonbValueFromContainer(const_cast<JsonbContainer *>(container), i)))
            return false;
    return true;
}

JsonbValue *members_of(const Value &set)
{
    auto *members = make_array<JsonbValue>(static_cast<int>(set.children));
    for (uint32 i = 0; i < set.children; ++i)
        members[i] = jsonb_scalar((&set + 1)[i]);
    return members;
}

JsonbValue *members_of(const JsonbContainer *array, uint32 count)
{
    auto *members = make_array<JsonbValue>(static_cast<int>(count));
    for (uint32 i = 0; i < count; ++i)
        members[i] = *getIthJsonbValueFromContainer(const_cast<JsonbContainer *>(array), i);
    return members;
}

// In whatever order. Sorts them.
bool have_same_scalars(JsonbValue *one, JsonbValue *other, uint32 count)
{
    qsort(one, count, sizeof(JsonbValue), compare_for_sort);
    qsort(other, count, sizeof(JsonbValue), compare_for_sort);
    for (uint32 i = 0; i < count; ++i)
        if (compare_scalars(one[i], other[i]) != 0)
            return false;
    return true;
}

bool is_same_set(const Value &set, const JsonbContainer *container)
{
    return is_array_of(container, set.children) &&
           have_same_scalars(members_of(set), members_of(container, set.children), set.children);
}

bool has_same_members(const Value &map, const JsonbContainer *container)
{
    JsonbValue found;
    const Value *member = &map + 1;
    for (uint32 i = 0; i < map.children; ++i, member += member->span)
        if (!find_member(container, member->name, &found) || !is_same_value(*member, found))
            return false;
    return true;
}

// Names that had U+0000 may have met others; then jsonb itself says which of them stays.
bool is_same_map(const Value &map, const JsonbContainer *container)
{
    if (container == nullptr || !JsonContainerIsObject(container))
        return false;
    if (JsonContainerSize(container) == map.children)
        return has_same_members(map, container);
    Jsonb *document = DatumGetJsonbP(jsonb_from_value(map));
    return JsonContainerSize(&document->root) < map.children &&
           compareJsonbContainers(&document->root, const_cast<JsonbContainer *>(container)) == 0;
}

// The engine caps the depth.
bool is_same_value(const Value &value, const JsonbValue &found)
{
    check_stack_depth();
    switch (value.type) {
        case ValueType::kMap:
            return is_same_map(value, container_of(found));
        case ValueType::kList:
            return is_same_list(value, container_of(found));
        case ValueType::kStringSet:
        case ValueType::kNumberSet:
        case ValueType::kBinarySet:
            return is_same_set(value, container_of(found));
        default:
            return container_of(found) == nullptr && compare_scalars(jsonb_scalar(value), found) == 0;
    }
}

// ---- One value against DynamoDB JSON -------------------------------------------------------------------------------

// The number that a string holds; false: it holds none.
bool read_number(const JsonbValue &text, JsonbValue *number)
{
    if (text.type != jbvString || !is_json(string_of(text)))
        return false;
    Jsonb *document = parse_document(copy_string(string_of(text)));
    if (!JB_ROOT_IS_SCALAR(document))
        return false;
    *number = *getIthJsonbValueFromContainer(&document->root, 0);
    return number->type == jbvNumeric;
}

// Numbers stand as strings.
bool is_same_typed_set(const Value &set, const JsonbContainer *container)
{
    if (!is_array_of(container, set.children))
        return false;
    JsonbValue *members = members_of(set), *found = members_of(container, set.children);
    for (uint32 i = 0; i < set.children && set.type == ValueType::kNumberSet; ++i)
        if (!read_number(found[i], &found[i]))
            return false;
    return have_same_scalars(members, found, set.children);
}

bool is_same_typed(const Value &value, std::string_view text, const JsonbValue &found);

bool has_same_typed_members(const Value &value, const JsonbContainer *container)
{
    bool map = value.type == ValueType::kMap;
    if (map ? container == nullptr || !JsonContainerIsObject(container) ||
                  JsonContainerSize(container) != value.children
            : !is_array_of(container, value.children))
        return false;
    const Value *member = &value + 1;
    for (uint32 i = 0; i < value.children; ++i, member += member->span) {
        JsonbValue found;
        if (!map)
            found = *getIthJsonbValueFromContainer(const_cast<JsonbContainer *>(container), i);
        else if (!find_member(container, member->name, &found))
            return false;
        if (!is_same_typed(*member, member->text, found))
            return false;
    }
    return true;
}

// `text`: of the value, bytes as base64. The engine caps the depth.
bool is_same_typed(const Value &value, std::string_view text, const JsonbValue &found)
{
    check_stack_depth();
    const JsonbContainer *object = container_of(found);
    JsonbValue inner;
    if (object == nullptr || !JsonContainerIsObject(object) || JsonContainerSize(object) != 1 ||
        !find_member(object, type_letters(value.type), &inner))
        return false;
    switch (value.type) {
        case ValueType::kMap:
        case ValueType::kList:
            return has_same_typed_members(value, container_of(inner));
        case ValueType::kStringSet:
        case ValueType::kNumberSet:
        case ValueType::kBinarySet:
            return is_same_typed_set(value, container_of(inner));
        case ValueType::kBool:
            return inner.type == jbvBool && inner.val.boolean == value.boolean;
        case ValueType::kNull:
            return inner.type == jbvBool && inner.val.boolean;
        case ValueType::kNumber:
            return read_number(inner, &inner) && compare_scalars(jsonb_scalar(value), inner) == 0;
        default:
            return inner.type == jbvString && string_of(inner) == text;
    }
}

}  // namespace

bool is_same_document(const Value &value, Jsonb *document)
{
    JsonbValue whole = {};
    whole.type = jbvBinary;
    whole.val.binary.data = &document->root;
    whole.val.binary.len = static_cast<int>(VARSIZE_ANY_EXHDR(document));
    return is_same_value(value, whole);
}

bool is_same_attribute(const Value &value, const JsonbValue &found, bool typed)
{
    if (typed)
        return is_same_typed(value, value.type == ValueType::kBinary ? base64(value.text) : value.text, found);
    if (value.type != ValueType::kBinary)
        return is_same_value(value, found);
    return found.type == jbvString && string_of(found) == base64(value.text);
}

}  // namespace podyn
