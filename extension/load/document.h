// From DynamoDB's values to numeric, base64 and jsonb.
#pragma once

#include <span>

#include "compat.h"
#include "engine/item.h"

namespace podyn {

Datum numeric_from_text(std::string_view digits);

// A scalar inside a document (binary there is base64).
JsonbValue jsonb_scalar(const engine::Value &value);

std::string_view base64(std::string_view bytes);  // palloc'ed

// One value inside a document, alone. Palloc'ed.
Datum jsonb_from_value(const engine::Value &value);

// An object of the given top-level attributes, those that `wanted` (one flag for each of the item's values; null: all)
// marks. Binary at top level is encoded as base64.
Datum jsonb_from_attributes(std::span<const engine::Value> values, const bool *wanted);

// How DynamoDB JSON names the type: "S", "NS".
const char *type_letters(engine::ValueType type);

// An attribute of an item as DynamoDB JSON: {"S": "..."}.
Jsonb *typed_document(const engine::Value &value);

// All of an item as DynamoDB JSON, in which nothing is lost: every value with its type, numbers as strings.
Datum dynamodb_json_from_attributes(std::span<const engine::Value> values);

}  // namespace podyn
