// Credentials that are fetched, kept, renewed and refused while calls go on: the engine against a DynamoDB and a
// container's credentials endpoint in this process.
#include "engine/keeper.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>

#include "base/time_format.h"
#include "client_fixture.h"
#include "engine/call.h"
#include "test_server.h"

namespace podyn::engine {
namespace {

using test::ClientTest;
using test::http;
using test::kUnixTime;
using test::ServerReply;
using test::ServerRequest;
using test::TestServer;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;

// The variable is set while the object lives.
class Variable {
  public:
    Variable(const char *name, const std::string &value) : name_(name) { setenv(name, value.c_str(), 1); }
    ~Variable() { unsetenv(name_); }
    Variable(const Variable &) = delete;
    Variable &operator=(const Variable &) = delete;

  private:
    const char *name_;
};

// The key that a request was signed with.
std::string key_of(const ServerRequest &request)
{
    const std::string &header = request.headers.at("authorization");
    const std::size_t start = header.find("Credential=") + 11;
    return header.substr(start, header.find('/') - start);
}

class KeeperTest : public ClientTest {
  protected:
    KeeperTest()
        : container([this](const ServerRequest &request) {
              return ServerReply{
                  answer_status == 200 ? http(200, credentials(request.number)) : http(answer_status, ""), false,
                  delay_ms};
          }),
          dynamodb([this](const ServerRequest &request) {
              const std::lock_guard lock(mutex);
              keys.push_back(key_of(request));
              return keys.back() == refused_key
                         ? ServerReply{http(400, "{\"__type\":\"x#" + refusal + "\",\"message\":\"expired\"}")}
                         : ServerReply{http(200, "{}")};
          }),
          uri("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url() + "/c"),
          home("HOME", "/nonexistent")
    {
    }

    // Keys are numbered: K0, K1, …
    std::string credentials(int number)
    {
        return R"({"AccessKeyId":"K)" + std::to_string(number) + R"(","SecretAccessKey":"CANARY","Token":"CANARY",)" +
               R"("Expiration":")" + base::iso_time(unix_us_ + life_us) + "\"}";
    }

    SessionOptions options() const
    {
        SessionOptions chain{};
        chain.region = "us-east-1";
        chain.endpoint = endpoint;
        chain.request_timeout_us = 10 * kSecond;
        chain.use_default_chain = true;
        return chain;
    }

    void open_chain()
    {
        endpoint = dynamodb.url();
        open(options());
    }

    // Turns of the loop until the container was asked so often and answered.
    void wait_for_requests(int count)
    {
        for (int i = 0; i < 300 && container.requests() < count; ++i)
            turn();
        for (int i = 0; i < 20; ++i)
            turn();
    }

