// Where the values of a response's items lie, all in one row, and the text that they point to.
#pragma once

#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "dynamodb/item.h"

namespace podyn::dynamodb {

struct Tape {
    base::Arena arena;
    std::vector<dynamodb::Value> values;
    // The texts that contained U+0000 as they were before, by the address of what they have become. Keys need them:
    // U+0000 and U+2400 may tell two keys apart.
    std::unordered_map<const char *, std::string_view> originals;

    // The text of a string as DynamoDB has it.
    [[nodiscard]] std::string_view original_text(const dynamodb::Value &value) const
    {
        return value.had_nul ? originals.at(value.text.data()) : value.text;
    }
};

// An item on a tape that may still grow and move.
struct ParsedItem {
    std::size_t first = 0;
    std::size_t count = 0;
    std::string_view json;
    dynamodb::Problem problem{"00000", {}};

    // Only when the tape is complete.
    [[nodiscard]] dynamodb::Item on(const Tape &tape) const
    {
        return {std::span(tape.values).subspan(first, count), json, problem};
    }
};

}  // namespace podyn::dynamodb
