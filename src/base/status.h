// How everything in the engine half reports success or failure: plain data, copied freely, nothing to free.
// The extension half raises it with ereport after the call has returned (docs/architecture.md).
#pragma once

#include <cstdint>

namespace podyn::base {

// What kind of failure it is, as far as the caller has to act differently.
enum class Failure : std::uint8_t {
    kNone,
    kThrottled,        // DynamoDB asks for fewer requests
    kUnavailable,      // no connection, time-out, 5xx
    kCorrupt,          // checksum, truncation, a body that is not what the protocol says
    kCredentials,      // missing, expired or wrong credentials, wrong signature
    kDenied,           // the credentials are good but may not do this
    kNotFound,         // table, stream or shard does not exist
    kIteratorExpired,  // ask for a new shard iterator from the same position
    kTrimmed,          // the position is older than what the stream keeps: a gap
    kCondition,        // the write's condition does not hold
    kInvalid,          // the request or an argument is wrong; asking again cannot help
    kMemory,           // out of memory in the engine
    kInternal,         // a bug of ours
};

struct Status {
    Failure failure = Failure::kNone;
    bool retryable = false;  // asking again, later, can help
    char sqlstate[6] = "00000";
    char message[512] = "";     // UTF-8, PostgreSQL's message style, never a secret; cut at a character boundary
    char detail[1024] = "";     // what the other side said, word for word
    char hint[512] = "";        // what to do
    char request_id[128] = "";  // x-amzn-RequestId, for AWS support

    [[nodiscard]] bool ok() const noexcept { return failure == Failure::kNone; }
};

}  // namespace podyn::base
