// Inside the engine only: what the opaque handles of client.h are.
//
// A call waits (for its retry, or for credentials), runs (has a transfer), or has finished and is in no list any more.
// Whichever list it is in tells its state.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "aws/credentials/sources.h"
#include "aws/endpoints.h"
#include "aws/retry.h"
#include "aws/sigv4.h"
#include "engine/client.h"
#include "engine/exchange.h"
#include "engine/guard.h"
#include "net/http.h"
#include "s3/address.h"

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

class Keeper;

struct Session {
    aws::Endpoints endpoints;
    std::string endpoint_text;
    std::string region;
    aws::CredentialOptions credentials;
    aws::Signer signer;
    std::string ca_file;
    std::int64_t timeout_us;
    s3::Access s3;
    std::string s3_ca_file;
    std::map<std::string, std::string> bucket_regions{};  // of those that are in another region than the session
    std::map<std::string, aws::Signer> s3_signers{};      // by region
    aws::RetryQuota quota{};                              // a sick endpoint takes no retries from the others
    std::shared_ptr<Keeper> keeper{};                     // of the client that ran the last call; see keeper_of
};

// Whoever has a transfer run.
class TransferOwner {
  public:
    virtual void on_transfer_end(Now now) noexcept = 0;

  protected:
    ~TransferOwner() = default;
};

struct Client {
    explicit Client(std::uint64_t random_seed) : random(random_seed) {}

    net::Http http;
    std::mt19937_64 random;
    aws::Clocks clocks;
    CallList waiting;  // by due time
    CallList running;
    std::vector<Keeper *> keepers;  // owned by their sessions
};

struct Call final : TransferOwner {
    Call(Client *its_client, Session *its_session, std::unique_ptr<Exchange> its_exchange)
        : client(its_client), session(its_session), exchange(std::move(its_exchange))
    {
    }
    void on_transfer_end(Now now) noexcept override;

    Client *client;  // null once the call has finished
    Session *session;
    std::unique_ptr<Exchange> exchange;

    CallList *list = nullptr;  // null: finished
    Call *previous = nullptr;
    Call *next = nullptr;

    aws::RetryState retry{};
    std::unique_ptr<net::Transfer> transfer{};  // while running
    std::int64_t due_us = 0;                    // while waiting; monotonic
    std::int64_t signed_at_us = 0;              // what the last attempt said as its time
    bool clock_corrected = false;
    bool retries = true;                    // else its owner makes another call
    std::uint64_t credentials_version = 0;  // what the last attempt was signed with, see Keeper
    bool credentials_renewed = false;
    bool done = false;
    std::uint32_t throttled = 0;
    bool sent_again = false;  // by libcurl, see Transfer
    Status status{};
    std::string body{};
};

// Throws base::Error.
[[nodiscard]] std::unique_ptr<Call> start_call(Client &client, Session &session, std::unique_ptr<Exchange> exchange,
                                               Now now);
// Ends a call with this result.
void finish(Call &call, const Status &status) noexcept;
// Moves the body out of a finished, successful call.
[[nodiscard]] std::string release_body(Call &call);

}  // namespace podyn::engine
