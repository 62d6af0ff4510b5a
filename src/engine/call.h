// Inside the engine only: what the opaque handles of client.h are.
//
// A call waits (for its retry), runs (has a transfer), or has finished; from client_next_finished() on it is the
// caller's alone. Whichever list it is in tells its state.
#pragma once

#include <memory>
#include <random>
#include <string>

#include "aws/credentials.h"
#include "aws/endpoints.h"
#include "aws/retry.h"
#include "aws/sigv4.h"
#include "engine/client.h"
#include "engine/guard.h"
#include "net/http.h"

namespace podyn::engine {

// A chain of calls through their own links, so that moving one never needs memory.
class CallList {
  public:
    [[nodiscard]] Call *front() const noexcept { return first_; }
    void push_back(Call &call) noexcept;
    // Before the first call that is due later.
    void insert_by_due(Call &call) noexcept;
    void remove(Call &call) noexcept;

  private:
    void insert_before(Call *next, Call &call) noexcept;

    Call *first_ = nullptr;
    Call *last_ = nullptr;
};

struct Session {
    aws::Endpoints endpoints;
    std::string endpoint_text;
    std::unique_ptr<aws::CredentialsProvider> credentials;
    aws::Signer signer;
    std::string ca_file;
    std::int64_t timeout_us;
    std::int64_t clock_offset_us = 0;  // what the service's clock is ahead of ours
};

struct Client {
    explicit Client(std::uint64_t random_seed) : random(random_seed) {}

    net::Http http;
    aws::RetryQuota quota;
    std::mt19937_64 random;
    CallList waiting;  // by due time
    CallList running;
    CallList finished;  // and not yet taken
};

struct Call {
    Client *client;  // null once the client is destroyed
    Session *session;
    Operation operation;
    std::string request;
    void *tag;

    CallList *list = nullptr;  // null: finished and taken
    Call *previous = nullptr;
    Call *next = nullptr;

    aws::RetryState retry{};
    std::unique_ptr<net::Transfer> transfer{};  // while running
    std::int64_t due_us = 0;                    // while waiting; monotonic
    std::int64_t signed_at_us = 0;              // what the last attempt said as its time
    bool clock_corrected = false;
    bool done = false;
    std::uint32_t throttled = 0;
    Status status{};
    std::string body{};
};

// Moves the body out of a finished, successful call.
[[nodiscard]] std::string release_body(Call &call);

}  // namespace podyn::engine
