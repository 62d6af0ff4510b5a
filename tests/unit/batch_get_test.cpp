// BatchGetItem: the request's body, items as they are now with the digests of their keys, keys left unprocessed, and
// answers that are broken in every way.
#include "dynamodb/batch_get.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/guard.h"
#include "streams/records.h"
#include "tape_text.h"

namespace {

using namespace podyn;

constexpr std::array<std::string_view, 2> kKey = {"pk", "sk"};

std::unique_ptr<dynamodb::CurrentItemPage> parse(std::string_view body, std::span<const std::string_view> key = kKey)
{
    return std::make_unique<dynamodb::CurrentItemPage>(std::string(body), dynamodb::NulCharacters::kReplace, key);
}

base::Status outcome(std::string_view body)
{
    return base::guarded([&] {
        (void)parse(body);
        return base::Status{};
    });
}

void expect_refused(std::string_view body)
{
    const base::Status status = outcome(body);
    EXPECT_EQ(status.failure, base::Failure::kCorrupt) << body.substr(0, 200);
    EXPECT_STREQ(status.sqlstate, "08P01");
    EXPECT_TRUE(status.retryable);
}

// What the stream says of the same key.
std::string digest_in_the_stream(const std::string &keys)
{
    const streams::RecordPage page(
        R"({"Records":[{"eventName":"REMOVE","dynamodb":{"SequenceNumber":"1","Keys":)" + keys + "}}]}",
        dynamodb::NulCharacters::kReplace);
    EXPECT_EQ(page.page().changes[0].keys.json, keys);
    return base::hex(page.page().changes[0].key_digest);
}

// An item of every kind of trouble, unprocessed keys, and members that podyn does not know.
constexpr std::string_view kPage =
    R"({"Unknown":{"Responses":{"t":[1]}},"Responses":{"my.table":[)"
    R"({"n":{"N":"5"},"sk":{"N":"1.0"},"pk":{"S":"a\u0000é"},"m":{"M":{"pk":{"S":"inner"}}}},)"
    R"({"m":{"M":{"pk":{"S":"no"}}},"n":{"N":"x"},"sk":{"N":"2"},"pk":{"S":"b"},"l":{"L":[{"X":"y"}]}}]},)"
    R"("UnprocessedKeys":{"my.table":{"ConsistentRead":true,"Keys":[{"pk":{"S":"}"},"sk":{"N":"3"}},)"
    R"({"sk":{"N":"4"},"pk":{"S":"d"}}]}},)"
    R"("ConsumedCapacity":[{"TableName":"my.table","CapacityUnits":2.5},{"TableName":"x","CapacityUnits":1}]})";

TEST(BatchGetRequest, reads_the_keys_consistently_and_asks_for_the_capacity)
{
    const std::array<std::string_view, 2> keys = {R"({"pk":{"S":"a"}})", R"({"pk":{"S":"\u0000"}})"};
    EXPECT_EQ(dynamodb::batch_get_request("my.table", keys),
              R"({"RequestItems":{"my.table":{"Keys":[{"pk":{"S":"a"}},{"pk":{"S":"\u0000"}}],"ConsistentRead":true}},)"
              R"("ReturnConsumedCapacity":"TOTAL"})");
}

TEST(CurrentItems, come_with_their_values_and_the_capacity)
{
    const auto parsed = parse(kPage);
    const dynamodb::CurrentItemsPage page = parsed->page();
    ASSERT_EQ(page.items.size(), 2U);
    EXPECT_EQ(test::tape_text(page.items[0].item.values), "n:N:5 sk:N:1.0 pk:S:a\u2400é m:M{pk:S:inner}");
    EXPECT_TRUE(page.items[0].item.json.starts_with(R"({"n":{"N":"5"},)")) << page.items[0].item.json;
    EXPECT_EQ(page.read_units, 3.5);
    EXPECT_EQ(page.bytes, kPage.size());
}

TEST(CurrentItems, have_the_digest_that_the_stream_gives_their_key)
{
    const auto parsed = parse(kPage);
    EXPECT_EQ(base::hex(parsed->page().items[0].key_digest),
              digest_in_the_stream(R"({"pk":{"S":"a\u0000é"},"sk":{"N":"1"}})"));
    const std::array<std::string_view, 1> binary = {"b"};
    EXPECT_EQ(
        base::hex(
            parse(R"({"Responses":{"t":[{"b":{"B":"AP8="},"n":{"N":"1"}}]}})", binary)->page().items[0].key_digest),
        digest_in_the_stream(R"({"b":{"B":"AP8="}})"));
}

