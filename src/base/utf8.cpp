// See utf8.h.
#include "base/utf8.h"

#include <cstddef>

namespace podyn::base {

namespace {

constexpr std::uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};  // that takes one, two, … bytes

// How many bytes follow the first one of a character; -1: it begins none.
int followers(unsigned char first)
{
    if (first < 0x80)
        return 0;
    if (first >= 0xc0 && first < 0xe0)
        return 1;
    if (first >= 0xe0 && first < 0xf0)
        return 2;
    return first >= 0xf0 && first < 0xf8 ? 3 : -1;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept
{
    for (std::size_t at = 0; at < text.size();) {
        const auto first = static_cast<unsigned char>(text[at++]);
        const int count = followers(first);
        if (count < 0 || text.size() - at < static_cast<std::size_t>(count))
            return false;
        std::uint32_t character = count == 0 ? first : first & (0x3fu >> count);
        for (int i = 0; i < count; ++i) {
            const auto byte = static_cast<unsigned char>(text[at++]);
            if ((byte & 0xc0) != 0x80)
                return false;
            character = character << 6 | (byte & 0x3fu);
        }
        if (character < kSmallest[count] || !is_character(character))
            return false;
    }
    return true;
}

void append_utf8(std::string &text, std::uint32_t character)
{
    int count = 0;
    while (count < 3 && character >= kSmallest[count + 1])
        ++count;
    if (count == 0) {
        text += static_cast<char>(character);
        return;
    }
    text += static_cast<char>(((0xf00u >> (count + 1)) & 0xffu) | character >> (6 * count));
    while (count-- > 0)
        text += static_cast<char>(0x80u | (character >> (6 * count) & 0x3fu));
}

}  // namespace podyn::base
