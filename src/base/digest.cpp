// See digest.h.
#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <new>
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

Md5::Md5() : context_(EVP_MD_CTX_new())
{
    if (context_ == nullptr)
        throw std::bad_alloc();
    if (EVP_DigestInit_ex(context_.get(), EVP_md5(), nullptr) != 1)
        throw std::runtime_error("OpenSSL gives no MD5");
}

void Md5::update(std::string_view data)
{
    if (EVP_DigestUpdate(context_.get(), data.data(), data.size()) != 1)
        throw std::runtime_error("OpenSSL cannot go on with an MD5");
}

Md5::Digest Md5::finish()
{
    Digest digest;
    if (EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1)
        throw std::runtime_error("OpenSSL cannot finish an MD5");
    return digest;
}

void Md5::FreeContext::operator()(evp_md_ctx_st *context) const noexcept
{
    EVP_MD_CTX_free(context);
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
