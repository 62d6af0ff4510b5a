// Scan: the request's body, pages of items, and pages that are broken in every way.
#include "dynamodb/scan.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/guard.h"
#include "tape_text.h"
#include "test_data.h"

namespace {

using namespace podyn;

std::unique_ptr<dynamodb::ItemPage> parse(std::string_view body)
{
    return std::make_unique<dynamodb::ItemPage>(std::string(body), dynamodb::NulCharacters::kReplace);
}

base::Status outcome(std::string_view body)
{
    return base::guarded([&] {
        parse(body);
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

// A page with all types, escapes, an unsound item, a last key and members that podyn does not know.
constexpr std::string_view kPage =
    R"({"Count":3,"Unknown":{"Items":[{"x":1}],"LastEvaluatedKey":7},"Items":[)"
    R"({"pk":{"S":"a\u0000é"},"m":{"M":{"x":{"L":[{"N":"1.0"},{"B":"AQI="},{"NULL":true}]}}},"s":{"SS":["p","q\""]}},)"
    R"({"pk":{"X":"bad"}},{"pk":{"S":"c"},"t":{"BOOL":true},"b":{"B":"AQI="},"n":{"NS":["1E5"]}}],)"
    R"("LastEvaluatedKey":{"pk":{"S":"c"}},"ScannedCount":3,"ConsumedCapacity":{"TableName":"t","CapacityUnits":0.5}})";

TEST(ScanRequest, names_the_table_and_asks_for_the_capacity)
{
    EXPECT_EQ(dynamodb::scan_request({"Movies", 0, 1, 0, false, {}}),
              R"({"TableName":"Movies","ConsistentRead":false,"ReturnConsumedCapacity":"TOTAL"})");
}

TEST(ScanRequest, names_its_segment_in_a_parallel_scan_and_goes_on_after_a_key)
{
    EXPECT_EQ(dynamodb::scan_request({"a\"b", 3, 8, 500, true, R"({"pk":{"S":"x"}})"}),
              R"({"TableName":"a\"b","Segment":3,"TotalSegments":8,"Limit":500,"ConsistentRead":true,)"
              R"("ExclusiveStartKey":{"pk":{"S":"x"}},"ReturnConsumedCapacity":"TOTAL"})");
}

TEST(ScanPage, gives_items_capacity_and_last_key)
{
    const auto parsed = parse(kPage);
    const dynamodb::ScanPage page = parsed->page();
    ASSERT_EQ(page.items.size(), 3U);
    EXPECT_EQ(test::tape_text(page.items[0].values), "pk:S:a␀é m:M{x:L[N:1.0 B:AQI= NULL]} s:SS[S:p S:q\"]");
    EXPECT_EQ(page.items[2].json, R"({"pk":{"S":"c"},"t":{"BOOL":true},"b":{"B":"AQI="},"n":{"NS":["1E5"]}})");
    EXPECT_EQ(page.read_units, 0.5);
    EXPECT_EQ(page.last_key, R"({"pk":{"S":"c"}})");
}

TEST(ScanPage, goes_on_after_an_item_that_is_not_sound)
{
    const auto parsed = parse(kPage);
    const dynamodb::ScanPage page = parsed->page();
    EXPECT_EQ(page.items[1].problem.message, "attribute \"pk\" is of unknown type \"X\"");
    EXPECT_EQ(page.items[1].json, R"({"pk":{"X":"bad"}})");
    EXPECT_FALSE(page.items[2].problem.exists());
    EXPECT_EQ(test::tape_text(page.items[2].values), "pk:S:c t:BOOL:true b:B:\x01\x02 n:NS[N:1E5]");
}

TEST(ScanPage, understands_every_spelling_of_the_capacity)
{
    for (const auto &[text, units] : {std::pair{"0.5", 0.5}, std::pair{"128", 128.0}, std::pair{"128.0", 128.0},
                                      std::pair{"1E+1", 10.0}, std::pair{"null", 0.0}}) {
        const auto parsed = parse(std::string(R"({"Items":[],"ConsumedCapacity":{"CapacityUnits":)") + text + "}}");
        EXPECT_EQ(parsed->page().read_units, units) << text;
    }
}

