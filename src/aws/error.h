// What a failed response means: which error it is, whether asking again can help, what to do. DynamoDB's errors; those
// of another service are told with a table of its own (s3/error.h).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace podyn::aws {

// The parts of a response that tell about an error.
struct ErrorResponse {
    std::string_view operation;  // Scan
    int http_status;
    std::string_view error_type;  // header x-amzn-errortype; may be empty
    std::string_view body;
};

// An error as the service names it. Both are empty where the body tells nothing.
struct ServiceError {
    std::string name;  // ValidationException
    std::string message;
};

[[nodiscard]] ServiceError parse_error(const ErrorResponse &response);
[[nodiscard]] base::Status error_status(const ErrorResponse &response, const ServiceError &error);

// ---- tables of errors ----------------------------------------------------------------------------------------------

inline constexpr std::size_t kMaxErrorBody = 64 * 1024;  // AWS's error bodies are some hundred bytes

struct ErrorKind {
    base::Failure failure;
    bool retryable;
    const char *sqlstate;
    const char *what;  // follows `request Scan `
    const char *hint;
};

struct NamedErrorKind {
    std::string_view name;
    const ErrorKind &kind;
};

// The errors of a service. The name decides; the HTTP status where there is none that the table has.
struct ErrorKinds {
    std::span<const NamedErrorKind> named;
    const ErrorKind &throttled;    // 429
    const ErrorKind &unavailable;  // 5xx, 408
    const ErrorKind &denied;       // 403
    const ErrorKind &unknown;      // another name
    const ErrorKind &foreign;      // no name: the answer is not the service's
};

[[nodiscard]] const ErrorKind &kind_of(const ErrorKinds &kinds, int http_status, const ServiceError &error);
[[nodiscard]] base::Status error_status(const ErrorResponse &response, const ServiceError &error, const ErrorKind &kind,
                                        std::string_view hint);
// The action that was denied, as AWS's message names it; `action` where it names none.
[[nodiscard]] std::string denied_action(const ServiceError &error, std::string_view action);

// ---- what all services have in common ------------------------------------------------------------------------------

// AWS explains a wrong signature by repeating what was signed, the session token included, and an incomplete one by
// repeating the Authorization header: such explanations are cut off.
[[nodiscard]] std::string_view without_secrets(std::string_view message);

// Whether the error may come from credentials that were good once, so that new ones can help.
[[nodiscard]] bool may_be_outdated_credentials(const ServiceError &error);

// Whether the error may come from a wrong clock of ours.
[[nodiscard]] bool may_be_clock_skew(const ServiceError &error);

}  // namespace podyn::aws
