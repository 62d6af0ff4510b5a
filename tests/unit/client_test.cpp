// The client against a server that does everything wrong that a network or a service can do.
#include "engine/client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "aws/sigv4.h"
#include "client_fixture.h"
#include "engine/call.h"
#include "test_server.h"

namespace podyn::engine {
namespace {

using test::http;
using test::ServerReply;
using test::ServerRequest;
using test::TestServer;

using test::ClientTest;
using test::kSecret;
using test::kToken;
using test::kUnixTime;
using test::steady_us;

TEST_F(ClientTest, a_good_call_gives_its_body)
{
    TestServer server([](const ServerRequest &) {
        return ServerReply{http(200, "{\"TableNames\":[]}", test::crc_header("{\"TableNames\":[]}"))};
    });
    open(server.url());
    Call *call = start();
    EXPECT_FALSE(call_finished(call));
    EXPECT_FALSE(call_status(call).ok());
    EXPECT_TRUE(finish(call).ok());
    EXPECT_EQ(call_body(call), "{\"TableNames\":[]}");
    EXPECT_EQ(release_body(*call), "{\"TableNames\":[]}");
    EXPECT_EQ(call_body(call), "");
    EXPECT_EQ(session_endpoint(session_), server.url());
}

TEST_F(ClientTest, a_request_arrives_as_it_was_signed)
{
    ServerRequest received;
    TestServer server([&](const ServerRequest &request) {
        received = request;
        return ServerReply{http(200, "{}")};
    });
    open(server.url());
    EXPECT_TRUE(finish(start("{\"ShardIterator\":\"x\"}", Operation::kGetRecords)).ok());
    EXPECT_EQ(received.line, "POST / HTTP/1.1");
    EXPECT_EQ(received.body, "{\"ShardIterator\":\"x\"}");
    auto &headers = received.headers;
    EXPECT_EQ(headers["host"], server.url().substr(7));
    EXPECT_EQ(headers["x-amz-target"], "DynamoDBStreams_20120810.GetRecords");
    EXPECT_EQ(headers["content-type"], "application/x-amz-json-1.0");
    EXPECT_EQ(headers["accept-encoding"], "gzip");
    EXPECT_EQ(headers["x-amz-date"], "20231114T221320Z");
    EXPECT_EQ(headers["x-amz-security-token"], kToken);
    EXPECT_FALSE(headers.contains("expect"));

    const aws::Header signed_headers[] = {{"host", headers["host"]},
                                          {"content-type", headers["content-type"]},
                                          {"x-amz-date", headers["x-amz-date"]},
                                          {"x-amz-security-token", headers["x-amz-security-token"]},
                                          {"x-amz-target", headers["x-amz-target"]}};
    EXPECT_EQ(headers["authorization"],
              aws::Signer("us-east-1", "dynamodb")
                  .authorization({"POST", "/", "", signed_headers, received.body},
                                 {"AKIDEXAMPLE", std::string(kSecret), std::string(kToken)}, headers["x-amz-date"]));
}

TEST_F(ClientTest, a_body_with_a_wrong_crc_is_fetched_again)
{
    TestServer server([](const ServerRequest &request) {
        return ServerReply{http(200, "{}", request.number == 0 ? "x-amz-crc32: 1\r\n" : test::crc_header("{}"))};
    });
    open(server.url());
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(server.requests(), 2);
    EXPECT_EQ(server.accepted(), 1);
}

TEST_F(ClientTest, a_crc_that_stays_wrong_is_reported_after_three_attempts)
{
    TestServer server([](const ServerRequest &) {
        return ServerReply{http(200, "{}", "x-amz-crc32: 1\r\nx-amzn-RequestId: R1\r\n")};
    });
    open(server.url());
    const Status status = ask();
    EXPECT_EQ(status.failure, Failure::kCorrupt);
    EXPECT_TRUE(status.retryable);
    EXPECT_STREQ(status.sqlstate, "08P01");
    EXPECT_STREQ(status.request_id, "R1");
    EXPECT_EQ(server.requests(), 3);
}

TEST_F(ClientTest, a_body_that_ends_too_early_is_fetched_again)
{
    TestServer server([](const ServerRequest &request) {
        const std::string whole = http(200, std::string(5000, 'x'));
        return request.number == 0 ? ServerReply{whole.substr(0, 3000), true} : ServerReply{whole};
    });
    open(server.url());
    Call *call = start();
    EXPECT_TRUE(finish(call).ok());
    EXPECT_EQ(call_body(call).size(), 5000u);
    EXPECT_EQ(server.requests(), 2);
}

TEST_F(ClientTest, a_chunked_body_that_ends_too_early_is_fetched_again)
{
    TestServer server([](const ServerRequest &request) {
        const std::string start = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n";
        return request.number == 0 ? ServerReply{start, true} : ServerReply{start + "0\r\n\r\n"};
    });
    open(server.url());
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(server.requests(), 2);
}

TEST_F(ClientTest, a_big_body_in_pieces_arrives_whole)
{
    const std::string body(3'000'000, 'x');
    TestServer server([&](const ServerRequest &request) {
        EXPECT_FALSE(request.headers.contains("expect"));
        return ServerReply{http(200, body, test::crc_header(body)), false, 0, true};
    });
    open(server.url());
    Call *call = start(std::string(2'000'000, ' '));
    EXPECT_TRUE(finish(call).ok());
    EXPECT_EQ(call_body(call), body);
}

TEST_F(ClientTest, a_body_beyond_the_cap_is_refused_once)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(200, std::string(40'000'000, 'x'))}; });
    open(server.url());
    const Status status = ask();
    EXPECT_EQ(status.failure, Failure::kCorrupt);
    EXPECT_FALSE(status.retryable);
    EXPECT_EQ(server.requests(), 1);
}

