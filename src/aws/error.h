// What a failed response of DynamoDB means: which error it is, whether asking again can help, what to do.
#pragma once

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

// AWS explains a wrong signature by repeating what was signed, the session token included, and an incomplete one by
// repeating the Authorization header: such explanations are cut off.
[[nodiscard]] std::string_view without_secrets(std::string_view message);

// Whether the error may come from credentials that were good once, so that new ones can help.
[[nodiscard]] bool may_be_outdated_credentials(const ServiceError &error);

// Whether the error may come from a wrong clock of ours.
[[nodiscard]] bool may_be_clock_skew(const ServiceError &error);

}  // namespace podyn::aws
