// Calls of S3 against a server that does everything wrong that a network or S3 can do.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "aws/sigv4.h"
#include "base/url.h"
#include "client_fixture.h"
#include "engine/call.h"
#include "engine/s3.h"
#include "engine/s3_exchange.h"
#include "test_server.h"

namespace podyn::engine {
namespace {

using test::ClientTest;
using test::http;
using test::kSecret;
using test::kToken;
using test::ServerReply;
using test::ServerRequest;
using test::TestServer;

constexpr std::string_view kEtag = "d41d8cd98f00b204e9800998ecf8427e-2";

std::string error_body(const std::string &code, const std::string &more = "")
{
    return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>so it is</Message>" + more + "</Error>";
}

// A request's header; empty without it.
std::string header(const ServerRequest &request, const std::string &name)
{
    const auto found = request.headers.find(name);
    return found == request.headers.end() ? std::string() : found->second;
}

// An object of 10,000 bytes, no two neighbouring hundreds of which are alike, and how S3 gives parts of it.
class Object {
  public:
    Object()
    {
        for (int i = 0; content.size() < 10'000; ++i)
            content.append(std::to_string(i)).append(" ");
        content.resize(10'000);
    }

    ServerReply reply(const ServerRequest &request, const std::string &headers = "") const
    {
        const std::string wanted = header(request, "range");  // bytes=0-99
        if (wanted.empty())
            return {http(200, content, headers + etag_header())};
        const std::size_t first = std::stoul(wanted.substr(6));
        const std::size_t last = std::min(std::stoul(wanted.substr(wanted.find('-') + 1)), content.size() - 1);
        return {http(206, content.substr(first, last - first + 1),
                     headers + etag_header() + "Content-Range: bytes " + std::to_string(first) + "-" +
                         std::to_string(last) + "/" + std::to_string(content.size()) + "\r\n")};
    }

    // The reply breaks off after so many bytes of the body.
    ServerReply broken(const ServerRequest &request, std::size_t bytes) const
    {
        std::string whole = reply(request).bytes;
        return {whole.substr(0, whole.find("\r\n\r\n") + 4 + bytes), true};
    }

    std::string etag_header() const { return etag.empty() ? "" : "ETag: \"" + etag + "\"\r\n"; }

    std::string content;
    std::string etag{kEtag};
};

class S3Test : public ClientTest {
  protected:
    ~S3Test() override { destroy_part(); }

    static SessionOptions options()
    {
        SessionOptions options{};
        options.region = "us-east-1";
        options.access_key_id = "AKIDEXAMPLE";
        options.secret_access_key = kSecret;
        options.session_token = kToken;
        options.request_timeout_us = 10'000'000;
        return options;
    }

    void open(const TestServer &server)
    {
        SessionOptions there = options();
        const std::string url = server.url();
        there.s3_endpoint = url;
        ClientTest::open(there);
    }

    Call *start_get(std::string_view key = "data/a", std::uint64_t first = 0, std::uint64_t length = 10'000,
                    std::string_view etag = {})
    {
        Call *call = nullptr;
        const Status status = start_get_object(client_, session_, "my-bucket", key, first, length, etag, now(), &call);
        EXPECT_TRUE(status.ok()) << status.message;
        calls_.insert(call);
        return call;
    }

    // A part, in part_.
    Status get(std::string_view key = "data/a", std::uint64_t first = 0, std::uint64_t length = 10'000,
               std::string_view etag = {})
    {
        last_ = start_get(key, first, length, etag);
        const Status status = finish(last_);
        destroy_part();
        const Status taken = take_object_part(last_, &part_handle_, &part_);
        EXPECT_EQ(taken.failure, status.failure);
        return taken;
    }

    Status list(std::string_view token = {})
    {
        Call *call = nullptr;
        EXPECT_TRUE(start_list_objects(client_, session_, "my-bucket", "a b/", "/", token, now(), &call).ok());
        calls_.insert(call);
        (void)finish(call);
        S3Objects *handle = nullptr;
        S3ObjectsPage page{};
        const Status status = take_objects(call, &handle, &page);
        keys_.clear();
        for (const S3Object &object : page.objects)
            keys_.emplace_back(object.key);
        next_token_ = page.next_token;
        engine::destroy(handle);
        return status;
    }

    void destroy_part()
    {
        engine::destroy(part_handle_);
        part_handle_ = nullptr;
        part_ = {};
    }

    Object object_;
    Call *last_ = nullptr;
    ObjectPart *part_handle_ = nullptr;
    S3Part part_{};
    std::vector<std::string> keys_;
    std::string next_token_;
};

// ---- requests ------------------------------------------------------------------------------------------------------

std::string line_of(const net::Request &request, std::string_view name)
{
    for (const std::string &line : request.headers)
        if (line.starts_with(name))
            return line.substr(name.size());
    return {};
}

// What botocore does, see tests/fixtures/s3_signatures.py.
TEST_F(S3Test, requests_are_addressed_and_signed_as_botocore_does)
{
    SessionOptions there = options();
    there.region = "eu-central-1";
    ClientTest::open(there);
    std::ifstream table(PODYN_SOURCE_DIR "/tests/fixtures/s3_signatures.tsv");
    std::string bucket, key, etag, token, url, authorization;
    std::getline(table, bucket);
    int count = 0;
    for (std::uint64_t first, last; table >> bucket >> key >> first >> last >> etag >> token >> url; ++count) {
        std::getline(table >> std::ws, authorization);
        const std::string plain = base::form_decoded(key).value();
        SCOPED_TRACE(bucket + " " + key);
        std::unique_ptr<Exchange> exchange;
        if (plain == "-")
            exchange = std::make_unique<ListObjects>(*session_, bucket, "a b/+%/日", "/", "1/x+y==");
        else
            exchange = std::make_unique<GetObject>(*session_, bucket, plain, first, last - first + 1,
                                                   etag == "-" ? std::string_view() : etag);
        net::Request request;
        exchange->write({"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token == "-" ? "" : token},
                        "20231114T221320Z", request);
        EXPECT_EQ(request.url.substr(0, request.url.find('?')), url);
        EXPECT_EQ(line_of(request, "Authorization: "), authorization);
    }
    EXPECT_EQ(count, 39);
}

TEST_F(S3Test, a_request_arrives_as_it_was_signed)
{
    ServerRequest received;
    TestServer server([&](const ServerRequest &request) {
        received = request;
        return object_.reply(request);
    });
    open(server);
    const struct {
        const char *key, *target;
    } kCases[] = {
        {"a b+c%", "a%20b%2Bc%25"}, {"a/../../b", "a/../../b"}, {"//a//./b", "//a//./b"}, {"é?#&", "%C3%A9%3F%23%26"}};
    for (const auto &expected : kCases) {
        ASSERT_TRUE(get(expected.key).ok());
        EXPECT_EQ(received.line, std::string("GET /my-bucket/") + expected.target + " HTTP/1.1");
        auto &headers = received.headers;
        EXPECT_EQ(headers["host"], server.url().substr(7));
        EXPECT_EQ(headers["range"], "bytes=0-9999");
        EXPECT_EQ(headers["accept-encoding"], "identity");
        EXPECT_FALSE(headers.contains("content-type"));
        EXPECT_EQ(headers["content-length"], "");
        const aws::Header signed_headers[] = {{"host", headers["host"]},
                                              {"range", headers["range"]},
                                              {"x-amz-content-sha256", headers["x-amz-content-sha256"]},
                                              {"x-amz-date", headers["x-amz-date"]},
                                              {"x-amz-security-token", headers["x-amz-security-token"]}};
        EXPECT_EQ(
            headers["authorization"],
            aws::Signer("us-east-1", "s3")
                .authorization({"GET", std::string("/my-bucket/") + expected.key, "", signed_headers, "", false},
                               {"AKIDEXAMPLE", std::string(kSecret), std::string(kToken)}, headers["x-amz-date"]));
    }
}

TEST_F(S3Test, a_connection_serves_both_services_one_after_the_other)
{
    TestServer server([&](const ServerRequest &request) {
        return request.line.starts_with("POST") ? ServerReply{http(200, request.body)} : object_.reply(request);
    });
    SessionOptions both = options();
    const std::string url = server.url();
    both.endpoint = both.s3_endpoint = url;
    ClientTest::open(both);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(get().ok());
        EXPECT_EQ(part_.bytes, object_.content);
        Call *call = start("{\"n\":1}");
        ASSERT_TRUE(finish(call).ok());
        EXPECT_EQ(call_body(call), "{\"n\":1}");
    }
    EXPECT_EQ(server.accepted(), 1);
}

TEST_F(S3Test, what_cannot_be_asked_for_is_refused_before_it_is_sent)
{
    ClientTest::open(options());
    const auto refusal = [&](std::string_view bucket, std::string_view key, std::uint64_t first, std::uint64_t length,
                             std::string_view etag) {
        Call *call = nullptr;
        const Status status = start_get_object(client_, session_, bucket, key, first, length, etag, now(), &call);
        EXPECT_EQ(call, nullptr);
        return std::string(status.sqlstate);
    };
    EXPECT_EQ(refusal("evil.com/x", "a", 0, 1, ""), "22023");
    EXPECT_EQ(refusal("my-bucket", "", 0, 1, ""), "22023");
    EXPECT_EQ(refusal("my-bucket", "a", 0, 1, "x\r\nHost: y"), "22023");
    EXPECT_EQ(refusal("my-bucket", "a", 0, 1, "a\"b"), "22023");
    EXPECT_EQ(refusal("my-bucket", "a", 0, 0, ""), "XX000");
    EXPECT_EQ(refusal("my-bucket", "a", 0, kMostBytesOfPart + 1, ""), "XX000");
    EXPECT_EQ(refusal("my-bucket", "a", std::uint64_t(-1), 2, ""), "XX000");
}

// ---- parts ---------------------------------------------------------------------------------------------------------

TEST_F(S3Test, a_part_comes_with_the_objects_size_and_etag)
{
    TestServer server([&](const ServerRequest &request) { return object_.reply(request); });
    open(server);
    ASSERT_TRUE(get("data/a", 100, 50).ok());
    EXPECT_EQ(part_.bytes, object_.content.substr(100, 50));
    EXPECT_EQ(part_.object_size, 10'000u);
    EXPECT_EQ(part_.etag, kEtag);
    ASSERT_TRUE(get("data/a", 9'990, 50, kEtag).ok());
    EXPECT_EQ(part_.bytes, object_.content.substr(9'990));
    ASSERT_TRUE(get("data/a", 0, kMostBytesOfPart, "\"" + std::string(kEtag) + "\"").ok());
    EXPECT_EQ(part_.bytes, object_.content);
}

TEST_F(S3Test, a_big_part_arrives_whole)
{
    object_.content = std::string(40 << 20, 'x');
    TestServer server([&](const ServerRequest &request) { return object_.reply(request); });
    open(server);
    ASSERT_TRUE(get("data/a", 0, kMostBytesOfPart).ok());
    EXPECT_EQ(part_.bytes.size(), std::size_t{40} << 20);
}

TEST_F(S3Test, bytes_stay_as_they_are_stored)
{
    TestServer server(
        [&](const ServerRequest &request) { return object_.reply(request, "Content-Encoding: gzip\r\n"); });
    open(server);
    ASSERT_TRUE(get().ok());
    EXPECT_EQ(part_.bytes, object_.content);
}

TEST_F(S3Test, an_empty_object_is_no_error)
{
    object_.content.clear();
    TestServer server([&](const ServerRequest &request) {
        return header(request, "range").empty() ? object_.reply(request)
                                                : ServerReply{http(416, error_body("InvalidRange"))};
    });
    open(server);
    ASSERT_TRUE(get().ok());
    EXPECT_EQ(part_.bytes, "");
    EXPECT_EQ(part_.object_size, 0u);
    EXPECT_EQ(part_.etag, kEtag);
    EXPECT_EQ(server.requests(), 2);
}

TEST_F(S3Test, a_server_may_give_a_short_object_as_a_whole)
{
    TestServer server([&](const ServerRequest &) { return object_.reply({}); });
    open(server);
    ASSERT_TRUE(get("data/a", 0, 20'000).ok());
    EXPECT_EQ(part_.bytes, object_.content);
    EXPECT_EQ(part_.object_size, 10'000u);
}

TEST_F(S3Test, a_range_that_nobody_can_satisfy_is_asked_for_twice_at_most)
{
    TestServer server([&](const ServerRequest &) { return ServerReply{http(416, error_body("InvalidRange"))}; });
    open(server);
    EXPECT_STREQ(get().sqlstate, "55000");
    EXPECT_EQ(server.requests(), 2);
    EXPECT_STREQ(get("data/a", 5, 5).sqlstate, "55000");
    EXPECT_EQ(server.requests(), 3);
}

TEST_F(S3Test, a_connection_that_breaks_goes_on_at_the_byte_where_it_broke)
{
    for (const std::size_t at : {0, 1, 99, 4'321, 9'999}) {
        SCOPED_TRACE(at);
        std::vector<std::string> ranges, conditions;
        TestServer server([&](const ServerRequest &request) {
            ranges.push_back(header(request, "range"));
            conditions.push_back(header(request, "if-match"));
            return request.number == 0 ? object_.broken(request, at) : object_.reply(request);
        });
        open(server);
        ASSERT_TRUE(get().ok());
        EXPECT_EQ(part_.bytes, object_.content);
        EXPECT_EQ(part_.object_size, 10'000u);
        EXPECT_EQ(ranges, (std::vector<std::string>{"bytes=0-9999", "bytes=" + std::to_string(at) + "-9999"}));
        EXPECT_EQ(conditions, (std::vector<std::string>{"", "\"" + std::string(kEtag) + "\""}));
        close_all();
    }
}

TEST_F(S3Test, a_connection_may_break_again_while_there_are_retries)
{
    TestServer server([&](const ServerRequest &request) {
        return request.number % 3 < 2 ? object_.broken(request, 1'000) : object_.reply(request);
    });
    open(server);
    ASSERT_TRUE(get("data/a", 500, 8'000).ok());
    EXPECT_EQ(part_.bytes, object_.content.substr(500, 8'000));
    EXPECT_EQ(server.requests(), 3);
}

TEST_F(S3Test, a_connection_that_keeps_breaking_is_reported_after_three_attempts)
{
    TestServer server([&](const ServerRequest &request) { return object_.broken(request, 10); });
    open(server);
    const Status status = get();
    EXPECT_EQ(status.failure, Failure::kUnavailable);
    EXPECT_TRUE(status.retryable);
    EXPECT_TRUE(std::string_view(status.message).starts_with("connection to Amazon S3 at ")) << status.message;
    EXPECT_NE(std::string(status.hint).find("s3_endpoint"), std::string::npos);
    EXPECT_EQ(server.requests(), 3);
}

TEST_F(S3Test, a_server_that_is_too_slow_in_the_middle_is_asked_for_the_rest)
{
    std::vector<std::string> ranges;
    TestServer server([&](const ServerRequest &request) {
        ranges.push_back(header(request, "range"));
        return request.number == 0 ? ServerReply{object_.broken(request, 5'000).bytes} : object_.reply(request);
    });
    SessionOptions there = options();
    const std::string url = server.url();
    there.s3_endpoint = url;
    there.request_timeout_us = 300'000;
    ClientTest::open(there);
    ASSERT_TRUE(get().ok());
    EXPECT_EQ(part_.bytes, object_.content);
    EXPECT_EQ(ranges.back(), "bytes=5000-9999");
}

TEST_F(S3Test, a_chunked_body_that_ends_too_early_is_completed)
{
    TestServer server([&](const ServerRequest &request) {
        if (request.number > 0)
            return object_.reply(request);
        return ServerReply{"HTTP/1.1 206 OK\r\n" + object_.etag_header() +
                           "Content-Range: bytes 0-9999/10000\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" +
                           object_.content.substr(0, 5) + "\r\n0\r\n\r\n"};
    });
    open(server);
    ASSERT_TRUE(get().ok());
    EXPECT_EQ(part_.bytes, object_.content);
    EXPECT_EQ(server.requests(), 2);
}

TEST_F(S3Test, a_part_is_complete_when_its_last_byte_is_there)
{
    TestServer server([&](const ServerRequest &) {
        return ServerReply{"HTTP/1.1 206 OK\r\n" + object_.etag_header() +
                               "Content-Range: bytes 0-4/10000\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" +
                               object_.content.substr(0, 5),
                           true};
    });
    open(server);
    ASSERT_TRUE(get("data/a", 0, 5).ok());
    EXPECT_EQ(part_.bytes, object_.content.substr(0, 5));
    EXPECT_EQ(server.requests(), 1);
}

TEST_F(S3Test, without_an_etag_a_broken_part_begins_anew)
{
    object_.etag.clear();
    for (const char *wanted : {"", "before"}) {
        std::vector<std::string> ranges;
        TestServer server([&](const ServerRequest &request) {
            ranges.push_back(header(request, "range"));
            return request.number == 0 ? object_.broken(request, 5'000) : object_.reply(request);
        });
        open(server);
        ASSERT_TRUE(get("data/a", 0, 10'000, wanted).ok());
        EXPECT_EQ(part_.bytes, object_.content);
        EXPECT_EQ(part_.etag, wanted);
        EXPECT_EQ(ranges.back(), "bytes=0-9999");
        destroy_part();
        close_all();
    }
}

TEST_F(S3Test, a_weak_etag_is_none)
{
    object_.etag.clear();
    TestServer server([&](const ServerRequest &request) { return object_.reply(request, "ETag: W/\"x\"\r\n"); });
    open(server);
    ASSERT_TRUE(get().ok());
    EXPECT_EQ(part_.etag, "");
}

TEST_F(S3Test, an_object_that_has_changed_is_never_mixed_with_what_it_was)
{
    const auto changed = [&](const std::function<ServerReply(const ServerRequest &)> &then) {
        TestServer server([&](const ServerRequest &request) {
            return request.number == 0 ? object_.broken(request, 5'000) : then(request);
        });
        open(server);
        const Status status = get();
        EXPECT_STREQ(status.sqlstate, "55000");
        EXPECT_FALSE(status.retryable);
        EXPECT_STREQ(status.message,
                     "request GetObject of \"s3://my-bucket/data/a\" found that the object has changed meanwhile");
        EXPECT_EQ(server.requests(), 2);
        close_all();
    };
    changed([](const ServerRequest &) { return ServerReply{http(412, error_body("PreconditionFailed"))}; });
    Object other;
    other.etag = "another";
    changed([&](const ServerRequest &request) { return other.reply(request); });
    Object longer;
    longer.content += "x";
    changed([&](const ServerRequest &request) { return longer.reply(request); });
    Object silent;
    silent.etag.clear();
    changed([&](const ServerRequest &request) { return silent.reply(request); });
}

TEST_F(S3Test, another_object_than_the_one_that_was_listed_is_refused)
{
    TestServer server([&](const ServerRequest &request) {
        return request.number == 0 ? ServerReply{http(412, error_body("PreconditionFailed"))} : object_.reply(request);
    });
    open(server);
    EXPECT_STREQ(get("data/a", 0, 10, "before").sqlstate, "55000");
    EXPECT_STREQ(get("data/a", 0, 10, "before").sqlstate, "55000");  // from a server that does not know If-Match
    EXPECT_EQ(server.requests(), 2);
}

TEST_F(S3Test, an_answer_that_is_not_what_was_asked_for_is_refused_once)
{
    const std::string ten = object_.content.substr(100, 10);
    const std::string etag = object_.etag_header();
    for (const std::string &reply :
         {http(200, object_.content, etag), http(200, ten, etag), http(206, ten, etag), http(204, "", etag),
          http(206, ten, etag + "Content-Range: bytes 0-9/10000\r\n"),
          http(206, ten, etag + "Content-Range: bytes 101-110/10000\r\n"),
          http(206, ten + "x", etag + "Content-Range: bytes 100-110/10000\r\n"),
          http(206, ten + "x", etag + "Content-Range: bytes 100-109/10000\r\n"),
          http(206, ten, etag + "Content-Range: bytes 100-109/109\r\n"),
          http(206, ten, etag + "Content-Range: bytes 100-109/*\r\n"), http(200, std::string(1'000'000, 'x'), etag)}) {
        SCOPED_TRACE(reply.substr(0, 100));
        TestServer server([&](const ServerRequest &) { return ServerReply{reply}; });
        open(server);
        const Status status = get("data/a", 100, 10);
        EXPECT_EQ(status.failure, Failure::kCorrupt);
        EXPECT_FALSE(status.retryable);
        EXPECT_EQ(server.requests(), 1);
        EXPECT_EQ(part_.bytes, "");
        close_all();
    }
}

TEST_F(S3Test, an_object_that_comes_whole_must_not_be_longer_than_what_was_asked_for)
{
    TestServer server([&](const ServerRequest &) { return object_.reply({}); });
    open(server);
    EXPECT_EQ(get("data/a", 0, 9'999).failure, Failure::kCorrupt);
    EXPECT_EQ(server.requests(), 1);
    EXPECT_TRUE(get("data/a", 0, 10'000).ok());
}

TEST_F(S3Test, a_part_of_another_call_cannot_be_taken)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(200, "{}")}; });
    ClientTest::open(server.url());
    Call *call = start();
    ASSERT_TRUE(finish(call).ok());
    EXPECT_STREQ(take_object_part(call, &part_handle_, &part_).sqlstate, "XX000");
    EXPECT_EQ(part_handle_, nullptr);
}

// ---- errors --------------------------------------------------------------------------------------------------------

TEST_F(S3Test, throttling_is_counted_and_reported_after_three_attempts)
{
    TestServer server([](const ServerRequest &) {
        return ServerReply{http(503, error_body("SlowDown"), "x-amz-request-id: R7\r\n")};
    });
    open(server);
    const Status status = get();
    EXPECT_EQ(status.failure, Failure::kThrottled);
    EXPECT_TRUE(status.retryable);
    EXPECT_STREQ(status.message, "request GetObject of \"s3://my-bucket/data/a\" was throttled by Amazon S3");
    EXPECT_STREQ(status.request_id, "R7");
    EXPECT_EQ(call_throttled(last_), 3u);
    EXPECT_EQ(server.requests(), 3);
    EXPECT_EQ(server.accepted(), 1);
}

TEST_F(S3Test, an_error_inside_s3_is_tried_again_and_keeps_what_is_there)
{
    TestServer server([&](const ServerRequest &request) {
        switch (request.number) {
            case 0:
                return object_.broken(request, 5'000);
            case 1:
                return ServerReply{http(500, error_body("InternalError"))};
            default:
                EXPECT_EQ(header(request, "range"), "bytes=5000-9999");
                return object_.reply(request);
        }
    });
    open(server);
    ASSERT_TRUE(get().ok());
    EXPECT_EQ(part_.bytes, object_.content);
}

TEST_F(S3Test, an_error_that_asking_again_cannot_help_is_reported_at_once)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(404, error_body("NoSuchKey"))}; });
    open(server);
    EXPECT_EQ(get("data/a", 0, 1).failure, Failure::kNotFound);  // an error's body may be longer than the part
    EXPECT_EQ(server.requests(), 1);
}

TEST_F(S3Test, a_wrong_clock_is_corrected_with_one_more_request)
{
    // Two days ahead of the client's.
    TestServer server([&](const ServerRequest &request) {
        return header(request, "x-amz-date").starts_with("20231116T2213")
                   ? object_.reply(request)
                   : ServerReply{
                         http(403, error_body("RequestTimeTooSkewed"), "Date: Thu, 16 Nov 2023 22:13:20 GMT\r\n")};
    });
    open(server);
    EXPECT_TRUE(get().ok());
    EXPECT_TRUE(get().ok());
    EXPECT_EQ(server.requests(), 3);
}

TEST_F(S3Test, expired_credentials_are_renewed_once_and_the_call_made_again)
{
    TestServer container([](const ServerRequest &request) {
        return ServerReply{http(200, R"({"AccessKeyId":"K)" + std::to_string(request.number) +
                                         R"(","SecretAccessKey":"CANARY","Token":"CANARY"})")};
    });
    TestServer server([&](const ServerRequest &request) {
        return header(request, "authorization").find("=K0/") != std::string::npos
                   ? ServerReply{http(400, error_body("ExpiredToken"))}
                   : object_.reply(request);
    });
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", (container.url() + "/c").c_str(), 1);
    SessionOptions chain = options();
    const std::string url = server.url();
    chain.s3_endpoint = url;
    chain.access_key_id = chain.secret_access_key = chain.session_token = {};
    chain.use_default_chain = true;
    ClientTest::open(chain);
    EXPECT_TRUE(get().ok());
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    EXPECT_EQ(server.requests(), 2);
    EXPECT_EQ(container.requests(), 2);
}

// ---- regions -------------------------------------------------------------------------------------------------------

std::string region_of(const ServerRequest &request)
{
    const std::string &text = request.headers.at("authorization");
    const std::size_t begin = text.find("/2023") + 10;
    return text.substr(begin, text.find('/', begin) - begin);
}

TEST_F(S3Test, a_bucket_of_another_region_is_found_and_remembered)
{
    const std::string kInBody = error_body("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>");
    for (const std::string &redirect :
         {http(301, error_body("PermanentRedirect"), "x-amz-bucket-region: eu-west-1\r\n"), http(400, kInBody),
          http(307, error_body("TemporaryRedirect"), "x-amz-bucket-region: eu-west-1\r\n")}) {
        std::vector<std::string> regions;
        TestServer server([&](const ServerRequest &request) {
            regions.push_back(region_of(request));
            return regions.back() == "eu-west-1" ? object_.reply(request) : ServerReply{redirect};
        });
        open(server);
        EXPECT_TRUE(get().ok());
        EXPECT_TRUE(get().ok());
        EXPECT_EQ(regions, (std::vector<std::string>{"us-east-1", "eu-west-1", "eu-west-1"}));
        EXPECT_EQ(session_->quota.available(), 500);
        close_all();
    }
}

TEST_F(S3Test, a_redirect_leads_on_once_and_never_where_location_says)
{
    TestServer other([&](const ServerRequest &request) { return object_.reply(request); });
    TestServer server([&](const ServerRequest &request) {
        return ServerReply{http(301, error_body("PermanentRedirect", "<Endpoint>evil.example.com</Endpoint>"),
                                "Location: " + other.url() + "/x\r\nx-amz-bucket-region: " +
                                    (request.number % 2 == 0 ? "eu-west-1" : "eu-west-2") + "\r\n")};
    });
    open(server);
    const Status status = get();
    EXPECT_STREQ(status.sqlstate, "22023");
    EXPECT_STREQ(status.message, "request GetObject of \"s3://my-bucket/data/a\" named a bucket of another region");
    EXPECT_EQ(server.requests(), 2);
    EXPECT_EQ(other.requests(), 0);
}

TEST_F(S3Test, a_region_that_cannot_be_the_buckets_leads_nowhere)
{
    for (const char *region : {"", "us-east-1", "cn-north-1", "us-gov-west-1", "evil.com/x", "evil.com#", "EU", "-"}) {
        SCOPED_TRACE(region);
        TestServer server([&](const ServerRequest &) {
            return ServerReply{
                http(301, error_body("PermanentRedirect", std::string("<Region>") + region + "</Region>"))};
        });
        open(server);
        EXPECT_STREQ(get().sqlstate, "22023");
        EXPECT_EQ(server.requests(), 1);
        close_all();
    }
}

TEST_F(S3Test, on_awss_own_endpoints_the_host_is_that_of_the_region)
{
    ClientTest::open(options());
    GetObject exchange(*session_, "my-bucket", "a", 0, 1, {});
    EXPECT_EQ(exchange.endpoint().text(), "https://my-bucket.s3.us-east-1.amazonaws.com");
    const std::unique_ptr<net::Transfer> transfer = client_->http.acquire();
    transfer->response.status = 301;
    transfer->response.bucket_region = "eu-west-1";
    std::string body;
    const Outcome outcome = exchange.judge(*transfer, body);
    EXPECT_TRUE(outcome.asks_otherwise);
    EXPECT_FALSE(outcome.status.ok());
    EXPECT_EQ(exchange.endpoint().text(), "https://my-bucket.s3.eu-west-1.amazonaws.com");
    EXPECT_EQ(GetObject(*session_, "my-bucket", "b", 0, 1, {}).endpoint().text(),
              "https://my-bucket.s3.eu-west-1.amazonaws.com");
    EXPECT_EQ(GetObject(*session_, "other-bucket", "b", 0, 1, {}).endpoint().text(),
              "https://other-bucket.s3.us-east-1.amazonaws.com");
}

TEST_F(S3Test, the_certificates_of_another_endpoint_are_not_for_awss_own)
{
    SessionOptions there = options();
    there.ca_file = "/ca.pem";
    const auto ca_file = [&] {
        Session *session = nullptr;
        EXPECT_TRUE(session_create(there, &session).ok());
        net::Request request;
        GetObject(*session, "my-bucket", "a", 0, 1, {}).write({"A", "B", ""}, "20231114T221320Z", request);
        session_destroy(session);
        return request.ca_file;
    };
    EXPECT_EQ(ca_file(), "/ca.pem");
    there.endpoint = "https://dynamodb.example.com";
    EXPECT_EQ(ca_file(), "");
    there.s3_endpoint = "https://s3.example.com";
    EXPECT_EQ(ca_file(), "/ca.pem");
}

// ---- listings ------------------------------------------------------------------------------------------------------

TEST_F(S3Test, a_listing_goes_on_with_its_token)
{
    std::vector<std::string> lines;
    TestServer server([&](const ServerRequest &request) {
        lines.push_back(request.line);
        const bool more = request.number == 0;
        return ServerReply{http(200, "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>" +
                                         std::string(more ? "true" : "false") + "</IsTruncated><Contents><Key>a%20b/" +
                                         std::to_string(request.number) + "</Key><Size>1</Size></Contents>" +
                                         (more ? "<NextContinuationToken>1/x+==</NextContinuationToken>" : "") +
                                         "</ListBucketResult>")};
    });
    open(server);
    ASSERT_TRUE(list().ok());
    EXPECT_EQ(keys_, std::vector<std::string>{"a b/0"});
    ASSERT_EQ(next_token_, "1/x+==");
    ASSERT_TRUE(list(next_token_).ok());
    EXPECT_EQ(keys_, std::vector<std::string>{"a b/1"});
    EXPECT_EQ(next_token_, "");
    EXPECT_EQ(lines, (std::vector<std::string>{
                         "GET /my-bucket?encoding-type=url&list-type=2&delimiter=%2F&prefix=a%20b%2F HTTP/1.1",
                         "GET /my-bucket?encoding-type=url&list-type=2&continuation-token=1%2Fx%2B%3D%3D&delimiter=%2F&"
                         "prefix=a%20b%2F HTTP/1.1"}));
}

TEST_F(S3Test, a_listing_that_is_none_is_corrupt)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(200, "<html>hello</html>")}; });
    open(server);
    const Status status = list();
    EXPECT_EQ(status.failure, Failure::kCorrupt);
    EXPECT_TRUE(keys_.empty());
}

TEST_F(S3Test, a_denied_listing_names_the_action)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(403, error_body("AccessDenied"))}; });
    open(server);
    const Status status = list();
    EXPECT_EQ(status.failure, Failure::kDenied);
    EXPECT_STREQ(status.message, "request ListObjectsV2 of \"s3://my-bucket\" was denied by AWS");
    EXPECT_NE(std::string(status.hint).find("s3:ListBucket "), std::string::npos);
}

TEST_F(S3Test, a_listing_beyond_the_cap_is_refused_once)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(200, std::string(40'000'000, ' '))}; });
    open(server);
    const Status status = list();
    EXPECT_EQ(status.failure, Failure::kCorrupt);
    EXPECT_TRUE(std::string_view(status.message).starts_with("response of Amazon S3 ")) << status.message;
    EXPECT_EQ(server.requests(), 1);
}

}  // namespace
}  // namespace podyn::engine