TEST_F(ClientTest, a_server_that_is_too_slow_is_asked_three_times)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(200, "{}"), false, 300}; });
    open(server.url(), 100'000);
    const Status status = ask();
    EXPECT_EQ(status.failure, Failure::kUnavailable);
    EXPECT_STREQ(status.sqlstate, "08006");
    EXPECT_NE(std::string(status.message).find("timed out"), std::string::npos) << status.message;
    EXPECT_EQ(server.requests(), 3);
    EXPECT_EQ(session_->quota.available(), 480);
}

TEST_F(ClientTest, a_reused_connection_that_was_closed_meanwhile_does_not_matter)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(200, "{}"), true}; });
    open(server.url());
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(ask().ok());
    EXPECT_EQ(server.requests(), 5);
}

TEST_F(ClientTest, a_connection_reset_instead_of_an_answer_is_tried_again)
{
    TestServer server([](const ServerRequest &request) {
        return request.number % 2 == 1 ? ServerReply{"", true} : ServerReply{http(200, "{}")};
    });
    open(server.url());
    for (int i = 0; i < 4; ++i)
        EXPECT_TRUE(ask().ok());
}

TEST_F(ClientTest, an_error_inside_dynamodb_is_tried_again)
{
    TestServer server([](const ServerRequest &request) {
        return ServerReply{request.number == 0 ? http(500, R"({"__type":"x#InternalServerError","message":"oops"})")
                                               : http(200, "{}")};
    });
    open(server.url());
    Call *call = start();
    EXPECT_TRUE(finish(call).ok());
    EXPECT_EQ(call_throttled(call), 0u);
    EXPECT_EQ(server.requests(), 2);
    EXPECT_EQ(server.accepted(), 1);
    EXPECT_EQ(session_->quota.available(), 500);
}

TEST_F(ClientTest, each_attempt_is_signed_with_the_time_of_its_own)
{
    std::vector<std::string> dates;
    TestServer server([&](const ServerRequest &request) {
        dates.push_back(request.headers.at("x-amz-date"));
        return ServerReply{http(request.number == 0 ? 503 : 200, "{}")};
    });
    open(server.url());
    Call *call = nullptr;
    const Now later{now().monotonic_us, kUnixTime + 60'000'000};
    ASSERT_TRUE(call_start(client_, session_, Operation::kScan, "{}", later, &call).ok());
    calls_.insert(call);
    EXPECT_TRUE(finish(call).ok());
    EXPECT_EQ(dates, (std::vector<std::string>{"20231114T221420Z", "20231114T221320Z"}));
}

TEST_F(ClientTest, throttling_is_counted_and_reported_after_three_attempts)
{
    TestServer server([](const ServerRequest &) {
        return ServerReply{
            http(400,
                 R"({"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",)"
                 R"("message":"The level of configured provisioned throughput was exceeded"})",
                 "x-amzn-RequestId: R7\r\n")};
    });
    open(server.url());
    Call *call = start("{}", Operation::kScan);
    const Status status = finish(call);
    EXPECT_EQ(status.failure, Failure::kThrottled);
    EXPECT_TRUE(status.retryable);
    EXPECT_STREQ(status.message, "request Scan was throttled by DynamoDB");
    EXPECT_STREQ(status.detail,
                 "ProvisionedThroughputExceededException: The level of configured provisioned throughput was exceeded");
    EXPECT_STREQ(status.request_id, "R7");
    EXPECT_EQ(call_throttled(call), 3u);
    EXPECT_EQ(server.requests(), 3);
    EXPECT_EQ(server.accepted(), 1);  // errors keep the connection
}

TEST_F(ClientTest, a_waiting_call_is_due_after_the_time_that_the_service_asks_for)
{
    TestServer server([](const ServerRequest &request) {
        return ServerReply{request.number == 0 ? http(503, "", "x-amz-retry-after: 4000\r\n") : http(200, "{}")};
    });
    open(server.url());
    Call *call = start();
    while (client_->waiting.front() == nullptr)
        turn();
    const std::int64_t left = client_deadline(client_) - now().monotonic_us;
    EXPECT_GT(left, 3'000'000);
    EXPECT_LE(left, 4'000'000);
    EXPECT_TRUE(finish(call).ok());
}

TEST_F(ClientTest, the_deadline_is_that_of_the_call_that_is_due_first)
{
    TestServer server([](const ServerRequest &request) {
        return ServerReply{http(503, "", "x-amz-retry-after: " + request.body + "\r\n")};
    });
    open(server.url());
    Call *late = start("5000");
    while (late->list != &client_->waiting)
        turn();
    Call *soon = start("1000");
    while (soon->list != &client_->waiting)
        turn();
    EXPECT_EQ(client_deadline(client_), std::min(late->due_us, soon->due_us));
    EXPECT_EQ(client_->waiting.front(), soon);
}

TEST_F(ClientTest, an_error_that_asking_again_cannot_help_is_reported_at_once)
{
    TestServer server([](const ServerRequest &) {
        return ServerReply{
            http(400, R"({"__type":"x#ResourceNotFoundException","message":"Requested resource not found"})")};
    });
    open(server.url());
    EXPECT_EQ(ask().failure, Failure::kNotFound);
    EXPECT_EQ(server.requests(), 1);
}

TEST_F(ClientTest, an_answer_that_is_no_json_is_quoted)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(404, "<html>nothing here</html>")}; });
    open(server.url());
    const Status status = ask();
    EXPECT_EQ(status.failure, Failure::kInvalid);
    EXPECT_STREQ(status.detail, "HTTP status 404: <html>nothing here</html>");
}

