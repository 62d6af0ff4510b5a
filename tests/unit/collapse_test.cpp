// The last change of each key counts, and leads to those before it.
#include "streams/collapse.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace {

using podyn::streams::Change;

// Changes of keys that are told apart by the last byte of their digests alone.
std::vector<Change> changes_of(std::initializer_list<std::uint8_t> keys)
{
    std::vector<Change> changes;
    for (const std::uint8_t key : keys)
        changes.emplace_back().key_digest[podyn::dynamodb::kKeyDigestBytes - 1] = key;
    return changes;
}

std::vector<std::uint32_t> collapsed(std::initializer_list<std::uint8_t> keys)
{
    return podyn::streams::collapse(changes_of(keys)).last;
}

using Indexes = std::vector<std::uint32_t>;

TEST(Collapse, leaves_nothing_of_nothing)
{
    EXPECT_EQ(collapsed({}), Indexes{});
}

TEST(Collapse, keeps_changes_of_different_keys)
{
    EXPECT_EQ(collapsed({3, 1, 2}), (Indexes{0, 1, 2}));
}

TEST(Collapse, keeps_the_last_change_of_each_key_in_the_order_of_the_stream)
{
    EXPECT_EQ(collapsed({1, 2, 1, 3, 2, 1}), (Indexes{3, 4, 5}));
    EXPECT_EQ(collapsed({7, 7, 7, 7}), Indexes{3});
}

TEST(Collapse, leads_from_each_change_to_the_one_before_it)
{
    constexpr auto kNone = podyn::streams::kNoChange;
    EXPECT_EQ(podyn::streams::collapse(changes_of({1, 2, 1, 3, 2, 1})).previous,
              (Indexes{kNone, kNone, 0, kNone, 1, 2}));
    EXPECT_EQ(podyn::streams::collapse(changes_of({})).previous, Indexes{});
}

TEST(Collapse, is_linear)
{
    std::vector<Change> changes(200'000);
    for (std::size_t i = 0; i < changes.size(); ++i) {
        changes[i].key_digest[0] = static_cast<std::uint8_t>(i);
        changes[i].key_digest[1] = static_cast<std::uint8_t>(i >> 8);
        changes[i].key_digest[2] = static_cast<std::uint8_t>(i >> 16 & 1);
    }
    EXPECT_EQ(podyn::streams::collapse(changes).last.size(), 131'072U);
}

}  // namespace
