// The engine's writer against a server of the test: batches, retries, what is told of each write, the rate.
#include "engine/writer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "client_fixture.h"
#include "test_server.h"

namespace {

using namespace podyn;
using engine::Value;
using engine::ValueType;
using engine::WriteKind;
using engine::WriteOutcome;
using engine::WriteResult;
using test::http;
using test::ServerReply;
using test::ServerRequest;

constexpr std::string_view kThrottled = R"({"__type":"x#ThrottlingException","message":"slower"})";
constexpr std::string_view kInvalid = R"({"__type":"x#ValidationException","message":"bad"})";

ServerReply done(double units = 1)
{
    return {
        http(200, R"({"UnprocessedItems":{},"ConsumedCapacity":[{"CapacityUnits":)" + std::to_string(units) + "}]}")};
}

int count(const std::string &text, const std::string &part)
{
    int found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++found;
    return found;
}

class WriterTest : public test::ClientTest {
  protected:
    ~WriterTest() override { engine::destroy(writer_); }

    void make(double write_rate = 0, std::uint32_t connections = 4)
    {
        const dynamodb::KeyAttribute keys[] = {{"pk", 'S', false}};
        ASSERT_TRUE(writer_create(client_, session_, {"t", keys, {}, connections, write_rate}, &writer_).ok());
    }

    void take(const std::string &key, WriteKind kind = WriteKind::kPut)
    {
        const Value values[] = {{"pk", key, 1, 0, ValueType::kString, false, false}};
        engine::CheckedWrite checked;
        ASSERT_TRUE(writer_check(writer_, {kind, values, {}, rows_++}, &checked).ok());
        for (;;) {
            bool taken = false;
            ASSERT_TRUE(writer_take(writer_, now(), &taken).ok());
            if (taken)
                return;
            writer_flush(writer_, now());
            wait();
        }
    }

    void wait()
    {
        turn();
        writer_drive(writer_, now());
        const std::int64_t deadline = writer_deadline(writer_);
        if (client_deadline(client_) < 0 && deadline > now().monotonic_us)
            skipped_us_ += deadline - now().monotonic_us;
    }

    void drain()
    {
        writer_flush(writer_, now());
        for (int turns = 0; !writer_idle(writer_) && writer_status(writer_).ok() && turns < 10'000; ++turns)
            wait();
    }

    std::vector<WriteOutcome> outcomes()
    {
        std::vector<WriteOutcome> found;
        for (WriteOutcome outcome; writer_next(writer_, &outcome);)
            found.push_back(outcome);
        return found;
    }

    engine::WriterCounts counts() const { return writer_counts(writer_); }

    engine::Writer *writer_ = nullptr;
    std::uint64_t rows_ = 0;
};

TEST_F(WriterTest, puts_go_in_batches_of_25)
{
    std::mutex mutex;
    std::multiset<int> sizes;
    test::TestServer server([&](const ServerRequest &request) {
        const std::lock_guard lock(mutex);
        sizes.insert(count(request.body, "PutRequest"));
        return done(2);
    });
    open(server.url());
    make();
    for (int i = 0; i < 60; ++i)
        take(std::to_string(i));
    drain();
    EXPECT_EQ(sizes, (std::multiset<int>{10, 25, 25}));
    EXPECT_EQ(counts().written, 60U);
    EXPECT_EQ(counts().requests, 3U);
    EXPECT_EQ(counts().write_units, 6);
    EXPECT_TRUE(outcomes().empty());
}

TEST_F(WriterTest, what_is_left_undone_and_what_is_throttled_is_sent_again)
{
    test::TestServer server([&](const ServerRequest &request) -> ServerReply {
        if (request.number < 12)  // more than a call would retry by itself
            return {http(400, std::string(kThrottled))};
        if (request.number == 12)
            return {http(200, R"({"UnprocessedItems":{"t":[{"PutRequest":{"Item":{"pk":{"S":"1"}}}}]}})")};
        EXPECT_EQ(count(request.body, "PutRequest"), 1);
        return done();
    });
    open(server.url());
    make();
    for (int i = 0; i < 3; ++i)
        take(std::to_string(i));
    drain();
    EXPECT_EQ(counts().written, 3U);
    EXPECT_EQ(counts().throttled, 12U);
    EXPECT_EQ(counts().unprocessed, 1U);
}

TEST_F(WriterTest, writes_of_one_key_go_one_after_the_other)
{
    std::atomic<int> under_way = 0;
    std::atomic<int> most = 0;
    test::TestServer server([&](const ServerRequest &) {
        most = std::max<int>(most, ++under_way);
        --under_way;
        return done();
    });
    open(server.url());
    make();
    for (int i = 0; i < 5; ++i)
        take("same");
    drain();
    EXPECT_EQ(counts().written, 5U);
    EXPECT_EQ(counts().requests, 5U);
    EXPECT_EQ(most, 1);
}

TEST_F(WriterTest, a_batch_that_is_refused_is_sent_one_by_one)
{
    test::TestServer server([&](const ServerRequest &request) -> ServerReply {
        const bool bad = request.body.find(R"({"S":"bad"})") != std::string::npos;
        return bad ? ServerReply{http(400, std::string(kInvalid))} : done();
    });
    open(server.url());
    make();
    for (const char *key : {"a", "bad", "c"})
        take(key);
    drain();
    EXPECT_EQ(counts().written, 2U);
    const std::vector<WriteOutcome> told = outcomes();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].result, WriteResult::kFailed);
    EXPECT_EQ(told[0].row, 1U);
    EXPECT_STREQ(told[0].status.detail, "ValidationException: bad");
}

