// Items as they cross from the engine to the extension: a flat list of typed values, each with the number of values
// that it takes, so that nested maps and lists need neither pointers nor recursion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace podyn::dynamodb {

// DynamoDB's ten attribute types (API reference, AttributeValue).
enum class ValueType : std::uint8_t {
    kString,
    kNumber,
    kBinary,
    kBool,
    kNull,
    kMap,
    kList,
    kStringSet,
    kNumberSet,
    kBinarySet,
};

// What becomes of U+0000, which PostgreSQL's text cannot hold, in strings and in the names inside maps. The names of
// attributes and the values of keys never may contain it: replaced or stripped, they might meet others.
enum class NulCharacters : std::uint8_t {
    kReplace,  // by U+2400, symbol for null
    kStrip,    // left out
    kReject,   // the item's problem
};

// One value. The next sibling of values[i] is values[i + values[i].span]; the first child of a map, list or set is
// values[i + 1]. Members of sets are values of type kString, kNumber or kBinary.
struct Value {
    std::string_view
        name;  // the attribute's name or the map's key, without U+0000 (see NulCharacters); empty in lists and sets
    std::string_view text;   // kString: UTF-8 without U+0000. kNumber: its digits, a valid decimal number.
                             // kBinary: the bytes at top level, base64 inside other values
    std::uint32_t span;      // number of values that this one takes, itself included; 1 for scalars
    std::uint32_t children;  // members of a map, list or set
    ValueType type;
    bool boolean;  // kBool
    bool had_nul;  // kString: U+0000 was replaced or stripped in it
};

// Why an item cannot become a row though the page around it is sound.
struct Problem {
    char sqlstate[6];          // "00000": there is none
    std::string_view message;  // lives as long as the batch

    [[nodiscard]] bool exists() const noexcept { return !message.empty(); }
};

struct Item {
    std::span<const Value> values;  // top-level attributes and all that is inside them, in the order received
    std::string_view json;          // the item as received, DynamoDB JSON
    Problem problem;
};

// The value of an attribute among these; null: it is not there. What is inside of others is passed over.
inline const Value *find_attribute(std::span<const Value> values, std::string_view name) noexcept
{
    for (std::size_t i = 0; i < values.size(); i += values[i].span)
        if (values[i].name == name)
            return &values[i];
    return nullptr;
}

}  // namespace podyn::dynamodb
