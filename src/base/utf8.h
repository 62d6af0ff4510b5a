// UTF-8 (RFC 3629): whether bytes are it, and how a character is written in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace podyn::base {

// Without overlong forms, surrogates, and what lies behind U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

// Whether there is a character of that number, and no surrogate.
[[nodiscard]] constexpr bool is_character(std::uint32_t number) noexcept
{
    return number <= 0x10ffff && (number < 0xd800 || number > 0xdfff);
}

void append_utf8(std::string &text, std::uint32_t character);

}  // namespace podyn::base