TEST(ScanPage, may_have_a_last_key_without_items)
{
    const auto parsed = parse(R"({"Items":[],"LastEvaluatedKey":{"pk":{"S":"x"}}})");
    EXPECT_TRUE(parsed->page().items.empty());
    EXPECT_EQ(parsed->page().last_key, R"({"pk":{"S":"x"}})");
}

TEST(ScanPage, is_the_last_one_without_a_last_key)
{
    for (const std::string_view body :
         {R"({"Items":[]})", R"({"Items":[],"LastEvaluatedKey":{ }})", R"({"Items":[],"LastEvaluatedKey":null})"})
        EXPECT_TRUE(parse(body)->page().last_key.empty()) << body;
}

TEST(ScanPage, without_items_as_the_protocol_says_is_refused)
{
    for (const std::string_view body :
         {"{}", R"({"Items":{}})", R"({"Items":"x"})", R"({"Items":null})", R"({"Items":[1]})", R"({"Items":[[]]})",
          R"({"Items":["x"]})", R"({"":{"Items":[]}})", R"({"Items":[],"LastEvaluatedKey":"x"})",
          R"({"Items":[],"LastEvaluatedKey":[]})", R"({"Items":[],"ConsumedCapacity":{"CapacityUnits":"1"}})"})
        expect_refused(body);
}

TEST(ScanPage, outlives_the_body_it_was_made_of_even_if_short)
{
    auto body = std::make_unique<std::string>(R"({"Items":[{}]})");
    const dynamodb::ItemPage page(std::move(*body), dynamodb::NulCharacters::kReplace);
    body.reset();
    EXPECT_EQ(page.page().items.front().json, "{}");
}

TEST(ScanPage, keeps_an_item_that_nests_too_deeply_to_itself)
{
    std::string deep = R"({"a":)";
    for (int i = 0; i < 300; ++i)
        deep += R"({"L":[)";
    for (int i = 0; i < 300; ++i)
        deep += "]}";
    const auto parsed = parse(R"({"Items":[)" + deep + R"(},{"a":{"S":"x"}}]})");
    EXPECT_STREQ(parsed->page().items[0].problem.sqlstate, "54001");
    EXPECT_EQ(test::tape_text(parsed->page().items[1].values), "a:S:x");
}

TEST(ScanPage, with_a_bomb_of_a_million_brackets_is_refused)
{
    for (const std::string bracket : {"[", "{\"L\":[", "{\"M\":{\"a\":"}) {
        std::string body = R"({"Items":[{"a":)";
        while (body.size() < 1'000'000 * bracket.size())
            body += bracket;
        expect_refused(body);
    }
}

TEST(ScanPage, cut_anywhere_is_refused)
{
    for (std::size_t size = 0; size < kPage.size(); ++size)
        expect_refused(kPage.substr(0, size));
}

TEST(ScanPage, with_flipped_bytes_is_refused_or_read_but_never_crashes)
{
    std::mt19937 random(20240607);
    std::size_t refused = 0;
    constexpr std::size_t kRounds = 20'000;
    for (std::size_t round = 0; round < kRounds; ++round) {
        std::string body(kPage);
        for (std::size_t flips = 1 + random() % 3; flips > 0; --flips)
            body[random() % body.size()] = static_cast<char>(random());
        const base::Status status = base::guarded([&] {
            const auto parsed = parse(body);
            for (const dynamodb::Item &item : parsed->page().items)
                (void)test::tape_text(item.values);
            return base::Status{};
        });
        if (!status.ok()) {
            EXPECT_EQ(status.failure, base::Failure::kCorrupt) << status.detail;
            ++refused;
        }
    }
    EXPECT_GT(refused, kRounds / 2);
    EXPECT_LT(refused, kRounds);
}

