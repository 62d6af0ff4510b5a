// A response that is not what its sender can have meant.
#pragma once

#include <string>
#include <string_view>

#include "base/guard.h"

namespace podyn::net {

// 08P01: protocol violation. Damage on the way is worth another attempt, a wrong server is not.
[[nodiscard]] inline base::Error corrupt(std::string_view detail, bool retryable = true,
                                         const std::string &service = "DynamoDB")
{
    return {base::make_status(base::Failure::kCorrupt, "08P01", retryable, "response of " + service + " is corrupt",
                              detail, "Check the network, and that the server's endpoint is " + service + "'s.")};
}

}  // namespace podyn::net
