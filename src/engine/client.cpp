// See client.h. An attempt is signed, sent, judged; then the call has finished or waits for its next attempt.
#include "engine/client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/time_format.h"
#include "engine/call.h"
#include "engine/json_exchange.h"
#include "engine/keeper.h"
#include "engine/take.h"

namespace podyn::engine {

namespace {

aws::CredentialOptions credential_options(const SessionOptions &options);
void start_attempt(Call &call, Now now);
void end_attempt(Call &call, Now now);
void start_due_calls(Client &client, Now now) noexcept;

}  // namespace

void finish(Call &call, const Status &status) noexcept
{
    if (call.list != nullptr)
        call.list->remove(call);
    if (call.transfer)
        call.client->http.release(std::move(call.transfer));
    call.status = status;
    call.done = true;
    call.client = nullptr;
}

Status client_create(const ClientOptions &options, Client **client) noexcept
{
    *client = nullptr;
    return guarded([&] {
        *client = new Client(options.random_seed);
        return Status{};
    });
}

void client_destroy(Client *client) noexcept
{
    if (client == nullptr)
        return;
    const Status closed = make_status(Failure::kUnavailable, "08003", false, "request ended with its client");
    for (CallList *list : {&client->waiting, &client->running})
        while (Call *call = list->front())
            finish(*call, closed);
    for (Keeper *keeper : client->keepers)
        keeper->abandon(closed);
    delete client;
}

int client_fd(const Client *client) noexcept
{
    return client->http.fd();
}

std::int64_t client_deadline(const Client *client) noexcept
{
    std::int64_t earliest = client->http.deadline_us();
    const auto consider = [&earliest](std::int64_t deadline) {
        if (deadline >= 0 && (earliest < 0 || deadline < earliest))
            earliest = deadline;
    };
    if (const Call *waiting = client->waiting.front())
        consider(waiting->due_us);
    for (const Keeper *keeper : client->keepers)
        consider(keeper->deadline_us());
    return earliest;
}

void client_drive(Client *client, Now now) noexcept
{
    for (Keeper *keeper : client->keepers)
        keeper->drive(now);
    start_due_calls(*client, now);
    client->http.drive(now.monotonic_us);
    while (net::Transfer *transfer = client->http.next_finished())
        static_cast<TransferOwner *>(transfer->owner)->on_transfer_end(now);
}

Status session_create(const SessionOptions &options, Session **session) noexcept
{
    *session = nullptr;
    return guarded([&] {
        if (options.request_timeout_us <= 0)
            throw Error{make_status(Failure::kInvalid, "22023", false, "request timeout must be positive")};
        aws::Endpoints endpoints =
            aws::resolve_endpoints({options.region, options.endpoint, options.streams_endpoint, options.sts_endpoint,
                                    options.use_fips, options.use_dualstack, options.s3_endpoint});
        aws::CredentialOptions credentials = credential_options(options);
        std::string endpoint_text = endpoints.dynamodb.text();
        s3::Access s3{endpoints.s3, options.s3_path_style, options.use_fips, options.use_dualstack};
        const bool s3_is_aws = options.s3_endpoint.empty() && !options.endpoint.empty();
        *session = new Session{.endpoints = std::move(endpoints),
                               .endpoint_text = std::move(endpoint_text),
                               .region = std::string(options.region),
                               .credentials = std::move(credentials),
                               .signer = aws::Signer(std::string(options.region), std::string(aws::kSigningName)),
                               .ca_file = std::string(options.ca_file),
                               .timeout_us = options.request_timeout_us,
                               .s3 = std::move(s3),
                               .s3_ca_file = std::string(s3_is_aws ? std::string_view() : options.ca_file)};
        return Status{};
    });
}

void session_destroy(Session *session) noexcept
{
    delete session;
}

Status region_check(std::string_view region) noexcept
{
    return guarded([&] {
        aws::check_region(region);
        return Status();
    });
}

Status endpoint_check(std::string_view url, std::string_view allowed) noexcept
{
    return guarded([&] { return aws::check_endpoint(url, allowed); });
}

std::string_view session_endpoint(const Session *session) noexcept
{
    return session->endpoint_text;
}

bool session_is_local(const Session *session) noexcept
{
    return session->endpoints.streams.is_loopback();
}

Status call_start(Client *client, Session *session, Operation operation, std::string_view body, Now now,
                  Call **call) noexcept
{
    return start(client, session, now, call, [&] { return std::make_unique<JsonExchange>(*session, operation, body); });
}

std::unique_ptr<Call> start_call(Client &client, Session &session, std::unique_ptr<Exchange> exchange, Now now)
{
    auto call = std::make_unique<Call>(&client, &session, std::move(exchange));
    start_attempt(*call, now);
    return call;
}

void call_destroy(Call *call) noexcept
{
    if (call == nullptr)
        return;
    if (call->list != nullptr)
        call->list->remove(*call);
    if (call->transfer)
        call->client->http.release(std::move(call->transfer));
    delete call;
}

bool call_finished(const Call *call) noexcept
{
    return call->done;
}

Status call_status(const Call *call) noexcept
{
    return call->done ? call->status : internal_error("asked for the status of a call that has not finished");
}

std::string_view call_body(const Call *call) noexcept
{
    return call->body;
}

std::uint32_t call_throttled(const Call *call) noexcept
{
    return call->throttled;
}

void Call::on_transfer_end(Now now) noexcept
{
    const Status failure = guarded([&] {
        end_attempt(*this, now);
        return Status{};
    });
    if (!failure.ok())
        finish(*this, failure);
}

std::string release_body(Call &call)
{
    return std::exchange(call.body, std::string());
}

namespace {

aws::CredentialOptions credential_options(const SessionOptions &options)
{
    aws::CredentialOptions credentials;
    credentials.use_default_chain = options.use_default_chain;
    credentials.profile = options.profile;
    credentials.allow_process = options.allow_credential_process;
    credentials.role_arn = options.role_arn;
    credentials.external_id = options.external_id;
    credentials.region = options.region;
    credentials.sts_endpoint = options.sts_endpoint;
    if (!options.sts_endpoint.empty())
        credentials.ca_file = options.ca_file;
    credentials.use_fips = options.use_fips;
    credentials.use_dualstack = options.use_dualstack;
    if (!options.use_default_chain) {
        credentials.given = {std::string(options.access_key_id), std::string(options.secret_access_key),
                             std::string(options.session_token)};
        aws::check_credentials(credentials.given);
    }
    return credentials;
}

void start_attempt(Call &call, Now now)
{
    Client &client = *call.client;
    Keeper &keeper = keeper_of(*call.session, client);
    const aws::Credentials *credentials = keeper.current(now);
    if (credentials == nullptr)
        return keeper.wait(call);
    call.credentials_version = keeper.version();
    if (!call.transfer)
        call.transfer = client.http.acquire();
    net::Transfer &transfer = *call.transfer;
    transfer.owner = static_cast<TransferOwner *>(&call);
    transfer.request.timeout_us = call.session->timeout_us;
    call.signed_at_us = now.unix_us + client.clocks.offset_us(call.exchange->endpoint().authority());
    call.exchange->write(*credentials, base::iso_basic_time(call.signed_at_us), transfer.request);
    client.http.start(transfer, now.monotonic_us);
    client.running.push_back(call);
}

void start_due_calls(Client &client, Now now) noexcept
{
    while (Call *call = client.waiting.front()) {
        if (call->due_us > now.monotonic_us)
            return;
        client.waiting.remove(*call);
        const Status failure = guarded([&] {
            start_attempt(*call, now);
            return Status{};
        });
        if (!failure.ok())
            finish(*call, failure);
    }
}

// Adopts the service's clock if that can be why it refused the signature. Once a call: then it is something else.
bool correct_clock(Call &call, Now now)
{
    if (call.clock_corrected)
        return false;
    call.clock_corrected = call.client->clocks.correct(call.exchange->endpoint().authority(),
                                                       call.transfer->response.date, call.signed_at_us, now.unix_us);
    return call.clock_corrected;
}

// Has the credentials fetched anew, unless others were meanwhile. Once a call, too.
bool renew_credentials(Call &call)
{
    Keeper &keeper = keeper_of(*call.session, *call.client);
    if (call.credentials_renewed || !keeper.can_renew())
        return false;
    keeper.refused(call.credentials_version);
    call.credentials_renewed = true;
    return true;
}

void wait_until(Call &call, std::int64_t due_us) noexcept
{
    call.list->remove(call);
    call.client->http.release(std::move(call.transfer));
    call.due_us = due_us;
    call.client->waiting.insert_by_due(call);
}

void end_attempt(Call &call, Now now)
{
    Client &client = *call.client;
    call.sent_again = call.sent_again || call.transfer->sent_again();
    Outcome outcome;
    Status thrown = guarded([&] {
        outcome = call.exchange->judge(*call.transfer, call.body);
        return Status{};
    });
    Status &status = thrown.ok() ? outcome.status : thrown;
    if (status.ok()) {
        call.retry.succeeded(call.session->quota);
        return finish(call, status);
    }
    copy_text(status.request_id, sizeof status.request_id, call.transfer->response.request_id);
    if (status.failure == Failure::kThrottled)
        ++call.throttled;
    if (outcome.asks_otherwise)
        return wait_until(call, now.monotonic_us);
    if (outcome.clock_was_wrong && correct_clock(call, now))
        return wait_until(call, now.monotonic_us);
    if (outcome.credentials_outdated && renew_credentials(call))
        return wait_until(call, now.monotonic_us);
    if (status.retryable && call.retries) {
        const double random = static_cast<double>(client.random() >> 11) * 0x1.0p-53;  // 53 bits: [0, 1)
        const std::optional<std::int64_t> delay =
            call.retry.failed(call.session->quota, call.transfer->timed_out(), random,
                              aws::parse_retry_after(call.transfer->response.retry_after));
        if (delay)
            return wait_until(call, now.monotonic_us + *delay);
    }
    finish(call, status);
}

}  // namespace

}  // namespace podyn::engine