TEST_F(ClientTest, a_session_token_that_an_answer_repeats_is_hidden)
{
    TestServer server([](const ServerRequest &request) {
        const std::string token = request.headers.at("x-amz-security-token");
        if (request.number == 0)
            return ServerReply{http(404, "x-amz-security-token: " + token + "\nagain: " + token)};
        return ServerReply{
            http(400, R"({"__type":"ValidationException","message":"of \u0043)" + token.substr(1) + "\"}")};
    });
    open(server.url());
    EXPECT_STREQ(ask().detail, "HTTP status 404: x-amz-security-token: (hidden) again: (hidden)");
    EXPECT_STREQ(ask().detail, "ValidationException: of (hidden)");
}

TEST_F(ClientTest, redirects_are_not_followed)
{
    TestServer other([](const ServerRequest &) { return ServerReply{http(200, "{}")}; });
    TestServer server(
        [&](const ServerRequest &) { return ServerReply{http(307, "", "Location: " + other.url() + "/\r\n")}; });
    open(server.url());
    EXPECT_FALSE(ask().ok());
    EXPECT_EQ(other.requests(), 0);
}

TEST_F(ClientTest, proxies_of_the_environment_are_not_used)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(200, "{}")}; });
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    open(server.url());
    EXPECT_TRUE(ask().ok());
    unsetenv("http_proxy");
}

