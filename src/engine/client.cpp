// See client.h. An attempt is signed, sent, judged; then the call has finished or waits for its next attempt.
#include "engine/client.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "aws/error.h"
#include "base/time_format.h"
#include "engine/call.h"
#include "engine/keeper.h"

namespace podyn::engine {

namespace {

struct OperationInfo {
    std::string_view name;
    std::string_view target;  // header X-Amz-Target: the service's target prefix and the operation
    bool streams;
};

// In the order of Operation. Target prefixes: service models of botocore 1.43.11, "targetPrefix".
constexpr std::array<OperationInfo, 8> kOperations = {{
    {"ListTables", "DynamoDB_20120810.ListTables", false},
    {"DescribeTable", "DynamoDB_20120810.DescribeTable", false},
    {"Scan", "DynamoDB_20120810.Scan", false},
    {"BatchGetItem", "DynamoDB_20120810.BatchGetItem", false},
    {"DescribeStream", "DynamoDBStreams_20120810.DescribeStream", true},
    {"GetShardIterator", "DynamoDBStreams_20120810.GetShardIterator", true},
    {"GetRecords", "DynamoDBStreams_20120810.GetRecords", true},
    {"UpdateTable", "DynamoDB_20120810.UpdateTable", false},
}};

const OperationInfo &info(const Call &call)
{
    return kOperations[static_cast<std::size_t>(call.operation)];
}

struct Outcome {
    Status status;
    bool clock_was_wrong = false;
    bool credentials_outdated = false;
};

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
                                    options.use_fips, options.use_dualstack});
        aws::CredentialOptions credentials = credential_options(options);
        std::string endpoint_text = endpoints.dynamodb.text();
        *session = new Session{
            std::move(endpoints),         std::move(endpoint_text),
            std::move(credentials),       aws::Signer(std::string(options.region), std::string(aws::kSigningName)),
            std::string(options.ca_file), options.request_timeout_us};
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
    *call = nullptr;
    return guarded([&] {
        std::unique_ptr<Call> started(new Call(client, session, operation, body));
        start_attempt(*started, now);
        *call = started.release();
        return Status{};
    });
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

const base::Url &endpoint(const Call &call)
{
    return info(call).streams ? call.session->endpoints.streams : call.session->endpoints.dynamodb;
}

// The signed headers in the form of a request. Signed anew for every attempt: signatures age.
void sign(Call &call, const aws::Credentials &credentials, Now now, net::Request &request)
{
    Session &session = *call.session;
    const std::string host = endpoint(call).authority();
    call.signed_at_us = now.unix_us + call.client->clocks.offset_us(host);
    const std::string time = base::iso_basic_time(call.signed_at_us);
    std::array<aws::Header, 5> headers = {{{"Host", host},
                                           {"Content-Type", "application/x-amz-json-1.0"},
                                           {"X-Amz-Date", time},
                                           {"X-Amz-Target", info(call).target},
                                           {"X-Amz-Security-Token", credentials.session_token}}};
    const std::span<const aws::Header> used(headers.data(), credentials.session_token.empty() ? 4 : 5);
    const std::string authorization = session.signer.authorization(
        {.method = "POST", .path = "/", .query = {}, .headers = used, .body = call.request}, credentials, time);

    request.headers.clear();
    for (const aws::Header &header : used)
        request.headers.emplace_back(header.name).append(": ").append(header.value);
    request.headers.emplace_back("Authorization: ").append(authorization);
    request.headers.emplace_back("Accept-Encoding: gzip");  // not libcurl's own: the checksum is over compressed bytes
    request.headers.emplace_back("Expect:");                // none: it would cost a round trip
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
    transfer.request.url = endpoint(call).text();
    transfer.request.ca_file = call.session->ca_file;
    transfer.request.body = call.request;
    transfer.request.timeout_us = call.session->timeout_us;
    sign(call, *credentials, now, transfer.request);
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

// A proxy or a stand-in for DynamoDB may repeat the headers that it got, and messages end up in logs.
void hide_session_token(const net::Request &request, std::string &text)
{
    constexpr std::string_view kName = "X-Amz-Security-Token: ", kHidden = "(hidden)";
    for (const std::string &header : request.headers) {
        if (!header.starts_with(kName))
            continue;
        const std::string_view token = std::string_view(header).substr(kName.size());
        for (std::size_t at = text.find(token); at != std::string::npos; at = text.find(token, at + kHidden.size()))
            text.replace(at, token.size(), kHidden);
    }
}

// What the attempt came to; a good body goes to the call.
Outcome judge(Call &call)
{
    net::Transfer &transfer = *call.transfer;
    net::Response &response = transfer.response;
    const Status transport = transfer.transport_status(info(call).streams ? "DynamoDB Streams" : "DynamoDB");
    if (!transport.ok())
        return {transport};
    std::string body = response.decode();
    if (response.status / 100 == 2) {
        call.body = std::move(body);
        return {};
    }
    hide_session_token(transfer.request, body);
    const aws::ErrorResponse error_response = {info(call).name, response.status, response.error_type, body};
    aws::ServiceError error = aws::parse_error(error_response);
    hide_session_token(transfer.request, error.message);  // in JSON it may have been written otherwise: \/
    return {aws::error_status(error_response, error), aws::may_be_clock_skew(error),
            aws::may_be_outdated_credentials(error)};
}

// Adopts the service's clock if that can be why it refused the signature. Once a call: then it is something else.
bool correct_clock(Call &call, Now now)
{
    if (call.clock_corrected)
        return false;
    call.clock_corrected = call.client->clocks.correct(endpoint(call).authority(), call.transfer->response.date,
                                                       call.signed_at_us, now.unix_us);
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
    Outcome outcome;
    Status thrown = guarded([&] {
        outcome = judge(call);
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
    if (outcome.clock_was_wrong && correct_clock(call, now))
        return wait_until(call, now.monotonic_us);
    if (outcome.credentials_outdated && renew_credentials(call))
        return wait_until(call, now.monotonic_us);
    if (status.retryable) {
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
