// The digest of a key is the same whether it comes from a change, an item or a row's spelling of it.
#include "engine/keys.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "engine/operations.h"

namespace {

using podyn::engine::kKeyDigestBytes;

std::string digest_of(std::string_view document)
{
    podyn::engine::Items *handle = nullptr;
    std::span<const podyn::engine::Item> items;
    const std::array documents{document};
    EXPECT_TRUE(podyn::engine::parse_items(documents, podyn::engine::NulCharacters::kReplace, &handle, &items).ok());
    std::uint8_t digest[kKeyDigestBytes] = {};
    const podyn::engine::Status status = podyn::engine::key_digest(items[0].values, digest);
    const std::string result =
        status.ok() ? std::string(reinterpret_cast<const char *>(digest), sizeof digest) : status.sqlstate;
    podyn::engine::destroy(handle);
    return result;
}

TEST(KeyDigest, is_equal_for_equal_keys_however_they_are_spelled)
{
    EXPECT_EQ(digest_of(R"({"a":{"N":"1.50"},"b":{"S":"x"}})"), digest_of(R"({"b":{"S":"x"},"a":{"N":"15E-1"}})"));
    EXPECT_EQ(digest_of(R"({"a":{"N":"-0"}})"), digest_of(R"({"a":{"N":"0.00"}})"));
}

TEST(KeyDigest, tells_types_and_values_apart)
{
    EXPECT_NE(digest_of(R"({"a":{"N":"1"}})"), digest_of(R"({"a":{"S":"1"}})"));
    EXPECT_NE(digest_of(R"({"a":{"S":"YQ=="}})"), digest_of(R"({"a":{"B":"YQ=="}})"));
    EXPECT_NE(digest_of(R"({"a":{"S":"1"}})"), digest_of(R"({"b":{"S":"1"}})"));
}

TEST(KeyDigest, is_not_made_of_a_key_with_U_0000)
{
    EXPECT_EQ(digest_of(R"({"a":{"S":"x\u0000"}})"), "22P05");
}

}  // namespace
