// How a source of credentials ends: with credentials, with nothing (it is not set up; the next one is asked), or with a
// failure (it is set up, but does not work), which is thrown and ends the search.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "base/guard.h"

namespace podyn::aws {

struct Finding {
    std::optional<Credentials> credentials;
    std::string nothing;  // why: "AWS_ACCESS_KEY_ID is not set"
};

[[nodiscard]] inline Finding found(Credentials credentials)
{
    check_credentials(credentials);
    return {std::move(credentials), {}};
}

[[nodiscard]] inline Finding nothing(std::string why)
{
    return {std::nullopt, std::move(why)};
}

// `retryable`: asking again, later, can help.
[[nodiscard]] inline base::Error credentials_failure(std::string_view message, std::string_view detail,
                                                     std::string_view hint, bool retryable = false)
{
    return {base::make_status(base::Failure::kCredentials, "28000", retryable, message, detail, hint)};
}

}  // namespace podyn::aws
