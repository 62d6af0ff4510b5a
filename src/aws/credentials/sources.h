// The sources of credentials, each in a file of its own, and the chain of them.
#pragma once

#include <string>

#include "aws/credentials/config_files.h"
#include "aws/credentials/failure.h"
#include "aws/credentials/profile_plan.h"
#include "aws/credentials/world.h"
#include "base/task.h"

namespace podyn::aws {

// Where the credentials of one server and user come from.
struct CredentialOptions {
    bool use_default_chain = false;
    Credentials given;           // of the user mapping; without use_default_chain
    std::string profile;         // of the default chain; empty: AWS_PROFILE, or "default"
    bool allow_process = false;  // credential_process
    std::string role_arn;        // to be assumed with what was found; may be empty
    std::string external_id;     // for that; may be empty

    std::string region;
    std::string sts_endpoint;  // URL; empty: AWS's own
    std::string ca_file;       // only for sts_endpoint; empty: the system's certificates
    bool use_fips = false;
    bool use_dualstack = false;

    bool operator==(const CredentialOptions &) const = default;
};

// The credentials that the options lead to: a user mapping's or the default chain's, and the role's if there is one.
// Throws base::Error (28000) which says what each source said. `options` must outlive the task, as in all of these.
[[nodiscard]] base::Task<Credentials> obtain_credentials(World &world, const CredentialOptions &options);

// What sources of the default chain know from the beginning.
struct ChainContext {
    const CredentialOptions &options;
    ConfigFiles files;
    std::string profile_name;
    Properties profile;  // of that name; empty where there is none
    std::string region;  // AWS_REGION, else the profile's, else the server's
    bool use_fips;       // what the server, the environment or the profile says
    bool use_dualstack;
};

// A service's URL that the environment names, such as AWS_ENDPOINT_URL_STS; empty where it names none.
[[nodiscard]] std::string endpoint_of_environment(const World &world, const char *variable);

[[nodiscard]] Finding from_environment(const World &world);
[[nodiscard]] base::Task<Finding> from_profile(World &world, const ChainContext &context);
[[nodiscard]] base::Task<Finding> from_web_identity(World &world, const ChainContext &context);
[[nodiscard]] base::Task<Finding> from_container(World &world, const ChainContext &context);
[[nodiscard]] base::Task<Finding> from_instance(World &world, const ChainContext &context);
[[nodiscard]] base::Task<Credentials> from_sso(World &world, const ChainContext &context, Sso sso);
[[nodiscard]] base::Task<Credentials> from_process(World &world, std::string command);

// Where STS is asked, and how.
struct StsOptions {
    std::string region;
    std::string endpoint;  // URL; empty: AWS's own for the region, use_fips and use_dualstack
    std::string ca_file;
    bool use_fips = false;
    bool use_dualstack = false;
};

// AssumeRole, signed with `base`; AssumeRoleWithWebIdentity, unsigned.
[[nodiscard]] base::Task<Credentials> assume_role(World &world, StsOptions options, Role role, Credentials base);
[[nodiscard]] base::Task<Credentials> assume_role_with_token(World &world, StsOptions options, WebIdentity identity);
// How the default chain asks STS.
[[nodiscard]] StsOptions sts_of(const World &world, const ChainContext &context);

}  // namespace podyn::aws
