// DynamoDB Streams: requests, shards, iterators, records and the digests of their keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/guard.h"
#include "streams/records.h"
#include "streams/shards.h"
#include "tape_text.h"

namespace {

using namespace podyn;

template <typename Response>
void expect_refused(std::string_view body)
{
    const base::Status status = base::guarded([&] {
        const Response response{std::string(body)};
        return base::Status{};
    });
    EXPECT_EQ(status.failure, base::Failure::kCorrupt) << body;
    EXPECT_STREQ(status.sqlstate, "08P01");
}

TEST(DescribeStream, asks_for_a_hundred_shards_after_the_last_one)
{
    EXPECT_EQ(streams::describe_stream_request("arn", ""), R"({"StreamArn":"arn","Limit":100})");
    EXPECT_EQ(streams::describe_stream_request("arn", "shard-1"),
              R"({"StreamArn":"arn","Limit":100,"ExclusiveStartShardId":"shard-1"})");
}

TEST(DescribeStream, gives_shards_with_parents_and_ranges)
{
    const streams::ShardList list(
        R"({"StreamDescription":{"StreamStatus":"ENABLED","StreamViewType":"NEW_IMAGE","LastEvaluatedShardId":"s2",)"
        R"("CreationRequestDateTime":1600000000.25,)"
        R"("Shards":[{"ShardId":"s1","SequenceNumberRange":{"StartingSequenceNumber":"100","EndingSequenceNumber":"200"}},)"
        R"({"SequenceNumberRange":{"StartingSequenceNumber":"201"},"ParentShardId":"s1","ShardId":"s2"}]}})");
    const streams::StreamDescription &stream = list.page();
    EXPECT_EQ(stream.status, "ENABLED");
    EXPECT_EQ(stream.view_type, "NEW_IMAGE");
    EXPECT_EQ(stream.last_shard, "s2");
    EXPECT_EQ(stream.created_us, 1'600'000'000'250'000);
    ASSERT_EQ(stream.shards.size(), 2U);
    EXPECT_EQ(stream.shards[0].id, "s1");
    EXPECT_EQ(stream.shards[0].parent, "");
    EXPECT_EQ(stream.shards[0].first_sequence_number, "100");
    EXPECT_EQ(stream.shards[0].last_sequence_number, "200");
    EXPECT_EQ(stream.shards[1].id, "s2");
    EXPECT_EQ(stream.shards[1].parent, "s1");
    EXPECT_EQ(stream.shards[1].first_sequence_number, "201");
    EXPECT_EQ(stream.shards[1].last_sequence_number, "");
}

TEST(DescribeStream, refuses_what_is_no_description)
{
    expect_refused<streams::ShardList>("{}");
    expect_refused<streams::ShardList>(R"({"StreamDescription":{"Shards":[]}})");
    expect_refused<streams::ShardList>(R"({"StreamDescription":{"StreamStatus":"ENABLED","Shards":[{}]}})");
    expect_refused<streams::ShardList>(R"({"StreamDescription":{"StreamStatus":"ENABLED","Shards":[[]]}})");
    expect_refused<streams::ShardList>(R"({"StreamDescription":{"StreamStatus":"ENABLED","Shards":["s"]}})");
    expect_refused<streams::ShardList>(
        R"({"StreamDescription":{"StreamStatus":"ENABLED","Shards":[],"LastEvaluatedShardId":["s"]}})");
    expect_refused<streams::ShardList>(
        R"({"StreamDescription":{"StreamStatus":"ENABLED","Shards":[{"ShardId":"s","ParentShardId":{}}]}})");
}

TEST(GetShardIterator, starts_at_the_horizon_or_after_a_position)
{
    EXPECT_EQ(streams::shard_iterator_request("arn", "s1", ""),
              R"({"StreamArn":"arn","ShardId":"s1","ShardIteratorType":"TRIM_HORIZON"})");
    EXPECT_EQ(
        streams::shard_iterator_request("arn", "s1", "42"),
        R"({"StreamArn":"arn","ShardId":"s1","ShardIteratorType":"AFTER_SEQUENCE_NUMBER","SequenceNumber":"42"})");
}

TEST(GetShardIterator, gives_an_iterator_that_is_never_empty)
{
    EXPECT_EQ(streams::ShardIterator(R"({"ShardIterator":"arn|1|x\/y=="})").page(), "arn|1|x/y==");
    expect_refused<streams::ShardIterator>("{}");
    expect_refused<streams::ShardIterator>(R"({"ShardIterator":""})");
    expect_refused<streams::ShardIterator>(R"({"ShardIterator":null})");
}

TEST(GetRecords, asks_with_iterator_and_limit)
{
    EXPECT_EQ(streams::records_request("it\"er", 1000), R"({"ShardIterator":"it\"er","Limit":1000})");
}

// A record with these members of `dynamodb`.
std::string record(std::string_view event, std::string_view members, std::string_view more = "")
{
    return std::string(R"({"eventID":"e","eventName":")") + std::string(event) +
           R"(","dynamodb":{"SequenceNumber":"111",)" + std::string(members) + "}" + std::string(more) + "}";
}

