// What a failed response of S3 means.
#pragma once

#include <string>
#include <string_view>

#include "aws/error.h"

namespace podyn::s3 {

struct Error : aws::ServiceError {
    std::string region;  // where the bucket is, if S3 says so
};

// What was asked for.
struct Subject {
    std::string_view operation;  // GetObject
    std::string_view action;     // s3:GetObject, which a policy has to allow
    std::string_view bucket;
    std::string_view key;  // may be empty
};

[[nodiscard]] Error parse_error(std::string_view body);
[[nodiscard]] base::Status error_status(const Subject &subject, int http_status, std::string_view body,
                                        const Error &error);
// Whether the bucket is, or may be, in another region.
[[nodiscard]] bool is_redirect(int http_status, const Error &error);
// The object is another one than before.
[[nodiscard]] base::Status changed_status(const Subject &subject);
// The response is not what the protocol says; asking again does not help, unless it was damaged on the way.
[[nodiscard]] base::Status corrupt_status(const Subject &subject, std::string_view why, bool retryable);

}  // namespace podyn::s3