ServerReply exists(const std::string &item)
{
    return {http(400, R"({"__type":"x#ConditionalCheckFailedException","Item":)" + item + "}")};
}

TEST_F(WriterTest, a_put_that_was_not_answered_knows_its_own_item_again)
{
    test::TestServer server([&](const ServerRequest &request) -> ServerReply {
        if (request.number == 0)
            return {http(500, "")};
        return exists(R"({"pk":{"S":"a"}})");
    });
    open(server.url());
    make(0, 1);
    take("a", WriteKind::kPutNew);
    drain();
    EXPECT_EQ(counts().written, 1U);
    take("a", WriteKind::kPutNew);  // answered at once: somebody's item
    drain();
    EXPECT_EQ(counts().written, 1U);
    const std::vector<WriteOutcome> told = outcomes();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].result, WriteResult::kExisted);
    EXPECT_EQ(told[0].row, 1U);
}

// libcurl sends a request once more by itself where a connection that has been used before breaks.
TEST_F(WriterTest, a_put_that_was_sent_again_unasked_knows_its_own_item_too)
{
    test::TestServer server([&](const ServerRequest &request) -> ServerReply {
        if (request.number == 0)
            return done();
        return request.number == 1 ? ServerReply{"", true} : exists(R"({"pk":{"S":"b"}})");
    });
    open(server.url());
    make(0, 1);
    take("a", WriteKind::kPutNew);
    drain();
    take("b", WriteKind::kPutNew);
    drain();
    EXPECT_EQ(counts().written, 2U);
    EXPECT_EQ(counts().requests, 2U);
    EXPECT_EQ(server.requests(), 3);
    EXPECT_TRUE(outcomes().empty());
}

TEST_F(WriterTest, an_error_that_concerns_all_ends_it)
{
    test::TestServer server([&](const ServerRequest &) -> ServerReply {
        return {http(400, R"({"__type":"x#AccessDeniedException","message":"no"})")};
    });
    open(server.url());
    make();
    take("a");
    drain();
    EXPECT_EQ(writer_status(writer_).failure, base::Failure::kDenied);
    EXPECT_FALSE(writer_idle(writer_) && counts().written > 0);
}

TEST_F(WriterTest, a_server_that_cannot_be_reached_is_given_up_after_a_minute)
{
    test::TestServer server([&](const ServerRequest &) -> ServerReply { return {http(500, "")}; });
    open(server.url());
    make();
    const std::int64_t begun = now().monotonic_us;
    take("a");
    drain();
    EXPECT_EQ(writer_status(writer_).failure, base::Failure::kUnavailable);
    EXPECT_GT(now().monotonic_us - begun, 60'000'000);
    EXPECT_LT(now().monotonic_us - begun, 120'000'000);
}

TEST_F(WriterTest, keeps_its_rate_by_what_dynamodb_charges)
{
    test::TestServer server([&](const ServerRequest &) { return done(50); });
    open(server.url());
    make(100);
    const std::int64_t begun = now().monotonic_us;
    for (int i = 0; i < 250; ++i)
        take(std::to_string(i));
    drain();
    const double seconds = static_cast<double>(now().monotonic_us - begun) / 1e6;
    EXPECT_EQ(counts().write_units, 500);
    EXPECT_GT(seconds, 3.5);
}

}  // namespace