TEST_F(ClientTest, a_server_that_does_not_speak_http_is_named)
{
    TestServer server([](const ServerRequest &) { return ServerReply{"SSH-2.0-OpenSSH_9.2\r\n", true}; });
    open(server.url());
    EXPECT_EQ(ask().failure, Failure::kCorrupt);
}

TEST_F(ClientTest, a_port_where_nobody_listens_is_named)
{
    open("http://127.0.0.1:1");
    const Status status = ask();
    EXPECT_EQ(status.failure, Failure::kUnavailable);
    EXPECT_TRUE(status.retryable);
    EXPECT_STREQ(status.sqlstate, "08001");
    EXPECT_STREQ(status.message, "could not connect to DynamoDB at \"http://127.0.0.1:1\"");
    EXPECT_NE(std::string(status.detail), "");
    EXPECT_NE(std::string(status.hint), "");
}

TEST_F(ClientTest, a_server_without_tls_behind_https_is_an_error)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(200, "{}")}; });
    open("https" + server.url().substr(4), 100'000);
    EXPECT_EQ(ask().failure, Failure::kUnavailable);
}

TEST_F(ClientTest, a_wrong_clock_is_corrected_with_one_more_request)
{
    // Two days ahead of the client's.
    TestServer server([](const ServerRequest &request) {
        return ServerReply{request.headers.at("x-amz-date").starts_with("20231116T2213")
                               ? http(200, "{}")
                               : http(400, R"({"__type":"x#InvalidSignatureException","message":"Signature expired"})",
                                      "Date: Thu, 16 Nov 2023 22:13:20 GMT\r\n")};
    });
    open(server.url());
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(server.requests(), 2);
    EXPECT_TRUE(ask().ok());  // remembered by the client
    EXPECT_EQ(server.requests(), 3);
    EXPECT_EQ(session_->quota.available(), 500);
}

TEST_F(ClientTest, a_clock_is_corrected_only_once_a_call)
{
    TestServer server([](const ServerRequest &request) {
        return ServerReply{http(400, R"({"__type":"x#RequestTimeTooSkewed","message":"still wrong"})",
                                "Date: Thu, 16 Nov 2023 1" + std::to_string(request.number % 10) + ":00:00 GMT\r\n")};
    });
    open(server.url());
    EXPECT_EQ(ask().failure, Failure::kCredentials);
    EXPECT_EQ(server.requests(), 2);
}

TEST_F(ClientTest, a_wrong_signature_at_the_right_time_is_reported_at_once)
{
    TestServer server([](const ServerRequest &) {
        return ServerReply{http(400, R"({"__type":"x#InvalidSignatureException","message":"no match"})",
                                "Date: Tue, 14 Nov 2023 22:11:20 GMT\r\n")};
    });
    open(server.url());
    EXPECT_EQ(ask().failure, Failure::kCredentials);
    EXPECT_EQ(server.requests(), 1);
}

TEST_F(ClientTest, ten_calls_in_parallel_use_ten_connections_again_and_again)
{
    TestServer server([](const ServerRequest &request) { return ServerReply{http(200, request.body), false, 20}; });
    open(server.url());
    for (int round = 0; round < 5; ++round) {
        std::vector<Call *> calls;
        for (int i = 0; i < 10; ++i)
            calls.push_back(start("{\"n\":" + std::to_string(i) + "}"));
        while (!std::all_of(calls.begin(), calls.end(), call_finished))
            turn();
        for (int i = 0; i < 10; ++i)
            EXPECT_EQ(call_body(calls[static_cast<std::size_t>(i)]), "{\"n\":" + std::to_string(i) + "}");
    }
    EXPECT_EQ(server.requests(), 50);
    EXPECT_EQ(server.accepted(), 10);
}

TEST_F(ClientTest, three_hundred_calls_at_once_share_a_bounded_number_of_connections)
{
    TestServer server([](const ServerRequest &request) { return ServerReply{http(200, request.body), false, 20}; });
    open(server.url());
    std::vector<Call *> calls;
    for (int i = 0; i < 300; ++i)
        calls.push_back(start("{\"n\":" + std::to_string(i) + "}"));
    for (bool finished = false; !finished; turn())
        finished = std::all_of(calls.begin(), calls.end(), call_finished);
    for (Call *call : calls)
        EXPECT_TRUE(call_status(call).ok());
    EXPECT_LE(server.most_waiting(), 128);
}

