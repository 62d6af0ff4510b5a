// A role for a token that somebody else vouches for, as Kubernetes does on EKS (IAM roles for service accounts).
#include "aws/credentials/sources.h"

namespace podyn::aws {

base::Task<Finding> from_web_identity(World &world, const ChainContext &context)
{
    WebIdentity identity{{world.variable("AWS_ROLE_ARN"), {}, world.variable("AWS_ROLE_SESSION_NAME"), {}},
                         world.variable("AWS_WEB_IDENTITY_TOKEN_FILE")};
    if (identity.token_file.empty())
        co_return nothing("AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    if (identity.role.arn.empty())
        throw credentials_failure("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not", {},
                                  "Set both in the environment in which PostgreSQL is started, or none.");
    StsOptions sts = sts_of(world, context);
    Credentials credentials = co_await assume_role_with_token(world, std::move(sts), std::move(identity));
    co_return found(std::move(credentials));
}

}  // namespace podyn::aws
