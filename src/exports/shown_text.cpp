// See shown_text.h.
#include "exports/shown_text.h"

#include <algorithm>

namespace podyn::exports {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool is_continuation(char c)
{
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// How many bytes the first character takes; 0: it is none (Unicode, table 3-7).
std::size_t character_size(std::string_view text)
{
    const auto first = static_cast<unsigned char>(text[0]);
    if (first < 0x80)
        return first == 0 ? 0 : 1;
    const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < size)
        return 0;
    for (std::size_t i = 1; i < size; ++i)
        if (!is_continuation(text[i]))
            return 0;
    const auto second = static_cast<unsigned char>(text[1]);
    const bool too_long = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool no_character = (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
    return too_long || no_character ? 0 : size;
}

// Not in the middle of a character.
std::string_view cut(std::string_view text, std::size_t most_bytes)
{
    std::size_t size = std::min(text.size(), most_bytes);
    for (std::size_t back = 0; size < text.size() && size > 0 && back < 3 && is_continuation(text[size]); ++back)
        --size;
    return text.substr(0, size);
}

}  // namespace

std::string shown_text(std::string_view text, std::size_t most_bytes)
{
    std::string shown;
    for (text = cut(text, most_bytes); !text.empty();) {
        const std::size_t size = character_size(text);
        shown += size > 0 ? text.substr(0, size) : kReplacement;
        text.remove_prefix(size > 0 ? size : 1);
    }
    return shown;
}

}  // namespace podyn::exports
