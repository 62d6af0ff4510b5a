// A client of the engine and its caller's event loop, for tests against servers of their own.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>

#include "engine/client.h"

namespace podyn::test {

inline constexpr std::int64_t kUnixTime = 1'700'000'000'000'000;
inline constexpr std::string_view kSecret = "CANARY-SECRET";
inline constexpr std::string_view kToken = "CANARY-TOKEN";

inline std::int64_t steady_us()
{
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// A client, a session and the event loop of a caller. Where nothing comes from the network for a while, the loop's
// clock jumps ahead to the deadline, so that delays of retries take no time.
class ClientTest : public testing::Test {
  protected:
    ~ClientTest() override { close_all(); }

    // A test may open again afterwards.
    void close_all()
    {
        for (engine::Call *call : calls_)
            call_destroy(call);
        calls_.clear();
        session_destroy(session_);
        client_destroy(client_);
        session_ = nullptr;
        client_ = nullptr;
    }

    void open(const std::string &url, std::int64_t timeout_us = 10'000'000)
    {
        engine::SessionOptions options{};
        options.region = "us-east-1";
        options.endpoint = url;
        options.access_key_id = "AKIDEXAMPLE";
        options.secret_access_key = kSecret;
        options.session_token = kToken;
        options.request_timeout_us = timeout_us;
        open(options);
    }

    void open(const engine::SessionOptions &options)
    {
        const base::Status session_status = session_create(options, &session_);
        ASSERT_TRUE(session_status.ok()) << session_status.message;
        ASSERT_TRUE(client_create({42}, &client_).ok());
    }

    engine::Now now() const { return {steady_us() + skipped_us_, unix_us_}; }

    engine::Call *start(std::string_view body = "{}", engine::Operation operation = engine::Operation::kListTables)
    {
        engine::Call *call = nullptr;
        const base::Status status = call_start(client_, session_, operation, body, now(), &call);
        EXPECT_TRUE(status.ok()) << status.message;
        calls_.insert(call);
        return call;
    }

    void destroy(engine::Call *call)
    {
        calls_.erase(call);
        call_destroy(call);
    }

    // One turn of the caller's loop; false when there is nothing left to wait for.
    bool turn()
    {
        const std::int64_t deadline = client_deadline(client_);
        pollfd descriptor{client_fd(client_), POLLIN, 0};
        const std::int64_t left_ms = deadline < 0 ? 100 : (deadline - now().monotonic_us + 999) / 1000;
        const int ready = poll(&descriptor, 1, static_cast<int>(std::clamp<std::int64_t>(left_ms, 0, 30)));
        if (ready == 0 && deadline > now().monotonic_us)
            skipped_us_ += deadline - now().monotonic_us;
        client_drive(client_, now());
        ++turns_;
        return ready > 0 || deadline >= 0;
    }

    base::Status finish(engine::Call *call)
    {
        for (int idle = 0; !call_finished(call) && idle < 200;)
            idle = turn() ? 0 : idle + 1;
        EXPECT_TRUE(call_finished(call));
        const base::Status status = call_status(call);
        for (const std::string_view text : {status.message, status.detail, status.hint, status.request_id})
            EXPECT_EQ(text.find("CANARY"), std::string_view::npos) << text;
        return status;
    }

    base::Status ask(std::string_view body = "{}") { return finish(start(body)); }

    engine::Client *client_ = nullptr;
    engine::Session *session_ = nullptr;
    std::set<engine::Call *> calls_;
    std::int64_t unix_us_ = kUnixTime;
    std::int64_t skipped_us_ = 0;
    int turns_ = 0;
};

}  // namespace podyn::test
