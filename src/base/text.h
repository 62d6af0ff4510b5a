// Small things about ASCII text.
#pragma once

#include <string>
#include <string_view>

namespace podyn::base {

// The process's locale plays no part, unlike in std::tolower.
[[nodiscard]] inline std::string lower_case(std::string_view text)
{
    std::string lower(text);
    for (char &c : lower)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c | 0x20);
    return lower;
}

}  // namespace podyn::base
