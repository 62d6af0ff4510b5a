// Values on a tape as one line of text, for comparisons that read well: a:S:x, b:M{c:N:1}, d:SS[S:x S:y].
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "dynamodb/item.h"

namespace podyn::test {

inline std::string_view letters(dynamodb::ValueType type)
{
    constexpr std::array<std::string_view, 10> kLetters = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"};
    return kLetters[static_cast<std::size_t>(type)];
}

inline std::string tape_text(std::span<const dynamodb::Value> values);

inline std::string value_text(std::span<const dynamodb::Value> values)
{
    const dynamodb::Value &value = values.front();
    std::string text;
    if (!value.name.empty())
        text.append(value.name).append(":");
    text.append(letters(value.type));
    const std::string inside = tape_text(values.subspan(1, value.span - 1));
    switch (value.type) {
        case dynamodb::ValueType::kString:
        case dynamodb::ValueType::kNumber:
        case dynamodb::ValueType::kBinary:
            return text.append(":").append(value.text);
        case dynamodb::ValueType::kBool:
            return text + (value.boolean ? ":true" : ":false");
        case dynamodb::ValueType::kNull:
            return text;
        case dynamodb::ValueType::kMap:
            return text + "{" + inside + "}";
        default:
            return text + "[" + inside + "]";
    }
}

inline std::string tape_text(std::span<const dynamodb::Value> values)
{
    std::string text;
    for (std::size_t i = 0; i < values.size(); i += values[i].span) {
        if (i > 0)
            text += ' ';
        text += value_text(values.subspan(i, values[i].span));
    }
    return text;
}

}  // namespace podyn::test
