// See values.h.
#include "write/values.h"

#include "load/document.h"
#include "raise.h"
#include "subtransaction.h"

namespace podyn {
namespace {

using engine::Value;
using engine::ValueType;
using Form = ColumnValues::Form;

constexpr uint32 kFirstCapacity = 32;
constexpr int kMostLevels = 100;  // DynamoDB has 32; what is deeper is refused there, by the attribute's name

uint32 append(ItemValues *item, std::string_view name, ValueType type, std::string_view text = {})
{
    if (item->count == item->capacity) {
        item->capacity *= 2;
        item->list = static_cast<Value *>(repalloc(item->list, sizeof(Value) * item->capacity));
    }
    item->list[item->count] = {name, text, 1, 0, type, false, false};
    return item->count++;
}

void close(ItemValues *item, uint32 container, uint32 children)
{
    item->list[container].span = item->count - container;
    item->list[container].children = children;
}

void refuse(ItemValues *item, const char *attribute, const char *what)
{
    if (item->refusal == nullptr)
        item->refusal = psprintf("attribute \"%s\" %s", attribute, what);
}

// ---- JSON -----------------------------------------------------------------------------------------------------------

std::string_view text_of(const JsonbValue &value)
{
    return {value.val.string.val, static_cast<size_t>(value.val.string.len)};
}

void append_scalar(ItemValues *item, std::string_view name, const JsonbValue &value)
{
    switch (value.type) {
        case jbvNull:
            append(item, name, ValueType::kNull);
            break;
        case jbvBool:
            item->list[append(item, name, ValueType::kBool)].boolean = value.val.boolean;
            break;
        case jbvNumeric:
            append(item, name, ValueType::kNumber,
                   DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric))));
            break;
        default:
            append(item, name, ValueType::kString, text_of(value));
    }
}

struct OpenContainer {
    uint32 at;
    uint32 children;
};

// The tokens of an object or array and of all that is inside it. `outermost`: whether it is a value itself, or only its
// members are.
void append_container(ItemValues *item, std::string_view name, JsonbContainer *container, bool outermost,
                      const char *attribute)
{
    OpenContainer open[kMostLevels];
    int depth = 0;
    JsonbValue value;
    JsonbIterator *iterator = JsonbIteratorInit(container);
    bool first = true;
    for (JsonbIteratorToken token; (token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE;) {
        if (token == WJB_KEY) {
            name = text_of(value);
            continue;
        }
        if (token == WJB_END_OBJECT || token == WJB_END_ARRAY) {
            if (depth > 0) {
                --depth;
                close(item, open[depth].at, open[depth].children);
            }
            continue;
        }
        if (first && !outermost) {
            first = false;
            continue;
        }
        first = false;
        if (depth > 0)
            ++open[depth - 1].children;
        if (token == WJB_VALUE || token == WJB_ELEM) {
            append_scalar(item, name, value);
        } else if (depth == kMostLevels) {
            return refuse(item, attribute, "is nested more than 32 levels deep");
        } else {
            bool object = token == WJB_BEGIN_OBJECT;
            open[depth++] = {append(item, name, object ? ValueType::kMap : ValueType::kList), 0};
        }
        name = {};
    }
}

void append_jsonb(ItemValues *item, std::string_view name, Jsonb *document, const char *attribute)
{
    JsonbValue scalar;
    if (JB_ROOT_IS_SCALAR(document) && JsonbExtractScalar(&document->root, &scalar))
        append_scalar(item, name, scalar);
    else
        append_container(item, name, &document->root, true, attribute);
}

struct JsonText {
    const char *text;
    Jsonb *document;
};

void parse_json(void *argument)
{
    auto *json = static_cast<JsonText *>(argument);
    json->document = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json->text)));
}

