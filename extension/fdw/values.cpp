// See values.h.
#include "fdw/values.h"

#include "load/canonical.h"
#include "load/document.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::Operand;
using engine::ValueType;

// Longer numbers are written with an exponent, of which all have at most 38 digits.
constexpr size_t kMostPlainDigits = 60;
constexpr int kDigitsBehindThePoint = 37;

// Far more than an attribute that is compared with usually has, and far less than a request may have (developer guide,
// service quotas: 2 MB of values in an expression).
constexpr size_t kMostBytes = 100 * 1024;

const char *number_text(Writer *writer, Datum value)
{
    if (writer->type == NUMERICOID) {
        Numeric number = DatumGetNumeric(value);
        return numeric_is_nan(number) || numeric_is_inf(number) ? nullptr : numeric_normalize(number);
    }
    return OutputFunctionCall(&writer->output, value);
}

bool is_text(Oid type)
{
    return type == TEXTOID || type == VARCHAROID;
}

bool is_integer(Oid type)
{
    return type == INT2OID || type == INT4OID || type == INT8OID;
}

// The value's text, as the attribute has it; null: there is none.
const char *text_of(const ForeignColumn &column, Writer *writer, Datum value)
{
    if (writer->type == NUMERICOID || is_integer(writer->type))
        return number_text(writer, value);
    if (is_text(writer->type))
        return TextDatumGetCString(value);
    // A column with a precision spells its times with as many digits.
    return canonical_text({writer->type, column.modifier, &writer->output}, value);
}

bool make_number(const char *text, Operand *operand)
{
    *operand = {ValueType::kNumber, view(text), false};
    if (!engine::is_number(operand->text))
        return false;
    if (operand->text.size() > kMostPlainDigits)
        operand->text = numeric_out_sci(DatumGetNumeric(numeric_from_text(text)), kDigitsBehindThePoint);
    return true;
}

// A number in a column of text has one spelling.
bool is_spelled_so(const char *number)
{
    return strcmp(numeric_normalize(DatumGetNumeric(numeric_from_text(number))), number) == 0;
}

bool make_binary(Datum value, Operand *operand)
{
    bytea *bytes = DatumGetByteaPP(value);
    *operand = {ValueType::kBinary, {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)}, false};
    return true;
}

}  // namespace

Writer make_writer(Oid type)
{
    Writer writer = {};
    writer.type = getBaseType(type);
    Oid function;
    bool variable;
    getTypeOutputInfo(writer.type, &function, &variable);
    fmgr_info(function, &writer.output);
    return writer;
}

void deconstruct_values(Datum array, Datum **elements, bool **nulls, int *count)
{
    ArrayType *values = DatumGetArrayTypeP(array);
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(ARR_ELEMTYPE(values), &length, &by_value, &alignment);
    deconstruct_array(values, ARR_ELEMTYPE(values), length, by_value, alignment, elements, nulls, count);
}

bool make_operand(const ForeignColumn &column, Writer *writer, Datum value, Operand *operand)
{
    if (column.type == engine::ColumnType::kBoolean) {
        *operand = {ValueType::kBool, {}, DatumGetBool(value)};
        return true;
    }
    if (writer->type == BYTEAOID)
        return make_binary(value, operand) && operand->text.size() <= kMostBytes;
    const char *text = text_of(column, writer, value);
    if (text == nullptr)
        return false;
    switch (column.type) {
        case engine::ColumnType::kNumeric:
            return make_number(text, operand) && (!is_text(writer->type) || is_spelled_so(text));
        case engine::ColumnType::kText:
            *operand = {ValueType::kString, view(text), false};
            return operand->text.size() <= kMostBytes;
        default:
            return false;  // binary in a column of text: base64, which is looked at here
    }
}

bool can_be_key(const Operand &operand, bool sort)
{
    size_t most = sort ? kMostSortKeyBytes : kMostPartitionKeyBytes;
    return operand.type == ValueType::kNumber || (!operand.text.empty() && operand.text.size() <= most);
}

bool is_unambiguous(const Operand &operand)
{
    return operand.type != ValueType::kString || operand.text.find("\xE2\x90\x80") == std::string_view::npos;
}

int compare(const Operand &left, const Operand &right)
{
    if (left.type == ValueType::kNumber)
        return DatumGetInt32(
            DirectFunctionCall2(numeric_cmp, numeric_from_text(left.text), numeric_from_text(right.text)));
    return left.text.compare(right.text);
}

const char *key_json(std::span<const engine::KeyValue> key)
{
    StringInfoData json;
    initStringInfo(&json);
    for (const engine::KeyValue &each : key) {
        appendStringInfoString(&json, json.len ? "," : "{");
        escape_json(&json, copy_string(each.attribute));
        std::string_view text = each.value.text;
        switch (each.value.type) {
            case ValueType::kNumber:
                appendStringInfoString(&json, ":{\"N\":");
                break;
            case ValueType::kBinary:
                appendStringInfoString(&json, ":{\"B\":");
                text = base64(text);
                break;
            default:
                appendStringInfoString(&json, ":{\"S\":");
        }
        escape_json(&json, copy_string(text));
        appendStringInfoChar(&json, '}');
    }
    appendStringInfoChar(&json, '}');
    return json.data;
}

}  // namespace podyn