TEST(ScanPage, reads_what_dynamodb_answered)
{
    const auto path = test::data_directory() / "wire/recorded-dynamodb-movies.json";
    const std::string recording = test::read_file(path);
    if (recording.empty())
        GTEST_SKIP() << "no " << path;
    rapidjson::Document exchanges;
    ASSERT_FALSE(exchanges.Parse(recording.c_str()).HasParseError());
    std::vector<std::size_t> counts;
    for (const auto &exchange : exchanges.GetArray()) {
        const std::string body = exchange["response"]["body"].GetString();
        if (!body.starts_with("{\"Count\""))
            continue;
        const auto parsed = parse(body);
        for (const dynamodb::Item &item : parsed->page().items) {
            EXPECT_FALSE(item.problem.exists()) << item.problem.message;
            EXPECT_EQ(item.values.front().name, "year");
            EXPECT_EQ(item.values.front().text, "2013");
        }
        counts.push_back(parsed->page().items.size());
    }
    EXPECT_EQ(counts, (std::vector<std::size_t>{0, 2}));
}

TEST(OneItem, is_there_or_not)
{
    using dynamodb::ItemPage;
    const auto item = [](std::string body) {
        return std::make_unique<ItemPage>(std::move(body), dynamodb::NulCharacters::kReplace, ItemPage::Answer::kItem);
    };
    const auto found = item(R"({"Item":{"a":{"N":"1"},"m":{"M":{}}},"ConsumedCapacity":{"CapacityUnits":1}})");
    ASSERT_EQ(found->page().items.size(), 1U);
    EXPECT_EQ(found->page().items[0].values[0].text, "1");
    EXPECT_EQ(found->page().read_units, 1);
    EXPECT_TRUE(item(R"({"ConsumedCapacity":{"CapacityUnits":1}})")->page().items.empty());
    EXPECT_THROW(item(R"({"Item":[]})"), base::Error);
    EXPECT_THROW(item(R"({"Item":7})"), base::Error);
}

TEST(Count, is_all_that_select_count_gives)
{
    using dynamodb::ItemPage;
    const auto count = [](std::string body) {
        const ItemPage page(std::move(body), dynamodb::NulCharacters::kReplace, ItemPage::Answer::kCount);
        return std::pair(page.page().count, std::string(page.page().last_key));
    };
    EXPECT_EQ(count(R"({"Count":7,"ScannedCount":9,"LastEvaluatedKey":{"a":{"N":"1"}}})"),
              std::pair(std::int64_t{7}, std::string(R"({"a":{"N":"1"}})")));
    EXPECT_THROW(count(R"({"ScannedCount":9})"), base::Error);
    EXPECT_EQ(parse(R"({"Items":[],"Count":0})")->page().count, 0);
}

TEST(LastKeyGuess, finds_the_key_at_the_end_of_the_body)
{
    EXPECT_EQ(dynamodb::guess_last_key(R"({"Items":[],"LastEvaluatedKey":{"a":{"S":"}\"{"}},"Count":0})"),
              R"({"a":{"S":"}\"{"}})");
    EXPECT_EQ(dynamodb::guess_last_key(R"({"Items":[{"x":{"S":"\"LastEvaluatedKey\":{}"}}],"Count":1})"), "");
    EXPECT_EQ(dynamodb::guess_last_key(R"({"Items":[],"LastEvaluatedKey":{"a":)"), "");
    EXPECT_EQ(dynamodb::guess_last_key(""), "");
}

TEST(LastKeyGuess, equals_what_the_page_says)
{
    constexpr std::string_view kBody = R"({"Items":[{"a":{"N":"1"}}],"LastEvaluatedKey":{"a":{"N":"1"}}})";
    EXPECT_EQ(dynamodb::guess_last_key(kBody), parse(kBody)->page().last_key);
}

}  // namespace