TEST(CurrentItems, that_are_unsound_keep_their_problem_and_their_key)
{
    const auto parsed = parse(kPage);
    const auto page = parsed->page();
    const dynamodb::CurrentItem &unsound = page.items[1];
    EXPECT_EQ(unsound.item.problem.message, "attribute \"n\" is not a number: \"x\"");
    EXPECT_TRUE(unsound.item.values.empty());
    EXPECT_EQ(base::hex(unsound.key_digest), digest_in_the_stream(R"({"pk":{"S":"b"},"sk":{"N":"2"}})"));
}

TEST(CurrentItems, that_nest_too_deeply_keep_their_key)
{
    std::string deep = R"({"Responses":{"t":[{"a":)";
    for (int i = 0; i < 300; ++i)
        deep += R"({"L":[)";
    for (int i = 0; i < 300; ++i)
        deep += "]}";
    const auto parsed = parse(deep + R"(,"sk":{"N":"2"},"pk":{"S":"b"}}]}})");
    EXPECT_STREQ(parsed->page().items[0].item.problem.sqlstate, "54001");
    EXPECT_EQ(base::hex(parsed->page().items[0].key_digest),
              digest_in_the_stream(R"({"pk":{"S":"b"},"sk":{"N":"2"}})"));
}

TEST(CurrentItems, leave_unprocessed_keys_as_they_were_received)
{
    const auto parsed = parse(kPage);
    const auto unprocessed = parsed->page().unprocessed;
    EXPECT_EQ(
        std::vector(unprocessed.begin(), unprocessed.end()),
        (std::vector<std::string_view>{R"({"pk":{"S":"}"},"sk":{"N":"3"}})", R"({"sk":{"N":"4"},"pk":{"S":"d"}})"}));
}

TEST(CurrentItems, may_be_none)
{
    for (const std::string_view body : {R"({"Responses":{}})", R"({"Responses":{"t":[]},"UnprocessedKeys":{}})",
                                        R"({"Responses":{"t":[]},"UnprocessedKeys":null,"ConsumedCapacity":null})"}) {
        const auto parsed = parse(body);
        EXPECT_TRUE(parsed->page().items.empty());
        EXPECT_TRUE(parsed->page().unprocessed.empty());
    }
}

TEST(CurrentItems, refuse_what_is_no_answer)
{
    expect_refused("{}");
    expect_refused(R"({"Responses":7})");
    expect_refused(R"({"Responses":{"t":[7]}})");
    expect_refused(R"({"Responses":{"t":[[{"pk":{"S":"a"},"sk":{"N":"1"}}]]}})");
    expect_refused(R"({"Responses":{"t":[{"pk":{"S":"a"}}]}})");
    expect_refused(R"({"Responses":{"t":[{"pk":{"S":"a"},"sk":{"BOOL":true}}]}})");
    expect_refused(R"({"Responses":{"t":[{"pk":{"S":"a"},"sk":{"N":"x"}}]}})");
    expect_refused(R"({"Responses":{},"UnprocessedKeys":{"t":{"Keys":["x"]}}})");
    expect_refused(R"({"Responses":{},"UnprocessedKeys":{"t":{"Keys":[[]]}}})");
    expect_refused(R"({"Responses":{},"ConsumedCapacity":[{"CapacityUnits":"x"}]})");
}

TEST(CurrentItems, cut_anywhere_are_refused)
{
    for (std::size_t size = 0; size < kPage.size(); ++size)
        expect_refused(kPage.substr(0, size));
}

TEST(CurrentItems, with_flipped_bytes_are_refused_or_read_but_never_crash)
{
    std::mt19937 random(20240609);
    std::size_t refused = 0;
    constexpr std::size_t kRounds = 20'000;
    for (std::size_t round = 0; round < kRounds; ++round) {
        std::string body(kPage);
        for (std::size_t flips = 1 + random() % 3; flips > 0; --flips)
            body[random() % body.size()] = static_cast<char>(random());
        const base::Status status = outcome(body);
        if (!status.ok()) {
            EXPECT_EQ(status.failure, base::Failure::kCorrupt) << status.detail;
            ++refused;
        }
    }
    EXPECT_GT(refused, kRounds / 2);
    EXPECT_LT(refused, kRounds);
}

}  // namespace