TEST_F(ClientTest, a_call_can_be_destroyed_in_every_state)
{
    TestServer server([](const ServerRequest &request) {
        return ServerReply{http(request.body == "error" ? 500 : 200, "{}"), false, request.body == "slow" ? 1000 : 0};
    });
    open(server.url());
    destroy(start());  // before anything was sent
    Call *slow = start("slow");
    while (server.requests() == 0)
        turn();
    const std::int64_t before = steady_us();
    destroy(slow);
    EXPECT_LT(steady_us() - before, 100'000);
    Call *waiting = start("error");
    while (client_->waiting.front() == nullptr)
        turn();
    destroy(waiting);
    EXPECT_EQ(client_deadline(client_), -1);
    Call *finished = start();
    while (!call_finished(finished))
        turn();
    destroy(finished);
    EXPECT_TRUE(ask().ok());
}

TEST_F(ClientTest, calls_outlive_their_client)
{
    TestServer server([](const ServerRequest &request) {
        return ServerReply{http(request.body == "error" ? 500 : 200, "{}"), false, request.body == "slow" ? 1000 : 0};
    });
    open(server.url());
    Call *finished = start();
    EXPECT_TRUE(finish(finished).ok());
    Call *slow = start("slow");
    Call *waiting = start("error");
    while (client_->waiting.front() == nullptr)
        turn();
    client_destroy(client_);
    client_ = nullptr;
    EXPECT_TRUE(call_status(finished).ok());
    EXPECT_EQ(call_body(finished), "{}");
    for (const Call *call : {slow, waiting}) {
        EXPECT_TRUE(call_finished(call));
        EXPECT_EQ(call_status(call).failure, Failure::kUnavailable);
    }
}

TEST_F(ClientTest, an_idle_client_waits_for_nothing)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(200, "{}")}; });
    open(server.url());
    EXPECT_EQ(client_deadline(client_), -1);
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(client_deadline(client_), -1);
    pollfd descriptor{client_fd(client_), POLLIN, 0};
    EXPECT_EQ(poll(&descriptor, 1, 20), 0);
}

TEST_F(ClientTest, a_call_takes_few_turns_of_the_loop)
{
    TestServer server([](const ServerRequest &) { return ServerReply{http(200, "{}"), false, 2}; });
    open(server.url());
    EXPECT_TRUE(ask().ok());
    turns_ = 0;
    for (int i = 0; i < 10; ++i)
        EXPECT_TRUE(ask().ok());
    EXPECT_LE(turns_, 40);
}

TEST_F(ClientTest, drive_leaves_the_signal_mask_as_it_was)
{
    sigset_t before, after;
    sigemptyset(&before);
    sigaddset(&before, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    open("http://localhost:1");  // the name starts the resolver's thread
    EXPECT_FALSE(ask().ok());
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int signal = 1; signal < 32; ++signal)
        EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
}

TEST(Session, bad_options_are_refused)
{
    SessionOptions options{};
    options.region = "us-east-1";
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = "secret";
    options.request_timeout_us = 1'000'000;
    Session *session = nullptr;
    ASSERT_TRUE(session_create(options, &session).ok());
    EXPECT_EQ(session_endpoint(session), "https://dynamodb.us-east-1.amazonaws.com");
    session_destroy(session);

    SessionOptions bad = options;
    bad.region = "nowhere!";
    EXPECT_STREQ(session_create(bad, &session).sqlstate, "22023");
    EXPECT_EQ(session, nullptr);
    bad = options;
    bad.secret_access_key = "";
    EXPECT_STREQ(session_create(bad, &session).sqlstate, "28000");
    bad = options;
    bad.endpoint = "http://example.com";
    EXPECT_STREQ(session_create(bad, &session).sqlstate, "22023");
    bad = options;
    bad.request_timeout_us = 0;
    EXPECT_STREQ(session_create(bad, &session).sqlstate, "22023");
    bad = options;
    bad.sts_endpoint = "http://example.com";
    EXPECT_STREQ(session_create(bad, &session).sqlstate, "22023");
}

}  // namespace
}  // namespace podyn::engine
