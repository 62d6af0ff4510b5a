// See value_datum.h.
#include "load/value_datum.h"

#include "load/document.h"
#include "load/jsonb_image.h"

namespace podyn {
namespace {

using engine::Value;
using engine::ValueType;

Datum bytes_datum(std::string_view bytes)
{
    auto *datum = static_cast<bytea *>(palloc(VARHDRSZ + bytes.size()));
    SET_VARSIZE(datum, VARHDRSZ + bytes.size());
    memcpy(VARDATA(datum), bytes.data(), bytes.size());
    return PointerGetDatum(datum);
}

}  // namespace

Datum value_datum(const Value &value)
{
    switch (value.type) {
        case ValueType::kString:
        case ValueType::kBinary:
            return bytes_datum(value.text);  // text and bytea have the same form
        case ValueType::kNumber:
            return numeric_from_text(value.text);
        case ValueType::kBool:
            return BoolGetDatum(value.boolean);
        default:
            return jsonb_of_container(value);
    }
}

}  // namespace podyn
