// Values of items beside what jsonb of the target shows: sets without order, numbers by value.
#pragma once

#include "compat.h"
#include "engine/item.h"

namespace podyn {

bool is_set(engine::ValueType type);
bool is_document(engine::ValueType type);  // a map, list or set

// A map, list or set as jsonb.
bool is_same_document(const engine::Value &value, Jsonb *document);

// An attribute of the item as a member of an object. Binary, which is bytes there, stands as base64; `typed`: as
// DynamoDB JSON.
bool is_same_attribute(const engine::Value &value, const JsonbValue &found, bool typed);

int compare_numbers(Numeric one, Numeric other);
std::string_view string_of(const JsonbValue &value);
Jsonb *parse_document(const char *text);
bool find_member(const JsonbContainer *container, std::string_view name, JsonbValue *found);

}  // namespace podyn
