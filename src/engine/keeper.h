// Keeps the credentials of the sessions of one client that get them from the same place, and renews them.
//
//   empty ──► (sources are asked) ──► good ──► (asked again, calls go on with the old ones) ──► good …
//
// Calls that find none wait here. New ones are fetched when a call comes by at the last quarter of an hour (or half) of
// the old ones' life, so an idle client asks nobody. If that fails, it is tried again; calls fail only when the old
// credentials have expired.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "aws/credentials/sources.h"
#include "base/child_process.h"
#include "engine/call.h"

namespace podyn::engine {

class Keeper final : public TransferOwner, public std::enable_shared_from_this<Keeper> {
  public:
    Keeper(Client &client, const aws::CredentialOptions &options);
    ~Keeper();
    Keeper(const Keeper &) = delete;
    Keeper &operator=(const Keeper &) = delete;

    // Credentials that are good now, valid until the next call of the keeper; null: the call has to wait().
    [[nodiscard]] const aws::Credentials *current(Now now);
    // Different for different credentials.
    [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
    // Whether asking the sources again could give others.
    [[nodiscard]] bool can_renew() const noexcept { return can_change_; }
    // AWS has refused these credentials: they are not good any more, unless they are others already.
    void refused(std::uint64_t version) noexcept;
    // The call goes on when there are credentials, or fails with the reason why there are none.
    void wait(Call &call) noexcept { waiting_.push_back(call); }

    // For the client. When drive() wants to be called at the latest, monotonic; -1: no limit.
    [[nodiscard]] std::int64_t deadline_us() const noexcept { return running() ? due_us_ : -1; }
    void drive(Now now) noexcept;
    void on_transfer_end(Now now) noexcept override;
    // The client ends: its calls, too.
    void abandon(const Status &status) noexcept;
    [[nodiscard]] const Client *client() const noexcept { return client_; }
    [[nodiscard]] bool serves(const aws::CredentialOptions &options) const { return options_ == options; }

  private:
    // One search for credentials.
    struct Search {
        Search(const aws::CredentialOptions &options, Client &client, Now now);

        aws::World world;
        base::Task<aws::Credentials> task;
        std::unique_ptr<net::Transfer> transfer{};
        std::unique_ptr<base::ChildProcess> process{};
        std::int64_t give_up_us = 0;  // on the process; monotonic
    };

    [[nodiscard]] bool running() const noexcept { return search_ != nullptr; }
    void begin(Now now);
    void go_on(Now now);
    void ask(aws::HttpNeed &need, Now now);
    void run(aws::ProcessNeed &need, Now now);
    void look_after_process(Now now);
    void end_search(Now now) noexcept;
    void adopt(aws::Credentials credentials, Now now);
    void fail(Status status, Now now) noexcept;
    void drop_search() noexcept;

    Client *client_;  // null once it is destroyed
    const aws::CredentialOptions options_;
    const bool can_change_;
    std::optional<aws::Credentials> credentials_;
    std::uint64_t version_ = 0;
    std::int64_t good_until_us_ = 0;  // Unix time; 0: for ever
    std::int64_t renew_at_us_ = 0;    // the same
    bool refused_ = false;
    bool had_some_ = false;
    std::unique_ptr<Search> search_;
    std::int64_t due_us_ = -1;  // monotonic; of the search's next step, -1: a transfer or process tells
    CallList waiting_;
};

// The keeper of the session's credentials in this client.
[[nodiscard]] Keeper &keeper_of(Session &session, Client &client);

}  // namespace podyn::engine
