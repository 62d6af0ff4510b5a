// A response that is not what its sender can have meant.
#pragma once

#include <string_view>

#include "engine/guard.h"

namespace podyn::net {

// 08P01: protocol violation. Damage on the way is worth another attempt, a wrong server is not.
[[nodiscard]] inline engine::Error corrupt(std::string_view detail, bool retryable = true)
{
    return {
        engine::make_status(engine::Failure::kCorrupt, "08P01", retryable, "response of DynamoDB is corrupt", detail,
                            "Check the network, and that the server's endpoint is DynamoDB's")};
}

}  // namespace podyn::net
