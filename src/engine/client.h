// The engine's door to AWS: signed calls over one curl_multi, driven by the caller's event loop.
//
// A caller waits until client_fd() is readable or client_deadline() has come, calls client_drive(), and looks which of
// its calls have finished. Nothing here blocks, sleeps or reads a clock. The calls of one client share
// connections. Not thread-safe: one client belongs to one process and one thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/status.h"

namespace podyn::engine {

// The time, passed in by the caller.
struct Now {
    std::int64_t monotonic_us;  // for deadlines; any origin
    std::int64_t unix_us;       // wall clock, for signatures; microseconds since 1970-01-01 UTC
};

struct Client;   // curl_multi, its sockets, timers; owned by the caller, see client_destroy
struct Session;  // endpoints and credentials of one server and user; must outlive its calls
struct Call;     // one request with its retries; owned by the caller, see call_destroy

struct ClientOptions {
    std::uint64_t random_seed;  // for the jitter of retries
};

// Makes a client. *client stays null on error.
[[nodiscard]] Status client_create(const ClientOptions &options, Client **client) noexcept;
// Ends every call that is still running and closes the connections. Null is allowed. Does not wait for the resolver.
void client_destroy(Client *client) noexcept;

// A descriptor (an epoll instance) that is readable when client_drive() has something to do. Stable for the client's
// life.
[[nodiscard]] int client_fd(const Client *client) noexcept;
// When client_drive() wants to be called at the latest, in monotonic microseconds; -1: only when the descriptor is
// readable.
[[nodiscard]] std::int64_t client_deadline(const Client *client) noexcept;
// Moves all calls on as far as they go without blocking.
void client_drive(Client *client, Now now) noexcept;

struct SessionOptions {
    std::string_view region;            // us-east-1
    std::string_view endpoint;          // URL for DynamoDB; empty: AWS's own for the region
    std::string_view streams_endpoint;  // URL for DynamoDB Streams; empty: endpoint if that is given, else AWS's own
    std::string_view sts_endpoint;      // URL for AWS STS; empty: AWS's own for the region
    std::string_view access_key_id;     // empty with use_default_chain
    std::string_view secret_access_key;
    std::string_view session_token;   // may be empty
    std::string_view profile;         // of AWS's configuration files, with use_default_chain; empty: the usual one
    std::string_view role_arn;        // assumed with the credentials; may be empty
    std::string_view external_id;     // for that; may be empty
    std::string_view ca_file;         // PEM file for TLS; empty: the system's
    std::int64_t request_timeout_us;  // for one attempt, from connecting to the last byte
    bool use_default_chain;           // AWS's default chain of credentials, in the surroundings of this process
    bool allow_credential_process;    // in the chain: run the program that a profile names
    bool use_fips;
    bool use_dualstack;
    std::string_view s3_endpoint;  // URL for Amazon S3; empty: AWS's own for the region of the bucket
    bool s3_path_style;            // the bucket's name always in the path, never in the host
};

// Checks the options and resolves endpoints. Copies what it needs. Credentials that have to be asked for are asked for
// when the first call needs them.
[[nodiscard]] Status session_create(const SessionOptions &options, Session **session) noexcept;
void session_destroy(Session *session) noexcept;

// Whether an endpoint URL may be used: http or https with a host, no user, query or fragment; http to loopback hosts
// only; the host matches one of the comma-separated patterns of `allowed` (exact, or a leading "*." for any subdomain).
// The error names the reason.
[[nodiscard]] Status endpoint_check(std::string_view url, std::string_view allowed) noexcept;
// Whether it can be the name of a region: a host label such as us-east-1.
[[nodiscard]] Status region_check(std::string_view region) noexcept;
// The endpoint's URL for the session's region and options, for messages. Lives as long as the session.
[[nodiscard]] std::string_view session_endpoint(const Session *session) noexcept;
// Whether its streams are on this machine: a stand-in such as DynamoDB Local, never AWS.
[[nodiscard]] bool session_is_local(const Session *session) noexcept;

enum class Operation : std::uint8_t {
    kListTables,
    kDescribeTable,
    kScan,
    kBatchGetItem,
    kDescribeStream,
    kGetShardIterator,
    kGetRecords,
    kUpdateTable,
    kDescribeContinuousBackups,
    kExportTableToPointInTime,
    kListExports,
    kDescribeExport,
    kPutItem,
    kUpdateItem,
    kBatchWriteItem,
    kQuery,
    kGetItem,
};

// Starts a call: signs and sends `body` (DynamoDB JSON 1.0), retries as AWS's standard mode says (3 attempts, jittered
// exponential backoff up to 20 s, a retry quota per session). The typed starters in engine/operations.h are what the
// extension uses.
[[nodiscard]] Status call_start(Client *client, Session *session, Operation operation, std::string_view body, Now now,
                                Call **call) noexcept;
// Ends the call if it runs, and frees it. Null is allowed.
void call_destroy(Call *call) noexcept;
[[nodiscard]] bool call_finished(const Call *call) noexcept;
// The result of a finished call. For errors of the service: AWS's error name and message in `detail`.
[[nodiscard]] Status call_status(const Call *call) noexcept;
// The decoded body of a finished call that was successful or met a condition that did not hold; lives as long as the
// call, unless a take_… function took it.
[[nodiscard]] std::string_view call_body(const Call *call) noexcept;
// How many attempts of this call were throttled, the last one included.
[[nodiscard]] std::uint32_t call_throttled(const Call *call) noexcept;

}  // namespace podyn::engine
