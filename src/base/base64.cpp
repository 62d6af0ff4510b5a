// See base64.h.
#include "base/base64.h"

#include <array>
#include <cstdint>

namespace podyn::base {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kInvalid = 0xFF;

constexpr std::array<std::uint8_t, 256> make_digits()
{
    std::array<std::uint8_t, 256> digits{};
    digits.fill(kInvalid);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i)
        digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
    return digits;
}

constexpr std::array<std::uint8_t, 256> kDigits = make_digits();

std::uint8_t digit(char character) noexcept
{
    return kDigits[static_cast<unsigned char>(character)];
}

std::size_t padding_of(std::string_view base64) noexcept
{
    if (base64.ends_with("=="))
        return 2;
    return base64.ends_with('=') ? 1 : 0;
}

// The bits of the last digit that belong to no byte.
std::uint8_t unused_bits(std::size_t padding) noexcept
{
    constexpr std::array<std::uint8_t, 3> kMasks = {0, 0x03, 0x0F};
    return kMasks[padding];
}

}  // namespace

bool is_base64(std::string_view text) noexcept
{
    if (text.size() % 4 != 0)
        return false;
    const std::size_t padding = padding_of(text);
    const std::string_view digits = text.substr(0, text.size() - padding);
    for (const char character : digits)
        if (digit(character) == kInvalid)
            return false;
    return digits.empty() || (digit(digits.back()) & unused_bits(padding)) == 0;
}

std::size_t decoded_size(std::string_view base64) noexcept
{
    return base64.size() / 4 * 3 - padding_of(base64);
}

void decode_base64(std::string_view base64, char *bytes) noexcept
{
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char character : base64.substr(0, base64.size() - padding_of(base64))) {
        bits = bits << 6 | digit(character);
        count += 6;
        if (count >= 8) {
            count -= 8;
            *bytes++ = static_cast<char>(bits >> count & 0xFF);
        }
    }
}

std::string encode_base64(std::string_view bytes)
{
    std::string base64;
    base64.reserve((bytes.size() + 2) / 3 * 4);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char byte : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(byte);
        count += 8;
        while (count >= 6) {
            count -= 6;
            base64 += kAlphabet[bits >> count & 0x3F];
        }
    }
    if (count > 0)
        base64 += kAlphabet[bits << (6 - count) & 0x3F];
    while (base64.size() % 4 != 0)
        base64 += '=';
    return base64;
}

}  // namespace podyn::base