    std::mutex mutex;
    std::vector<std::string> keys;
    std::string refused_key, refusal = "ExpiredTokenException", endpoint;
    std::atomic<int> answer_status = 200;
    std::atomic<int> delay_ms = 0;
    std::atomic<std::int64_t> life_us = 60 * kMinute;
    TestServer container;
    TestServer dynamodb;
    Variable uri;
    Variable home;
};

using Keys = std::vector<std::string>;

TEST_F(KeeperTest, calls_wait_for_credentials_and_share_them)
{
    open_chain();
    std::vector<Call *> calls;
    for (int i = 0; i < 5; ++i)
        calls.push_back(start());
    EXPECT_FALSE(call_finished(calls[0]));
    for (Call *call : calls)
        EXPECT_TRUE(finish(call).ok());
    EXPECT_EQ(keys, Keys(5, "K0"));
    EXPECT_EQ(container.requests(), 1);
    Session *other = nullptr;
    ASSERT_TRUE(session_create(options(), &other).ok());
    std::swap(session_, other);
    EXPECT_TRUE(ask().ok());
    std::swap(session_, other);
    EXPECT_EQ(container.requests(), 1);
    EXPECT_EQ(client_->keepers.size(), 1u);
    for (Call *call : std::set<Call *>(calls_))
        destroy(call);
    session_destroy(other);
}

TEST_F(KeeperTest, new_ones_are_fetched_before_the_old_ones_expire_and_hold_nobody_up)
{
    open_chain();
    EXPECT_TRUE(ask().ok());
    unix_us_ += 44 * kMinute;
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(container.requests(), 1);
    unix_us_ += 2 * kMinute;  // 14 minutes left
    EXPECT_TRUE(ask().ok());
    wait_for_requests(2);
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(keys, (Keys{"K0", "K0", "K0", "K1"}));
    EXPECT_EQ(container.requests(), 2);
    unix_us_ += 30 * kMinute;  // the first ones have expired
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(keys.back(), "K1");
}

TEST_F(KeeperTest, short_lived_ones_are_renewed_at_half_their_life)
{
    life_us = 4 * kSecond;
    open_chain();
    EXPECT_TRUE(ask().ok());
    unix_us_ += kSecond;
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(container.requests(), 1);
    unix_us_ += 2 * kSecond;
    EXPECT_TRUE(ask().ok());
    wait_for_requests(2);
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(keys, (Keys{"K0", "K0", "K0", "K1"}));
}

TEST_F(KeeperTest, a_renewal_that_fails_is_tried_again_and_matters_only_once_the_old_ones_have_expired)
{
    open_chain();
    EXPECT_TRUE(ask().ok());
    answer_status = 500;
    unix_us_ += 50 * kMinute;
    EXPECT_TRUE(ask().ok());
    wait_for_requests(4);  // three attempts
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(container.requests(), 4);  // not yet again
    unix_us_ += 11 * kSecond;
    EXPECT_TRUE(ask().ok());
    wait_for_requests(7);
    EXPECT_EQ(container.requests(), 7);
    EXPECT_EQ(keys, Keys(4, "K0"));

    unix_us_ += 10 * kMinute;
    const Status status = ask();
    EXPECT_EQ(status.failure, Failure::kCredentials);
    EXPECT_STREQ(status.sqlstate, "28000");
    EXPECT_TRUE(status.retryable);
    answer_status = 404;
    EXPECT_TRUE(ask().retryable) << "what worked before will work again";
    answer_status = 200;
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(keys.size(), 5u);
    EXPECT_NE(keys.back(), "K0");
}

TEST_F(KeeperTest, a_set_up_that_never_worked_is_not_worth_another_attempt)
{
    answer_status = 404;
    open_chain();
    const Status status = ask();
    EXPECT_EQ(status.failure, Failure::kCredentials);
    EXPECT_FALSE(status.retryable);
    EXPECT_EQ(dynamodb.requests(), 0);
}

TEST_F(KeeperTest, expired_ones_are_renewed_once_and_the_call_made_again)
{
    for (const std::string name : {"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException"}) {
        refusal = name;
        if (client_ == nullptr)
            open_chain();
        EXPECT_TRUE(ask().ok());
        refused_key = keys.back();
        keys.clear();
        EXPECT_TRUE(ask().ok());
        ASSERT_EQ(keys.size(), 2u);
        EXPECT_EQ(keys[0], refused_key);
        EXPECT_NE(keys[1], refused_key);
    }
    EXPECT_EQ(container.requests(), 4);
}

TEST_F(KeeperTest, new_ones_that_are_refused_too_are_reported)
{
    open_chain();
    life_us = 0;
    EXPECT_TRUE(ask().ok());
    refused_key = "K0";
    // The container goes on giving the same ones.
    TestServer same([&](const ServerRequest &) { return ServerReply{http(200, credentials(0))}; });
    const Variable changed("AWS_CONTAINER_CREDENTIALS_FULL_URI", same.url());
    const Status status = ask();
    EXPECT_EQ(status.failure, Failure::kCredentials);
    EXPECT_EQ(same.requests(), 1);
    EXPECT_EQ(keys, Keys(3, "K0"));
}

TEST_F(KeeperTest, calls_that_are_refused_together_renew_together)
{
    open_chain();
    EXPECT_TRUE(ask().ok());
    refused_key = "K0";
    std::vector<Call *> calls;
    for (int i = 0; i < 5; ++i)
        calls.push_back(start());
    for (Call *call : calls)
        EXPECT_TRUE(finish(call).ok());
    EXPECT_EQ(container.requests(), 2);
}

TEST_F(KeeperTest, keys_of_a_user_mapping_cannot_be_renewed)
{
    refused_key = "AKIDEXAMPLE";
    open(dynamodb.url());
    EXPECT_EQ(ask().failure, Failure::kCredentials);
    EXPECT_EQ(dynamodb.requests(), 1);
    EXPECT_EQ(container.requests(), 0);
}

TEST_F(KeeperTest, new_ones_that_seem_to_have_expired_are_used)
{
    life_us = -kMinute;
    open_chain();
    EXPECT_TRUE(ask().ok());
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(container.requests(), 1);
    unix_us_ += 3 * kMinute;
    EXPECT_TRUE(ask().ok());
    wait_for_requests(2);
    EXPECT_EQ(container.requests(), 2);
}

TEST_F(KeeperTest, a_role_is_assumed_with_the_user_mapping_and_its_own_clock)
{
    std::atomic<int> asked = 0;
    TestServer sts([&](const ServerRequest &request) {
        ++asked;
        EXPECT_EQ(key_of(request), "AKIDEXAMPLE");
        EXPECT_EQ(request.line, "POST / HTTP/1.1");
        EXPECT_NE(request.body.find("ExternalId=ext"), std::string::npos);
        if (!request.headers.at("x-amz-date").starts_with("20231116T"))
            return ServerReply{http(403, "<Error><Code>SignatureDoesNotMatch</Code><Message>expired</Message></Error>",
                                    "Date: Thu, 16 Nov 2023 22:13:20 GMT\r\n")};
        return ServerReply{
            http(200,
                 "<x><AccessKeyId>KROLE</AccessKeyId><SecretAccessKey>CANARY</SecretAccessKey>"
                 "<SessionToken>CANARY</SessionToken><Expiration>2023-11-16T23:13:20Z</Expiration></x>")};
    });
    const std::string sts_url = sts.url();
    endpoint = dynamodb.url();
    SessionOptions role = options();
    role.use_default_chain = false;
    role.access_key_id = "AKIDEXAMPLE";
    role.secret_access_key = "CANARY";
    role.role_arn = "arn:aws:iam::1:role/R";
    role.external_id = "ext";
    role.sts_endpoint = sts_url;
    open(role);
    EXPECT_TRUE(ask().ok());
    EXPECT_EQ(keys, Keys{"KROLE"});
    EXPECT_EQ(asked, 2);
}

// ---- ends in the middle --------------------------------------------------------------------------------------------

TEST_F(KeeperTest, a_waiting_call_can_be_destroyed)
{
    delay_ms = 500;
    open_chain();
    Call *call = start();
    while (container.requests() == 0)
        turn();
    destroy(call);
    EXPECT_EQ(dynamodb.requests(), 0);
}

TEST_F(KeeperTest, a_session_can_end_during_a_search)
{
    delay_ms = 500;
    open_chain();
    destroy([&] {
        Call *call = start();
        while (container.requests() == 0)
            turn();
        return call;
    }());
    session_destroy(session_);
    session_ = nullptr;
    EXPECT_TRUE(client_->keepers.empty());
    turn();
}

TEST_F(KeeperTest, a_client_can_end_during_a_search_and_its_session_goes_on_with_another)
{
    delay_ms = 100;
    open_chain();
    Call *call = start();
    while (container.requests() == 0)
        turn();
    client_destroy(client_);
    client_ = nullptr;
    EXPECT_TRUE(call_finished(call));
    EXPECT_EQ(call_status(call).failure, Failure::kUnavailable);
    delay_ms = 0;
    ASSERT_TRUE(client_create({43}, &client_).ok());
    EXPECT_TRUE(ask().ok());
}

// ---- credential_process --------------------------------------------------------------------------------------------

class CredentialProcessTest : public KeeperTest {
  protected:
    CredentialProcessTest()
        : folder_(testing::TempDir() + "podyn-process-" + std::to_string(getpid())),
          config_("AWS_CONFIG_FILE", folder_ + "/config")
    {
        mkdir(folder_.c_str(), 0700);
    }