// json holds what jsonb cannot: U+0000, numbers beyond numeric's range.
void append_json(ItemValues *item, std::string_view name, const char *text, const char *attribute)
{
    JsonText json = {text, nullptr};
    if (ErrorData *error = attempt(parse_json, &json); error != nullptr)
        return refuse(item, attribute, psprintf("is no JSON that can be written: %s", error->message));
    append_jsonb(item, name, json.document, attribute);
}

// ---- times ----------------------------------------------------------------------------------------------------------

// Whatever DateStyle says.
char *iso_time(Datum value, Oid type)
{
    auto *text = static_cast<char *>(palloc(MAXDATELEN + 1));
    return JsonEncodeDateTime(text, value, type, nullptr);
}

// ---- arrays ---------------------------------------------------------------------------------------------------------

void append_value(ItemValues *item, ColumnValues *column, std::string_view name, Datum value, bool nested);

struct ArrayMembers {
    Datum *values;
    bool *nulls;
    int next;
    const int *lengths;
    int dimensions;
};

void append_list(ItemValues *item, ColumnValues *column, std::string_view name, ArrayMembers *members, int dimension)
{
    uint32 list = append(item, name, ValueType::kList);
    int length = dimension < members->dimensions ? members->lengths[dimension] : 0;
    for (int i = 0; i < length; ++i) {
        if (dimension + 1 < members->dimensions) {
            append_list(item, column, {}, members, dimension + 1);
            continue;
        }
        int at = members->next++;
        if (members->nulls[at])
            append(item, {}, ValueType::kNull);
        else
            append_value(item, column->element, {}, members->values[at], true);
    }
    close(item, list, static_cast<uint32>(length));
}

// Whether an array of this can be a set; then of which type.
bool set_type(const ColumnValues &element, ValueType *type)
{
    switch (element.form) {
        case Form::kString:
        case Form::kTimestamp:
        case Form::kLocalTime:
            *type = ValueType::kStringSet;
            return true;
        case Form::kNumber:
            *type = ValueType::kNumberSet;
            return true;
        case Form::kBinary:
            *type = ValueType::kBinarySet;
            return true;
        default:
            return false;
    }
}

void append_set(ItemValues *item, ColumnValues *column, std::string_view name, ValueType type,
                const ArrayMembers &members, int count)
{
    uint32 set = append(item, name, type);
    for (int i = 0; i < count; ++i) {
        if (members.nulls[i])
            return refuse(item, column->attribute, "is a set with a NULL in it");
        append_value(item, column->element, {}, members.values[i], true);
    }
    close(item, set, static_cast<uint32>(count));
}

void append_array(ItemValues *item, ColumnValues *column, std::string_view name, Datum value)
{
    ArrayType *array = DatumGetArrayTypeP(value);
    ArrayMembers members = {nullptr, nullptr, 0, ARR_DIMS(array), ARR_NDIM(array)};
    int count = 0;
    deconstruct_array(array, ARR_ELEMTYPE(array), column->element_length, column->element_by_value,
                      column->element_alignment, &members.values, &members.nulls, &count);
    ValueType type;
    if (column->options.sets && members.dimensions <= 1 && set_type(*column->element, &type))
        append_set(item, column, name, type, members, count);
    else
        append_list(item, column, name, &members, 0);
}

// ---- columns --------------------------------------------------------------------------------------------------------

void append_value(ItemValues *item, ColumnValues *column, std::string_view name, Datum value, bool nested)
{
    switch (column->form) {
        case Form::kBoolean:
            item->list[append(item, name, ValueType::kBool)].boolean = DatumGetBool(value);
            break;
        case Form::kNumber:
            append(item, name, ValueType::kNumber, OutputFunctionCall(&column->output, value));
            break;
        case Form::kBinary: {
            bytea *datum = DatumGetByteaPP(value);
            std::string_view bytes(VARDATA_ANY(datum), static_cast<size_t>(VARSIZE_ANY_EXHDR(datum)));
            append(item, name, ValueType::kBinary, nested ? base64(bytes) : bytes);
            break;
        }
        case Form::kTimestamp: {
            const char *text = rfc3339(DatumGetTimestampTz(value));
            if (text == nullptr)
                return refuse(item, column->attribute, "is a time that RFC 3339 has no form for");
            append(item, name, ValueType::kString, text);
            break;
        }
        case Form::kLocalTime:
            append(item, name, ValueType::kString, iso_time(value, column->type));
            break;
        case Form::kJson:
            append_json(item, name, TextDatumGetCString(value), column->attribute);
            break;
        case Form::kJsonb:
            append_jsonb(item, name, DatumGetJsonbP(value), column->attribute);
            break;
        case Form::kArray:
            append_array(item, column, name, value);
            break;
        case Form::kString:
            append(item, name, ValueType::kString, OutputFunctionCall(&column->output, value));
            break;
    }
}

