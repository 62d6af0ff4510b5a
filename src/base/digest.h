// SHA-256, HMAC-SHA-256, MD5 and hexadecimal text, over OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace podyn::base {

using Sha256 = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256 sha256(std::string_view data);
// For names only, such as those of cached SSO tokens: SHA-1 is broken as a signature.
[[nodiscard]] std::string sha1_hex(std::string_view data);
[[nodiscard]] Sha256 hmac_sha256(std::string_view key, std::string_view data);

// Of what comes piece by piece. For accidents only, such as those of files on their way: MD5 is broken as a signature.
class Md5 {
  public:
    using Digest = std::array<std::uint8_t, 16>;

    Md5();

    void update(std::string_view data);
    // Once, after the last update.
    [[nodiscard]] Digest finish();

  private:
    struct FreeContext {
        void operator()(evp_md_ctx_st *context) const noexcept;
    };

    std::unique_ptr<evp_md_ctx_st, FreeContext> context_;
};

// Lower case, two digits a byte.
[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);

// A digest's bytes, as the key of the next HMAC or for base64.
[[nodiscard]] inline std::string_view as_text(std::span<const std::uint8_t> digest) noexcept
{
    return {reinterpret_cast<const char *>(digest.data()), digest.size()};
}

}  // namespace podyn::base
