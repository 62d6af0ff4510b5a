// SHA-256, HMAC-SHA-256 and hexadecimal text, over OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace podyn::base {

using Sha256 = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256 sha256(std::string_view data);
// For names only, such as those of cached SSO tokens: SHA-1 is broken as a signature.
[[nodiscard]] std::string sha1_hex(std::string_view data);
[[nodiscard]] Sha256 hmac_sha256(std::string_view key, std::string_view data);
// Lower case, two digits a byte.
[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);

// A digest as the key of the next HMAC.
[[nodiscard]] inline std::string_view as_text(const Sha256 &digest) noexcept
{
    return {reinterpret_cast<const char *>(digest.data()), digest.size()};
}

}  // namespace podyn::base
