// The token that `aws sso login` left in the cache (AWS SDKs and Tools Reference Guide, "IAM Identity Center
// credential provider").
#pragma once

#include <string>

#include "aws/credentials/sources.h"

namespace podyn::aws {

// The access token of the session. A token that expires soon is refreshed, and the cache with it, where the cache holds
// what that needs. Throws base::Error (28000).
[[nodiscard]] base::Task<std::string> sso_access_token(World &world, const ChainContext &context, const Sso &sso);

}  // namespace podyn::aws
