// Small things about ASCII text.
#pragma once

#include <string>
#include <string_view>

namespace podyn::base {

// The process's locale plays no part, unlike in std::tolower.
[[nodiscard]] constexpr char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

[[nodiscard]] inline std::string lower_case(std::string_view text)
{
    std::string lower(text);
    for (char &c : lower)
        c = to_lower(c);
    return lower;
}

}  // namespace podyn::base
