// The key of an item that is DynamoDB JSON, whatever is wrong with its other attributes.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "dynamodb/tape.h"

namespace podyn::dynamodb {

// Parses the key attributes and passes over the others. Throws base::Error where the JSON is broken.
[[nodiscard]] ParsedItem parse_key(std::string_view item, std::span<const std::string_view> key_attributes, Tape &tape);

// The key attributes among an item's values. Throws base::Error where one is missing or can be none.
[[nodiscard]] std::vector<Value> key_values(const Item &item, std::span<const std::string_view> key_attributes);

}  // namespace podyn::dynamodb
