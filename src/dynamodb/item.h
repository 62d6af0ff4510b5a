// Items as they cross from the engine to the extension: a flat list of typed values, each with the number of values
// that it takes, so that nested maps and lists need neither pointers nor recursion.
#pragma once

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

// One value. The next sibling of values[i] is values[i + values[i].span]; the first child of a map, list or set is
// values[i + 1]. Members of sets are values of type kString, kNumber or kBinary.
struct Value {
    std::string_view
        name;  // the attribute's name or the map's key (U+0000 replaced by U+2400); empty in lists and sets
    std::string_view text;   // kString: UTF-8, U+0000 replaced by U+2400. kNumber: its digits, a valid decimal number.
                             // kBinary: the bytes at top level, base64 inside other values
    std::uint32_t span;      // number of values that this one takes, itself included; 1 for scalars
    std::uint32_t children;  // members of a map, list or set
    ValueType type;
    bool boolean;  // kBool
    bool had_nul;  // kString: U+0000 was replaced in it
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

}  // namespace podyn::dynamodb