    ~CredentialProcessTest() override
    {
        for (const char *name : {"/config", "/script", "/pid"})
            unlink((folder_ + name).c_str());
        rmdir(folder_.c_str());
    }

    // The profile runs a shell script of this text.
    void open_with_script(const std::string &script)
    {
        std::ofstream(folder_ + "/script") << script;
        std::ofstream(folder_ + "/config") << "[default]\ncredential_process = sh " << folder_ << "/script 'a b'\n";
        endpoint = dynamodb.url();
        SessionOptions allowed = options();
        allowed.allow_credential_process = true;
        open(allowed);
    }

    // Without skipping time, because a process takes its own.
    Status finish_really(Call *call)
    {
        for (int i = 0; i < 2000 && !call_finished(call); ++i) {
            pollfd descriptor{client_fd(client_), POLLIN, 0};
            poll(&descriptor, 1, 5);
            client_drive(client_, now());
        }
        EXPECT_TRUE(call_finished(call));
        return call_status(call);
    }

    std::string folder_;
    Variable config_;
};

TEST_F(CredentialProcessTest, gives_credentials)
{
    open_with_script(
        "[ \"$1\" = 'a b' ] && [ ! -t 0 ] && ! read line && echo CANARY >&2\n"
        "printf '{\"Version\": 1, \"AccessKeyId\": \"KP\", '\nsleep 0.05\n"
        "echo '\"SecretAccessKey\": \"s\"}'\n");
    EXPECT_TRUE(finish_really(start()).ok());
    EXPECT_EQ(keys, Keys{"KP"});
}

TEST_F(CredentialProcessTest, that_fails_is_told_by_its_exit_code)
{
    open_with_script("echo CANARY; exit 3\n");
    const Status status = finish_really(start());
    EXPECT_STREQ(status.detail, "the program ended with exit code 3");
    EXPECT_EQ(status.failure, Failure::kCredentials);
}

TEST_F(CredentialProcessTest, that_writes_too_much_is_killed)
{
    open_with_script("yes CANARY\n");
    EXPECT_STREQ(finish_really(start()).detail, "the program wrote too much");
}

TEST_F(CredentialProcessTest, that_takes_too_long_is_killed_with_its_children)
{
    open_with_script("sleep 1000 & echo $! > " + folder_ + "/pid\nwait\n");
    Call *call = start();
    const auto child = [&] {
        pid_t pid = 0;
        std::ifstream(folder_ + "/pid") >> pid;
        return pid;
    };
    for (int i = 0; i < 1000 && child() == 0; ++i)
        poll(nullptr, 0, 5), client_drive(client_, now());
    const pid_t pid = child();
    ASSERT_GT(pid, 0);
    skipped_us_ += 2 * kMinute;
    EXPECT_STREQ(finish_really(call).detail, "the program did not end within a minute");
    const auto state = [&] {
        std::string line;
        std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
        return line.empty() ? 'X' : line[line.rfind(')') + 2];
    };
    for (int i = 0; i < 200 && state() != 'X' && state() != 'Z'; ++i)
        poll(nullptr, 0, 5);
    EXPECT_TRUE(state() == 'X' || state() == 'Z') << state();
}

TEST_F(CredentialProcessTest, that_is_not_there_is_named)
{
    open_with_script("");
    std::ofstream(folder_ + "/config") << "[default]\ncredential_process = /nonexistent/program\n";
    EXPECT_STREQ(finish_really(start()).detail, "cannot start \"/nonexistent/program\": No such file or directory");
}

}  // namespace
}  // namespace podyn::engine