std::string page_of(std::initializer_list<std::string> records, std::string_view more = "")
{
    std::string body = R"({"Records":[)";
    for (const std::string &one : records)
        body += (body.back() == '[' ? "" : ",") + one;
    return body + "]" + std::string(more) + "}";
}

struct RecordPage : streams::RecordPage {
    explicit RecordPage(std::string body, dynamodb::NulCharacters nul_characters = dynamodb::NulCharacters::kReplace)
        : streams::RecordPage(std::move(body), nul_characters)
    {
    }
};

std::unique_ptr<RecordPage> parse(std::initializer_list<std::string> records, std::string_view more = "")
{
    return std::make_unique<RecordPage>(page_of(records, more));
}

TEST(GetRecords, gives_changes_in_the_order_of_the_stream)
{
    const auto parsed = parse(
        {record(
             "INSERT",
             R"("ApproximateCreationDateTime":1.6E9,"Keys":{"pk":{"S":"a"}},"NewImage":{"pk":{"S":"a"},"n":{"N":"1"}})"),
         record("MODIFY", R"("OldImage":{"pk":{"X":1}},"NewImage":{"pk":{"S":"b"}},"Keys":{"pk":{"S":"b"}})"),
         record("REMOVE",
                R"("ApproximateCreationDateTime":1600000001,"Keys":{"pk":{"S":"a"}},"NewImage":{"x":{"S":"y"}})")},
        R"(,"NextShardIterator":"next")");
    const streams::RecordsPage page = parsed->page();
    ASSERT_EQ(page.changes.size(), 3U);
    EXPECT_EQ(page.changes[0].kind, streams::ChangeKind::kPut);
    EXPECT_EQ(test::tape_text(page.changes[0].image.values), "pk:S:a n:N:1");
    EXPECT_EQ(page.changes[0].image.json, R"({"pk":{"S":"a"},"n":{"N":"1"}})");
    EXPECT_EQ(page.changes[0].sequence_number, "111");
    EXPECT_EQ(page.changes[0].created_at_us, 1'600'000'000'000'000);
    EXPECT_EQ(page.changes[1].kind, streams::ChangeKind::kPut);
    EXPECT_EQ(test::tape_text(page.changes[1].image.values), "pk:S:b");
    EXPECT_FALSE(page.changes[1].image.problem.exists());
    EXPECT_EQ(page.changes[1].created_at_us, 0);
    EXPECT_EQ(page.changes[2].kind, streams::ChangeKind::kRemove);
    EXPECT_EQ(test::tape_text(page.changes[2].image.values), "pk:S:a");
    EXPECT_EQ(page.changes[2].created_at_us, 1'600'000'001'000'000);
    EXPECT_EQ(std::vector(page.last.begin(), page.last.end()), (std::vector<std::uint32_t>{1, 2}));
    EXPECT_EQ(page.next_iterator, "next");
}

TEST(GetRecords, has_no_next_iterator_at_the_end_of_a_shard)
{
    EXPECT_TRUE(parse({})->page().next_iterator.empty());
    EXPECT_TRUE(parse({}, R"(,"NextShardIterator":null)")->page().next_iterator.empty());
}

TEST(GetRecords, knows_deletions_by_ttl)
{
    const std::string keys = R"("Keys":{"pk":{"S":"a"}})";
    const auto parsed = parse({
        record("REMOVE", keys, R"(,"userIdentity":{"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"})"),
        record("REMOVE", keys, R"(,"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"})"),
        record("REMOVE", keys, R"(,"userIdentity":{"Type":"Service","PrincipalId":"someone.else"})"),
        record("REMOVE", keys, R"(,"userIdentity":{"Type":"User","PrincipalId":"dynamodb.amazonaws.com"})"),
        record("REMOVE", keys, R"(,"userIdentity":null)"),
        record("REMOVE", keys),
    });
    std::vector<bool> by_ttl;
    for (const streams::Change &change : parsed->page().changes)
        by_ttl.push_back(change.by_ttl);
    EXPECT_EQ(by_ttl, (std::vector<bool>{true, true, false, false, false, false}));
}

TEST(GetRecords, gives_a_put_without_new_image_its_keys_and_a_problem)
{
    const auto parsed = parse({record("MODIFY", R"("Keys":{"pk":{"S":"a"}},"OldImage":{"pk":{"S":"a"}})")});
    const dynamodb::Item image = parsed->page().changes[0].image;
    EXPECT_EQ(image.problem.message, "stream record carries no new image");
    EXPECT_STREQ(image.problem.sqlstate, "55000");
    EXPECT_EQ(test::tape_text(image.values), "pk:S:a");
    EXPECT_EQ(image.json, R"({"pk":{"S":"a"}})");
}

TEST(GetRecords, keeps_an_unsound_image_to_itself)
{
    const auto parsed = parse({record("MODIFY", R"("Keys":{"pk":{"S":"a"}},"NewImage":{"pk":{"S":"a"},"n":{"N":"x"}})"),
                               record("MODIFY", R"("Keys":{"pk":{"S":"b"}},"NewImage":{"pk":{"S":"b"}})")});
    EXPECT_EQ(parsed->page().changes[0].image.problem.message, "attribute \"n\" is not a number: \"x\"");
    EXPECT_FALSE(parsed->page().changes[1].image.problem.exists());
}

TEST(GetRecords, does_not_care_what_is_in_an_old_image)
{
    const std::string deep = std::string(300, '[') + std::string(300, ']');
    const auto parsed = parse({record("REMOVE", R"("OldImage":{"a":)" + deep + R"(},"Keys":{"pk":{"S":"a"}})")});
    EXPECT_FALSE(parsed->page().changes[0].image.problem.exists());
}

TEST(GetRecords, makes_unsound_keys_the_problem_of_their_change)
{
    const auto parsed =
        parse({record("REMOVE", R"("Keys":{"pk":{"X":"a"}})"), record("REMOVE", R"("Keys":{})"),
               record("INSERT", R"("Keys":{"pk":{"BOOL":true}},"NewImage":{"pk":{"BOOL":true}})"),
               record("REMOVE", R"("Keys":{"pk":{"X":"b"}})"), record("REMOVE", R"("Keys":{"pk":{"X":"a"}})")});
    const streams::RecordsPage page = parsed->page();
    EXPECT_EQ(page.changes[0].image.problem.message, "attribute \"pk\" is of unknown type \"X\"");
    EXPECT_EQ(page.changes[1].image.problem.message, "stream record carries no key");
    EXPECT_EQ(page.changes[2].image.problem.message, "key attribute of stream record is no string, number or binary");
    EXPECT_EQ(std::vector(page.last.begin(), page.last.end()), (std::vector<std::uint32_t>{1, 2, 3, 4}));
}

TEST(GetRecords, tells_keys_with_u0000_apart_whatever_becomes_of_it_in_images)
{
    const std::string body =
        page_of({record("INSERT", R"("Keys":{"pk":{"S":"a\u0000"}},"NewImage":{"pk":{"S":"a\u0000"}})"),
                 record("INSERT", R"("Keys":{"pk":{"S":"a"}},"NewImage":{"pk":{"S":"a"},"x":{"S":"\u0000b"}})")});
    const auto page_as = [&](dynamodb::NulCharacters as) { return std::make_unique<RecordPage>(body, as); };
    const auto replaced = page_as(dynamodb::NulCharacters::kReplace);
    const auto stripped = page_as(dynamodb::NulCharacters::kStrip);
    const auto rejected = page_as(dynamodb::NulCharacters::kReject);
    EXPECT_EQ(replaced->page().changes[1].image.values[1].text, "␀b");
    EXPECT_EQ(stripped->page().changes[1].image.values[1].text, "b");
    EXPECT_EQ(rejected->page().changes[1].image.problem.message, "attribute \"x\" contains U+0000");
    for (const auto *page : {stripped.get(), rejected.get()}) {
        ASSERT_EQ(page->page().last.size(), 2U);
        for (std::size_t i = 0; i < 2; ++i)
            EXPECT_TRUE(std::ranges::equal(page->page().changes[i].key_digest, replaced->page().changes[i].key_digest));
    }
}

TEST(GetRecords, refuses_what_is_no_page_of_records)
{
    using Page = RecordPage;
    expect_refused<Page>("{}");
    expect_refused<Page>(R"({"Records":{}})");
    expect_refused<Page>(R"({"Records":[1]})");
    expect_refused<Page>(R"({"Records":[[{}]],"NextShardIterator":"i"})");
    expect_refused<Page>(R"({"Records":[],"NextShardIterator":{"S":"i"}})");
    expect_refused<Page>(R"({"Records":[],"NextShardIterator":["i"]})");
    expect_refused<Page>(page_of({record("UPSERT", R"("Keys":{"pk":{"S":"a"}})")}));
    expect_refused<Page>(page_of({record("REMOVE", R"("OldImage":{"pk":{"S":"a"}})")}));
    expect_refused<Page>(R"({"Records":[{"eventName":"REMOVE","dynamodb":{"Keys":{"a":{"S":"x"}}}}]})");
    expect_refused<Page>(R"({"Records":[{"dynamodb":{"SequenceNumber":"1","Keys":{"a":{"S":"x"}}}}]})");
    expect_refused<Page>(page_of({record("REMOVE", R"("ApproximateCreationDateTime":"x","Keys":{"a":{"S":"x"}})")}));
    expect_refused<Page>(page_of({record("REMOVE", R"("ApproximateCreationDateTime":-1,"Keys":{"a":{"S":"x"}})")}));
}

TEST(GetRecords, cut_anywhere_or_flipped_never_crashes)
{
    const std::string body = page_of(
        {record(
             "INSERT",
             R"("ApproximateCreationDateTime":1.6E9,"Keys":{"pk":{"S":"a\u0000"}},"NewImage":{"pk":{"S":"a\u0000"},"n":{"N":"1"}})"),
         record("REMOVE", R"("Keys":{"pk":{"N":"1"},"sk":{"B":"AQI="}})")},
        R"(,"NextShardIterator":"next")");
    for (std::size_t size = 0; size < body.size(); ++size)
        expect_refused<RecordPage>(body.substr(0, size));
    std::mt19937 random(20240608);
    for (int round = 0; round < 10'000; ++round) {
        std::string flipped = body;
        flipped[random() % flipped.size()] = static_cast<char>(random());
        const base::Status status = base::guarded([&] {
            const RecordPage page(flipped);
            return base::Status{};
        });
        EXPECT_TRUE(status.ok() || status.failure == base::Failure::kCorrupt) << status.detail;
    }
}

// ---- the digest of a key ----

std::string digest(std::string_view keys)
{
    const auto parsed = parse({record("REMOVE", R"("Keys":)" + std::string(keys))});
    const streams::Change &change = parsed->page().changes[0];
    return base::hex(change.key_digest);
}

TEST(KeyDigest, is_sha256_of_the_canonical_form)
{
    using namespace std::string_view_literals;
    EXPECT_EQ(digest(R"({"sk":{"N":"-012.50"},"pk":{"S":"é"}})"),
              base::hex(base::sha256("\0\0\0\2pkS\0\0\0\2\xC3\xA9\0\0\0\2skN\0\0\0\6-125E2"sv)));
    EXPECT_EQ(digest(R"({"b":{"B":"AP8="}})"), base::hex(base::sha256("\0\0\0\1bB\0\0\0\2\0\xFF"sv)));
}

TEST(KeyDigest, does_not_depend_on_how_a_key_is_written)
{
    EXPECT_EQ(digest(R"({"a":{"S":"x"},"b":{"S":"y"}})"), digest(R"({ "b":{"S":"\u0079"}, "a":{"S":"x"} })"));
    for (const std::string one : {"1.0", "01", "1E0", "10E-1"})
        EXPECT_EQ(digest(R"({"a":{"N":"1"}})"), digest(R"({"a":{"N":")" + one + R"("}})")) << one;
    EXPECT_EQ(digest(R"({"a":{"N":"-0"}})"), digest(R"({"a":{"N":"0"}})"));
}

TEST(KeyDigest, tells_different_keys_apart)
{
    std::vector<std::string> digests;
    for (const std::string_view keys :
         {R"({"a":{"S":"1"}})", R"({"a":{"N":"1"}})", R"({"a":{"B":"MQ=="}})", R"({"b":{"S":"1"}})",
          R"({"a":{"S":"1b"}})", R"({"a":{"S":"1"},"b":{"S":""}})", R"({"a":{"S":""},"b":{"S":"1"}})",
          R"({"a":{"N":"-1"}})", R"({"a":{"N":"10"}})", R"({"a":{"S":"\u0000"}})", R"({"a":{"S":"\u2400"}})",
          R"({"a":{"S":"\u0000\u2400"}})", R"({"a":{"S":"\u2400\u0000"}})", R"({"a":{"X":"1"}})"})
        digests.push_back(digest(keys));
    std::sort(digests.begin(), digests.end());
    EXPECT_EQ(std::adjacent_find(digests.begin(), digests.end()), digests.end());
}

}  // namespace
