// See canonical.h.
#include "load/canonical.h"

namespace podyn {
namespace {

constexpr int kSecondDigits = 6;

const char *date_text(DateADT date)
{
    if (DATE_NOT_FINITE(date))
        return nullptr;
    int year, month, day;
    j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
    return psprintf("%04d-%02d-%02d", year, month, day);
}

// Of microseconds: `digits` of them, or for -1 none at the end that is 0.
const char *fraction_text(fsec_t microseconds, int digits)
{
    char *text = psprintf(".%06d", static_cast<int>(microseconds));
    int length = digits < 0 ? kSecondDigits : digits;
    while (digits < 0 && length > 0 && text[length] == '0')
        --length;
    text[length == 0 ? 0 : length + 1] = '\0';
    return text;
}

// In UTC, which is also how a timestamp without time zone is read here.
const char *time_text(Timestamp time, int32 digits, const char *zone)
{
    struct pg_tm parts = {};
    fsec_t fraction;
    if (TIMESTAMP_NOT_FINITE(time) || timestamp2tm(time, nullptr, &parts, &fraction, nullptr, nullptr) != 0)
        return nullptr;
    return psprintf("%04d-%02d-%02dT%02d:%02d:%02d%s%s", parts.tm_year, parts.tm_mon, parts.tm_mday, parts.tm_hour,
                    parts.tm_min, parts.tm_sec, fraction_text(fraction, digits), zone);
}

const char *normalized(const char *digits)
{
    return numeric_normalize(DatumGetNumeric(
        DirectFunctionCall3(numeric_in, CStringGetDatum(digits), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
}

bool is_integer(Oid type)
{
    return type == INT2OID || type == INT4OID || type == INT8OID;
}

bool is_string(Oid type)
{
    return type == TEXTOID || type == VARCHAROID;
}

}  // namespace

bool key_has_one_spelling(Oid type, engine::ColumnType from)
{
    switch (from) {
        case engine::ColumnType::kText:
            return is_string(type) || is_integer(type) || type == NUMERICOID || type == UUIDOID || type == DATEOID ||
                   type == TIMESTAMPOID || type == TIMESTAMPTZOID || type == INETOID || type == CIDROID ||
                   type == MACADDROID || type_is_enum(type);
        case engine::ColumnType::kNumeric:
            return is_string(type) || is_integer(type) || type == NUMERICOID || type == FLOAT4OID || type == FLOAT8OID;
        case engine::ColumnType::kBytea:
            return is_string(type) || type == BYTEAOID;
        default:
            return false;
    }
}

const char *canonical_text(const KeyType &type, Datum value)
{
    switch (type.type) {
        case NUMERICOID:
            return numeric_normalize(DatumGetNumeric(value));
        case FLOAT4OID:
        case FLOAT8OID:
            return normalized(OutputFunctionCall(type.output, value));
        case DATEOID:
            return date_text(DatumGetDateADT(value));
        case TIMESTAMPOID:
            return time_text(DatumGetTimestamp(value), type.modifier, "");
        case TIMESTAMPTZOID:
            return time_text(DatumGetTimestampTz(value), type.modifier, "Z");
        default:
            return OutputFunctionCall(type.output, value);
    }
}

const char *canonical_expression(Oid type, int32 modifier, const char *column)
{
    switch (type) {
        case NUMERICOID:
            return psprintf("trim_scale(%s)::text", column);
        case FLOAT4OID:
        case FLOAT8OID:
            return psprintf("trim_scale(%s::text::numeric)::text", column);
        case DATEOID:
            return psprintf("to_char(%s, 'YYYY-MM-DD')", column);
        case TIMESTAMPOID:
        case TIMESTAMPTZOID: {
            constexpr int kSeconds = 19;  // characters up to the seconds, and then a point
            bool zone = type == TIMESTAMPTZOID;
            const char *text =
                psprintf("to_char(%s%s, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')", column, zone ? " AT TIME ZONE 'UTC'" : "");
            const char *cut = modifier < 0
                                  ? psprintf("rtrim(rtrim(%s, '0'), '.')", text)
                                  : psprintf("left(%s, %d)", text, modifier > 0 ? kSeconds + 1 + modifier : kSeconds);
            return zone ? psprintf("%s || 'Z'", cut) : cut;
        }
        default:
            return psprintf("format('%%s', %s)", column);  // its output function; a cast of inet to text adds /32
    }
}

}  // namespace podyn
