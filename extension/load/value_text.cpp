// See value_text.h.
#include "load/value_text.h"

#include "load/document.h"
#include "load/jsonb_image.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::Value;
using engine::ValueType;

char *number_text(std::string_view digits)
{
    return numeric_normalize(DatumGetNumeric(numeric_from_text(digits)));
}

char *hexadecimal(std::string_view bytes)
{
    char *text = static_cast<char *>(palloc(bytes.size() * 2 + 3));
    memcpy(text, "\\x", 2);
    text[2 + hex_encode(bytes.data(), bytes.size(), text + 2)] = '\0';
    return text;
}

char *binary_text(std::string_view bytes, Oid type)
{
    if (type == BYTEAOID)
        return hexadecimal(bytes);
    char *text = copy_string(base64(bytes));
    return type == JSONOID || type == JSONBOID ? psprintf("\"%s\"", text) : text;
}

char *json_text(const Value &value)
{
    Jsonb *document = DatumGetJsonbP(jsonb_of_container(value));
    return JsonbToCString(nullptr, &document->root, VARSIZE(document));
}

void append_quoted(StringInfo array, std::string_view text)
{
    appendStringInfoChar(array, '"');
    for (char character : text) {
        if (character == '"' || character == '\\')
            appendStringInfoChar(array, '\\');
        appendStringInfoChar(array, character);
    }
    appendStringInfoChar(array, '"');
}

void append_array(StringInfo array, const Value *list);

// A member of a list or set; binary is base64 already inside other values.
void append_member(StringInfo array, const Value *member)
{
    switch (member->type) {
        case ValueType::kNull:
            appendStringInfoString(array, "NULL");
            break;
        case ValueType::kBool:
            appendStringInfoString(array, member->boolean ? "true" : "false");
            break;
        case ValueType::kNumber:
            appendStringInfoString(array, number_text(member->text));
            break;
        case ValueType::kString:
        case ValueType::kBinary:
            append_quoted(array, member->text);
            break;
        case ValueType::kMap:
            append_quoted(array, json_text(*member));
            break;
        default:
            append_array(array, member);
    }
}

void append_array(StringInfo array, const Value *list)
{
    check_stack_depth();
    appendStringInfoChar(array, '{');
    const Value *member = list + 1;
    for (uint32 i = 0; i < list->children; ++i, member += member->span) {
        if (i > 0)
            appendStringInfoChar(array, ',');
        append_member(array, member);
    }
    appendStringInfoChar(array, '}');
}

char *document_text(const Value &value, bool array)
{
    if (!array)
        return json_text(value);
    if (value.type == ValueType::kMap)  // {} would be read as an array without members
        ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("a map is no array")));
    StringInfoData text;
    initStringInfo(&text);
    append_array(&text, &value);
    return text.data;
}

}  // namespace

char *value_text(const Value &value, Oid type, bool array)
{
    switch (value.type) {
        case ValueType::kString:
            return copy_string(value.text);
        case ValueType::kNumber:
            return number_text(value.text);
        case ValueType::kBinary:
            return binary_text(value.text, type);
        case ValueType::kBool:
            return pstrdup(value.boolean ? "true" : "false");
        default:
            return document_text(value, array);
    }
}

}  // namespace podyn
