// From values to DynamoDB JSON, within DynamoDB's limits (developer guide, "Constraints in Amazon DynamoDB" and "Item
// sizes and formats"): what DynamoDB would refuse is refused before it is sent.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dynamodb/item.h"
#include "dynamodb/types.h"

namespace podyn::dynamodb {

inline constexpr std::size_t kMostItemBytes = 400 * 1024;
inline constexpr std::size_t kMostAttributeNameBytes = 65'535;
inline constexpr std::size_t kMostKeyNameBytes = 255;  // of key attributes, those of indexes too
inline constexpr std::size_t kMostPartitionKeyBytes = 2048;
inline constexpr std::size_t kMostSortKeyBytes = 1024;
inline constexpr std::size_t kMostLevels = 32;  // the item is the first: 31 maps in each other are accepted

// What the keys of a table and of its indexes ask of an item.
struct KeyRules {
    std::vector<KeyAttribute> keys;        // partition key, sort key
    std::vector<KeyAttribute> index_keys;  // an item may do without them
};

struct WrittenItem {
    std::string json;      // DynamoDB JSON
    std::string key;       // of that the key attributes
    std::size_t size = 0;  // by AWS's rule of counting
};

// Binary is bytes at top level and base64 inside other values, as in Item. Throws base::Error: the message begins with
// what is wrong and names the attribute.
[[nodiscard]] WrittenItem write_item(std::span<const Value> values, const KeyRules &rules);

// One value with its type: {"S":"…"}. `attribute` is for messages. Adds what it takes to `size`.
void append_value(std::string &json, const Value &value, std::string_view attribute, std::size_t &size);

// Equal by DynamoDB's rules, see same_item(); a value's members lie behind it.
[[nodiscard]] bool same_value(const Value &left, const Value &right);
// Whether the two have the same attributes: sets without order, numbers by value. Values of items without problems.
[[nodiscard]] bool same_item(std::span<const Value> left, std::span<const Value> right);

}  // namespace podyn::dynamodb
