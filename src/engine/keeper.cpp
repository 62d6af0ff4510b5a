// See keeper.h.
#include "engine/keeper.h"

#include <algorithm>
#include <utility>

namespace podyn::engine {

namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kRenewBefore = 15 * 60 * kSecond;  // the expiry (botocore, _DEFAULT_ADVISORY_REFRESH_TIMEOUT)
constexpr std::int64_t kRenewAgain = 10 * kSecond;        // after a failure, while the old ones are good
// New credentials that seem to have expired: our clock is wrong, or the metadata service has no newer ones and AWS
// still takes them.
constexpr std::int64_t kTrustNew = 5 * 60 * kSecond;
constexpr std::int64_t kProcessTime = 60 * kSecond;  // for credential_process
constexpr std::int64_t kProcessPause = 10'000;       // between looks at one that has closed its output

}  // namespace

Keeper &keeper_of(Session &session, Client &client)
{
    if (session.keeper && session.keeper->client() == &client)
        return *session.keeper;
    for (Keeper *keeper : client.keepers)
        if (keeper->serves(session.credentials)) {
            session.keeper = keeper->shared_from_this();
            return *keeper;
        }
    session.keeper = std::make_shared<Keeper>(client, session.credentials);
    return *session.keeper;
}

Keeper::Keeper(Client &client, const aws::CredentialOptions &options)
    : client_(&client), options_(options), can_change_(options.use_default_chain || !options.role_arn.empty())
{
    if (!can_change_) {
        credentials_ = options.given;
        version_ = 1;
    }
    client.keepers.push_back(this);
}

Keeper::~Keeper()
{
    drop_search();
    if (client_ != nullptr)
        std::erase(client_->keepers, this);
}

const aws::Credentials *Keeper::current(Now now)
{
    const bool good = credentials_ && !refused_ && (good_until_us_ == 0 || now.unix_us < good_until_us_);
    const bool wanted = !good || (renew_at_us_ != 0 && now.unix_us >= renew_at_us_);
    if (wanted && can_change_ && !running())
        begin(now);
    return good ? &*credentials_ : nullptr;
}

void Keeper::refused(std::uint64_t version) noexcept
{
    refused_ = refused_ || version == version_;
}

void Keeper::drive(Now now) noexcept
{
    if (!running())
        return;
    const Status thrown = guarded([&] {
        if (search_->process)
            look_after_process(now);
        else if (due_us_ >= 0 && due_us_ <= now.monotonic_us)
            go_on(now);
        return Status{};
    });
    if (!thrown.ok())
        fail(thrown, now);
}

void Keeper::on_transfer_end(Now now) noexcept
{
    const Status thrown = guarded([&] {
        aws::HttpReply &reply = std::get<aws::HttpNeed *>(search_->world.need())->reply;
        net::Transfer &transfer = *search_->transfer;
        reply.transport = transfer.transport_status("server");
        reply.status = transfer.response.status;
        reply.date = transfer.response.date;
        if (reply.transport.ok())
            reply.body = transfer.response.decode();
        client_->http.release(std::move(search_->transfer));
        go_on(now);
        return Status{};
    });
    if (!thrown.ok())
        fail(thrown, now);
}

void Keeper::abandon(const Status &status) noexcept
{
    drop_search();
    while (Call *call = waiting_.front())
        finish(*call, status);
    client_ = nullptr;
}

Keeper::Search::Search(const aws::CredentialOptions &options, Client &client, Now now)
    : world(aws::process_surroundings(), client.clocks, now.unix_us, client.random()),
      task(aws::obtain_credentials(world, options))
{
}

// The first step is left to drive(): a call that begins never finishes at once.
void Keeper::begin(Now now)
{
    search_ = std::make_unique<Search>(options_, *client_, now);
    due_us_ = now.monotonic_us;
}

