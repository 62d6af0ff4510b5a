// See document.h.
#include "load/document.h"

#include "load/jsonb_image.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::Value;
using engine::ValueType;

// int64 holds every number of up to 18 digits, and takes much less time than numeric_in to become numeric.
constexpr int kMostShortDigits = 18;

struct ShortNumber {
    int64 digits;  // without the point
    int scale;     // how many of them stand behind it
};

// [-]digits[.digits]. False: it is longer, or written otherwise.
bool read_short_number(std::string_view text, ShortNumber *number)
{
    size_t at = text.starts_with('-') ? 1 : 0, begin = at;
    if (text.size() > begin + kMostShortDigits + 1)
        return false;
    uint64 digits = 0;
    size_t point = text.size();
    for (; at < text.size(); ++at) {
        if (text[at] == '.' && point == text.size() && at > begin)
            point = at;
        else if (text[at] >= '0' && text[at] <= '9')
            digits = digits * 10 + static_cast<uint64>(text[at] - '0');
        else
            return false;
    }
    size_t count = text.size() - begin - (point < text.size() ? 1 : 0);
    if (count == 0 || count > kMostShortDigits || point + 1 == text.size())
        return false;
    number->digits = static_cast<int64>(digits) * (begin == 1 ? -1 : 1);
    number->scale = point < text.size() ? static_cast<int>(text.size() - point - 1) : 0;
    return true;
}

JsonbValue string_value(std::string_view text)
{
    JsonbValue value = {};
    value.type = jbvString;
    value.val.string.val = const_cast<char *>(text.data() ? text.data() : "");
    value.val.string.len = static_cast<int>(text.size());
    return value;
}

bool is_object(ValueType type)
{
    return type == ValueType::kMap;
}

bool is_array(ValueType type)
{
    return type == ValueType::kList || type == ValueType::kStringSet || type == ValueType::kNumberSet ||
           type == ValueType::kBinarySet;
}

// ---- DynamoDB JSON --------------------------------------------------------------------------------------------------

void push_string(JsonbParseState **state, std::string_view text, JsonbIteratorToken token)
{
    JsonbValue value = string_value(text);
    pushJsonbValue(state, token, &value);
}

JsonbValue boolean_value(bool boolean)
{
    JsonbValue value = {};
    value.type = jbvBool;
    value.val.boolean = boolean;
    return value;
}

void push_typed(JsonbParseState **state, const Value &value, std::string_view text);

void push_members(JsonbParseState **state, const Value &container)
{
    bool map = container.type == ValueType::kMap;
    bool list = container.type == ValueType::kList;
    pushJsonbValue(state, map ? WJB_BEGIN_OBJECT : WJB_BEGIN_ARRAY, nullptr);
    const Value *member = &container + 1;
    for (uint32 i = 0; i < container.children; ++i, member += member->span) {
        if (map)
            push_string(state, member->name, WJB_KEY);
        if (map || list)
            push_typed(state, *member, member->text);
        else
            push_string(state, member->text, WJB_ELEM);
    }
    pushJsonbValue(state, map ? WJB_END_OBJECT : WJB_END_ARRAY, nullptr);
}

// {"S": "..."}. The engine caps the depth of values. An object that stands in another one, or in an array, is begun
// without telling which.
void push_typed(JsonbParseState **state, const Value &value, std::string_view text)
{
    check_stack_depth();
    pushJsonbValue(state, WJB_BEGIN_OBJECT, nullptr);
    push_string(state, type_letters(value.type), WJB_KEY);
    if (is_object(value.type) || is_array(value.type)) {
        push_members(state, value);
    } else if (value.type == ValueType::kBool || value.type == ValueType::kNull) {
        JsonbValue boolean = boolean_value(value.type == ValueType::kNull || value.boolean);
        pushJsonbValue(state, WJB_VALUE, &boolean);
    } else {
        push_string(state, text, WJB_VALUE);
    }
    pushJsonbValue(state, WJB_END_OBJECT, nullptr);
}

}  // namespace

Datum numeric_from_text(std::string_view digits)
{
    ShortNumber number;
    if (read_short_number(digits, &number))
        return NumericGetDatum(number.scale == 0 ? int64_to_numeric(number.digits)
                                                 : int64_div_fast_to_numeric(number.digits, number.scale));
    return DirectFunctionCall3(numeric_in, CStringGetDatum(copy_string(digits)), ObjectIdGetDatum(InvalidOid),
                               Int32GetDatum(-1));
}

JsonbValue jsonb_scalar(const Value &value)
{
    JsonbValue result = {};
    switch (value.type) {
        case ValueType::kBool:
            result.type = jbvBool;
            result.val.boolean = value.boolean;
            return result;
        case ValueType::kNull:
            result.type = jbvNull;
            return result;
        case ValueType::kNumber:
            result.type = jbvNumeric;
            result.val.numeric = DatumGetNumeric(numeric_from_text(value.text));
            return result;
        default:  // strings, and binary, which is base64 already inside other values
            return string_value(value.text);
    }
}

std::string_view base64(std::string_view bytes)
{
    int capacity = pg_b64_enc_len(static_cast<int>(bytes.size())) + 1;
    auto *text = static_cast<char *>(palloc(static_cast<size_t>(capacity)));
    int length = encode_base64(bytes.data(), static_cast<int>(bytes.size()), text, capacity);
    return {text, static_cast<size_t>(Max(length, 0))};
}

Datum jsonb_from_value(const engine::Value &value)
{
    if (is_object(value.type) || is_array(value.type))
        return jsonb_of_container(value);
    JsonbValue leaf = jsonb_scalar(value);
    return JsonbPGetDatum(JsonbValueToJsonb(&leaf));
}

Datum jsonb_from_attributes(std::span<const engine::Value> values, const bool *wanted)
{
    auto *members = static_cast<JsonbMember *>(palloc(sizeof(JsonbMember) * (values.size() + 1)));
    size_t count = 0;
    for (size_t i = 0; i < values.size(); i += values[i].span) {
        const Value &value = values[i];
        if (wanted == nullptr || wanted[i])
            members[count++] = {value.name, &value, value.type == ValueType::kBinary ? base64(value.text) : value.text};
    }
    return jsonb_of_members({members, count});
}

const char *type_letters(ValueType type)
{
    constexpr const char *kLetters[] = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"};
    return kLetters[static_cast<size_t>(type)];
}

Jsonb *typed_document(const Value &value)
{
    Jsonb *item = DatumGetJsonbP(dynamodb_json_from_attributes({&value, value.span}));
    JsonbValue member;
    (void)getKeyJsonValueFromContainer(&item->root, value.name.data() ? value.name.data() : "",
                                       static_cast<int>(value.name.size()), &member);
    return JsonbValueToJsonb(&member);
}

Datum dynamodb_json_from_attributes(std::span<const engine::Value> values)
{
    JsonbParseState *state = nullptr;
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
    for (size_t i = 0; i < values.size(); i += values[i].span) {
        push_string(&state, values[i].name, WJB_KEY);
        push_typed(&state, values[i], values[i].type == ValueType::kBinary ? base64(values[i].text) : values[i].text);
    }
    return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
}

}  // namespace podyn
