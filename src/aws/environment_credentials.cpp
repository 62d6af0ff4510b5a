// Credentials from the environment of the server's processes, the first link of AWS's default chain.
#include "aws/credentials.h"
#include "base/guard.h"

namespace podyn::aws {

namespace {

std::string variable(const Environment &environment, const char *name)
{
    const char *value = environment(name);
    return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

std::unique_ptr<CredentialsProvider> environment_provider(const Environment &environment)
{
    Credentials credentials{variable(environment, "AWS_ACCESS_KEY_ID"), variable(environment, "AWS_SECRET_ACCESS_KEY"),
                            variable(environment, "AWS_SESSION_TOKEN")};
    if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
        throw base::Error{base::make_status(
            base::Failure::kCredentials, "28000", false,
            "there are no AWS credentials in the environment of the PostgreSQL server", {},
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN with temporary credentials) in the "
            "environment in which PostgreSQL is started, or create a user mapping.")};
    return static_provider(std::move(credentials));
}

}  // namespace podyn::aws