// One step: until the search waits for something, or ends.
void Keeper::go_on(Now now)
{
    due_us_ = -1;
    aws::World &world = search_->world;
    if (world.is_waiting())
        world.resume(now.unix_us);
    else
        search_->task.start();
    if (search_->task.done())
        return end_search(now);
    if (auto *const *http = std::get_if<aws::HttpNeed *>(&world.need()))
        ask(**http, now);
    else if (auto *const *process = std::get_if<aws::ProcessNeed *>(&world.need()))
        run(**process, now);
    else
        due_us_ = now.monotonic_us + std::get<aws::PauseNeed *>(world.need())->us;
}

void Keeper::ask(aws::HttpNeed &need, Now now)
{
    search_->transfer = client_->http.acquire();
    net::Transfer &transfer = *search_->transfer;
    transfer.owner = static_cast<TransferOwner *>(this);
    net::Request &request = transfer.request;
    const std::string &method = need.request.method;
    request.method = method == "GET" ? net::Method::kGet : method == "PUT" ? net::Method::kPut : net::Method::kPost;
    request.url = need.request.url;
    request.headers = need.request.headers;
    request.headers.emplace_back("Expect:");  // none: it would cost a round trip
    request.body = need.request.body;
    request.ca_file = need.request.ca_file;
    request.timeout_us = need.request.timeout_us;
    request.may_reach_metadata = need.request.may_reach_metadata;
    client_->http.start(transfer, now.monotonic_us);
}

void Keeper::run(aws::ProcessNeed &need, Now now)
{
    try {
        search_->process = std::make_unique<base::ChildProcess>(need.arguments);
    } catch (const std::runtime_error &error) {
        need.reply.problem = error.what();
        due_us_ = now.monotonic_us;
        return;
    }
    client_->http.watch(search_->process->fd());
    due_us_ = search_->give_up_us = now.monotonic_us + kProcessTime;
}

void Keeper::look_after_process(Now now)
{
    base::ChildProcess &process = *search_->process;
    const bool ended = process.advance();
    const bool late = now.monotonic_us >= search_->give_up_us;
    if (!ended && !late) {
        due_us_ = process.fd() >= 0 ? search_->give_up_us : now.monotonic_us + kProcessPause;
        return;
    }
    aws::ProcessReply &reply = std::get<aws::ProcessNeed *>(search_->world.need())->reply;
    if (process.too_much)
        reply.problem = "the program wrote too much";
    else if (!ended)
        reply.problem = "the program did not end within a minute";
    reply.exit_code = process.exit_code;
    reply.output = std::move(process.output);
    search_->process.reset();
    go_on(now);
}

void Keeper::end_search(Now now) noexcept
{
    const Status status = guarded([&] {
        aws::Credentials credentials = search_->task.take();
        drop_search();
        adopt(std::move(credentials), now);
        return Status{};
    });
    if (!status.ok())
        fail(status, now);
}

void Keeper::adopt(aws::Credentials credentials, Now now)
{
    credentials_ = std::move(credentials);
    ++version_;
    refused_ = false;
    had_some_ = true;
    good_until_us_ = renew_at_us_ = 0;
    if (const std::int64_t expires = credentials_->expires_us; expires > 0) {
        const std::int64_t life = expires - now.unix_us;
        good_until_us_ = life > 0 ? expires : now.unix_us + kTrustNew;
        renew_at_us_ = life > 0 ? expires - std::min(kRenewBefore, life / 2) : now.unix_us + kTrustNew / 2;
    }
    while (Call *call = waiting_.front()) {
        waiting_.remove(*call);
        call->due_us = now.monotonic_us;
        client_->waiting.insert_by_due(*call);
    }
}

// The old credentials, if they are good, stay what they are.
void Keeper::fail(Status status, Now now) noexcept
{
    drop_search();
    // What worked before will probably work again: an outage, and no mistake of the set-up.
    status.retryable = status.retryable || had_some_;
    if (renew_at_us_ != 0)
        renew_at_us_ = now.unix_us + kRenewAgain;
    while (Call *call = waiting_.front())
        finish(*call, status);
}

void Keeper::drop_search() noexcept
{
    if (search_ && search_->transfer)
        client_->http.release(std::move(search_->transfer));
    search_.reset();
    due_us_ = -1;
}

}  // namespace podyn::engine