Form form_of(Oid type)
{
    switch (type) {
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case FLOAT4OID:
        case FLOAT8OID:
        case NUMERICOID:
            return Form::kNumber;
        case BOOLOID:
            return Form::kBoolean;
        case BYTEAOID:
            return Form::kBinary;
        case TIMESTAMPTZOID:
            return Form::kTimestamp;
        case TIMESTAMPOID:
        case DATEOID:
            return Form::kLocalTime;
        case JSONOID:
            return Form::kJson;
        case JSONBOID:
            return Form::kJsonb;
        default:
            return OidIsValid(get_element_type(type)) ? Form::kArray : Form::kString;
    }
}

}  // namespace

ItemValues make_item_values()
{
    return {static_cast<Value *>(palloc(sizeof(Value) * kFirstCapacity)), 0, kFirstCapacity, nullptr};
}

ColumnValues *make_column_values(const char *attribute, Oid type, ValueOptions options)
{
    auto *column = static_cast<ColumnValues *>(palloc0(sizeof(ColumnValues)));
    column->attribute = pstrdup(attribute);
    column->options = options;
    column->type = getBaseType(type);
    column->form = form_of(column->type);
    if (column->form == Form::kArray) {
        Oid element = get_element_type(column->type);
        column->element = make_column_values(attribute, element, options);
        get_typlenbyvalalign(element, &column->element_length, &column->element_by_value, &column->element_alignment);
    } else {
        Oid output;
        bool variable_length;
        getTypeOutputInfo(column->type, &output, &variable_length);
        fmgr_info(output, &column->output);
    }
    return column;
}

void append_column(ItemValues *item, ColumnValues *column, Datum value, bool null)
{
    if (!null)
        append_value(item, column, column->attribute, value, false);
    else if (column->options.nulls)
        append(item, column->attribute, ValueType::kNull);
}

void append_document(ItemValues *item, Jsonb *document)
{
    if (JB_ROOT_IS_OBJECT(document))
        append_container(item, {}, &document->root, false, "item");
    else if (item->refusal == nullptr)
        item->refusal = "an item has to be a JSON object";
}

char *rfc3339(TimestampTz time)
{
    pg_tm parts;
    fsec_t fraction;
    if (TIMESTAMP_NOT_FINITE(time) || timestamp2tm(time, nullptr, &parts, &fraction, nullptr, nullptr) != 0 ||
        parts.tm_year < 0 || parts.tm_year > 9999)
        return nullptr;
    return psprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06d000Z", parts.tm_year, parts.tm_mon, parts.tm_mday, parts.tm_hour,
                    parts.tm_min, parts.tm_sec, static_cast<int>(fraction));
}

}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_rfc3339);

Datum podyn_rfc3339(PG_FUNCTION_ARGS)
{
    const char *form = podyn::rfc3339(PG_GETARG_TIMESTAMPTZ(0));
    if (form == nullptr)
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                        errmsg("RFC 3339 has no form for the time %s", timestamptz_to_str(PG_GETARG_TIMESTAMPTZ(0))),
                        errhint("It has the years 0 to 9999.")));
    PG_RETURN_TEXT_P(cstring_to_text(form));
}
}
