// See key_document.h.
#include "load/key_document.h"

#include "catalog/sql.h"
#include "engine/keys.h"
#include "engine/operations.h"
#include "load/document.h"
#include "load/rows.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::ColumnType;
using engine::Value;
using engine::ValueType;

// Developer guide, Limits: the sizes of keys in bytes, the digits and the magnitude of numbers.
constexpr size_t kMostBytes[] = {2048, 1024};
constexpr size_t kMostDigits = 38, kMostDigitsBeforePoint = 126, kMostZerosBehindPoint = 129;

void append_key(StringInfo document, const char *attribute, ColumnType type, const char *text)
{
    appendStringInfoChar(document, document->len ? ',' : '{');
    escape_json(document, attribute);
    appendStringInfo(document, ":{\"%s\":",
                     type == ColumnType::kNumeric ? "N"
                     : type == ColumnType::kBytea ? "B"
                                                  : "S");
    escape_json(document, text);
    appendStringInfoChar(document, '}');
}

const char *bytes_text(Datum datum)
{
    bytea *bytes = DatumGetByteaPP(datum);
    return copy_string(base64({VARDATA_ANY(bytes), static_cast<size_t>(VARSIZE_ANY_EXHDR(bytes))}));
}

const char *column_text(const TargetColumn &column, Datum datum)
{
    if (column.converter != nullptr && !keeps_bytes(*column.converter))
        return key_text(*column.converter, datum);
    switch (column.type) {
        case ColumnType::kNumeric:
            return numeric_normalize(DatumGetNumeric(datum));
        case ColumnType::kBytea:
            return bytes_text(datum);
        default:
            return TextDatumGetCString(datum);
    }
}

// `digits`: a valid decimal number.
bool is_possible_number(std::string_view digits)
{
    char *plain = numeric_normalize(DatumGetNumeric(numeric_from_text(digits)));
    std::string_view rest = plain;
    if (rest[0] == '-')
        rest.remove_prefix(1);
    size_t point = Min(rest.find('.'), rest.size());
    std::string_view whole(rest.data(), point), fraction = rest;
    fraction.remove_prefix(Min(point + 1, rest.size()));
    if (whole == "0")
        whole = {};
    size_t zeros = whole.empty() ? Min(fraction.find_first_not_of('0'), fraction.size()) : 0;
    size_t significant = whole.size() + fraction.size() - zeros;
    if (fraction.empty() && !whole.empty())
        significant = whole.find_last_not_of('0') + 1;
    return whole.size() <= kMostDigitsBeforePoint && zeros <= kMostZerosBehindPoint && significant <= kMostDigits;
}

}  // namespace

char *key_document(const Target &target, const engine::Item &item)
{
    StringInfoData document;
    initStringInfo(&document);
    for (int i = 0; i < target.key_count; ++i) {
        const Value &value = *engine::find_attribute(item.values, target.key_attributes[i]);
        std::string_view text = value.type == ValueType::kBinary ? base64(value.text) : value.text;
        append_key(&document, target.key_attributes[i], target.columns[target.keys[i]].type, copy_string(text));
    }
    appendStringInfoChar(&document, '}');
    return document.data;
}

char *key_document(const Target &target, const Datum *keys)
{
    StringInfoData document;
    initStringInfo(&document);
    for (int i = 0; i < target.key_count; ++i) {
        const TargetColumn &column = target.columns[target.keys[i]];
        append_key(&document, target.key_attributes[i], column.type, column_text(column, keys[i]));
    }
    appendStringInfoChar(&document, '}');
    return document.data;
}

// PostgreSQL reads no JSON that contains U+0000; as in journal.cpp, it is shown as U+2400. Digests go by the original.
const uint8 *digest_of(const Target &target, const engine::Item &item)
{
    Value keys[2];
    for (int i = 0; i < target.key_count; ++i)
        keys[i] = *engine::find_attribute(item.values, target.key_attributes[i]);
    auto *digest = static_cast<uint8 *>(palloc(engine::kKeyDigestBytes));
    check(engine::key_digest({keys, static_cast<size_t>(target.key_count)}, digest));
    return digest;
}

const engine::Item *key_of_unsound(const Target &target, const engine::Item &item)
{
    if (!is_json(item.json))
        return &item;
    MemoryContext context = CurrentMemoryContext;
    catalog::Scope scope = catalog::enter();
    catalog::run(
        "SELECT CASE WHEN json_typeof(item) = 'object' THEN (SELECT json_object_agg(k, item -> k)::text "
        "FROM unnest(ARRAY[$2, $3]) AS k WHERE k IS NOT NULL) END FROM (SELECT regexp_replace($1, "
        "'(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000', '\\1\u2400', 'g')::json AS item) AS i",
        {catalog::text(item.json), catalog::text(target.key_attributes[0]),
         catalog::text_or_null(target.key_attributes[1])});
    std::string_view documents[] = {view(catalog::string(context, 0, 1))};
    catalog::leave(scope);
    engine::Items *handle = nullptr;
    std::span<const engine::Item> items;
    check(engine::parse_items(documents, engine::NulCharacters::kReplace, &handle, &items));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    return &items[0];
}

bool is_possible_key(const Target &target, const engine::Item &key)
{
    if (check_item(target, key).exists())
        return false;
    for (int i = 0; i < target.key_count; ++i) {
        const Value &value = *engine::find_attribute(key.values, target.key_attributes[i]);
        if (value.type == ValueType::kNumber ? !is_possible_number(value.text)
                                             : value.text.empty() || value.text.size() > kMostBytes[i])
            return false;
    }
    return true;
}

}  // namespace podyn
