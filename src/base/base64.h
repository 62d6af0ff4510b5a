// Base64 as DynamoDB writes binary values (RFC 4648 section 4): strict, with padding, without line breaks, and with
// unused bits zero, so that every sequence of bytes has exactly one form.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace podyn::base {

[[nodiscard]] bool is_base64(std::string_view text) noexcept;

// The number of bytes that sound base64 decodes to.
[[nodiscard]] std::size_t decoded_size(std::string_view base64) noexcept;

// Decodes what is_base64() has accepted into `bytes`, which has room for decoded_size().
void decode_base64(std::string_view base64, char *bytes) noexcept;

[[nodiscard]] std::string encode_base64(std::string_view bytes);

}  // namespace podyn::base
