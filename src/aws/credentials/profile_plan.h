// What a profile stands for: basic credentials and the roles to be assumed with them, one after the other. Found
// without asking anybody.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "aws/credentials.h"
#include "aws/credentials/config_files.h"

namespace podyn::aws {

struct Role {
    std::string arn;
    std::string external_id;       // may be empty
    std::string session_name;      // empty: made up
    std::string duration_seconds;  // empty: STS's default, an hour
};

// Where basic credentials come from.
struct NamedSource {
    std::string name;  // of credential_source: Environment, Ec2InstanceMetadata, EcsContainer
};
struct WebIdentity {
    Role role;
    std::string token_file;
};
struct Sso {
    std::string start_url;
    std::string region;
    std::string session;  // empty: the form without a session, whose token cannot be refreshed
    std::string account_id;
    std::string role_name;
};
struct Process {
    std::string command;
};

using BasicSource = std::variant<Credentials, NamedSource, WebIdentity, Sso, Process>;

struct ProfilePlan {
    BasicSource base;
    std::vector<Role> roles;  // in the order of assuming them
};

// Nothing where the profile has no credentials, which its source_profile may not do. Throws base::Error (28000) where a
// profile contradicts itself.
[[nodiscard]] std::optional<ProfilePlan> plan_profile(const ConfigFiles &files, const std::string &profile);

}  // namespace podyn::aws
