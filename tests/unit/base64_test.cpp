// Base64: RFC 4648's vectors, and what a strict reader refuses.
#include "base/base64.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/arena.h"

namespace {

using podyn::base::decode_base64;
using podyn::base::decoded_size;
using podyn::base::encode_base64;
using podyn::base::is_base64;

std::string decoded(std::string_view base64)
{
    std::string bytes(decoded_size(base64), '\0');
    decode_base64(base64, bytes.data());
    return bytes;
}

TEST(Base64, agrees_with_the_vectors_of_rfc_4648)
{
    const std::pair<std::string, std::string> vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto &[bytes, base64] : vectors) {
        EXPECT_EQ(encode_base64(bytes), base64);
        EXPECT_TRUE(is_base64(base64));
        EXPECT_EQ(decoded(base64), bytes);
    }
}

TEST(Base64, carries_every_byte_there_and_back)
{
    std::string bytes;
    for (int i = 0; i < 256; ++i)
        bytes += static_cast<char>(i);
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
        const std::string part = bytes.substr(bytes.size() - size);
        EXPECT_EQ(decoded(encode_base64(part)), part);
    }
}

TEST(Base64, refuses_a_length_that_is_no_multiple_of_four)
{
    EXPECT_FALSE(is_base64("Zg"));
    EXPECT_FALSE(is_base64("Zg="));
    EXPECT_FALSE(is_base64("Zm9vY"));
}

TEST(Base64, refuses_padding_in_the_wrong_place)
{
    EXPECT_FALSE(is_base64("===="));
    EXPECT_FALSE(is_base64("Z==="));
    EXPECT_FALSE(is_base64("Zg==Zg=="));
    EXPECT_FALSE(is_base64("=+/="));
}

TEST(Base64, refuses_characters_outside_the_alphabet)
{
    for (const std::string_view text : {"Zm9-", "Zm9_", "Zm 9", "Zm9\n", "Zm9\xC3"})
        EXPECT_FALSE(is_base64(text)) << text;
    EXPECT_FALSE(is_base64(std::string_view("Zm9\0", 4)));
}

TEST(Base64, refuses_unused_bits_that_are_not_zero)
{
    EXPECT_TRUE(is_base64("/w=="));
    EXPECT_FALSE(is_base64("/x=="));
    EXPECT_TRUE(is_base64("//8="));
    EXPECT_FALSE(is_base64("//9="));
}

TEST(Arena, leaves_what_it_gave_where_it_is)
{
    podyn::base::Arena arena;
    const std::string_view first = arena.copy("first");
    const std::string large(1'000'000, 'x');
    EXPECT_EQ(arena.copy(large), large);
    for (int i = 0; i < 100'000; ++i)
        EXPECT_EQ(arena.copy("another"), "another");
    EXPECT_EQ(first, "first");
}

}  // namespace
