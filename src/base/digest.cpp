// See digest.h.
#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdexcept>

namespace podyn::base {

Sha256 sha256(std::string_view data)
{
    Sha256 digest;
    if (EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("OpenSSL gives no SHA-256");
    return digest;
}

std::string sha1_hex(std::string_view data)
{
    std::array<std::uint8_t, 20> digest;
    if (EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha1(), nullptr) != 1)
        throw std::runtime_error("OpenSSL gives no SHA-1");
    return hex(digest);
}

Sha256 hmac_sha256(std::string_view key, std::string_view data)
{
    Sha256 digest;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char *>(data.data()), data.size(), digest.data(), nullptr) == nullptr)
        throw std::runtime_error("OpenSSL gives no HMAC-SHA-256");
    return digest;
}

std::string hex(std::span<const std::uint8_t> bytes)
{
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const std::uint8_t byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

}  // namespace podyn::base
