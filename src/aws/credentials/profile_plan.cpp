// See profile_plan.h. Precedence: botocore's and the Rust SDK's, whose cases the tests replay.
#include "aws/credentials/profile_plan.h"

#include <algorithm>

#include "aws/credentials/failure.h"

namespace podyn::aws {

namespace {

[[noreturn]] void refuse(const std::string &profile, const std::string &why)
{
    throw credentials_failure("AWS profile \"" + profile + "\" cannot be used", why,
                              "Mend the profile in the AWS configuration files of the PostgreSQL server.");
}

// One profile, and its name for messages.
struct Profile {
    const std::string &name;
    const Properties &properties;

    [[nodiscard]] std::string get(const char *key) const { return property(properties, key); }
    [[nodiscard]] bool has(const char *key) const { return !get(key).empty(); }
    // Either both or none.
    [[nodiscard]] bool has_both(const char *one, const char *other) const
    {
        for (const auto &[given, lacking] : {std::pair(one, other), std::pair(other, one)})
            if (has(given) && !has(lacking))
                refuse(name, std::string("it has ") + given + ", but lacks " + lacking);
        return has(one);
    }
};

Role role_of(const Profile &profile)
{
    if (profile.has("mfa_serial"))
        refuse(profile.name, "its role needs a code from an MFA device (mfa_serial), which nobody is there to type");
    return {profile.get("role_arn"), profile.get("external_id"), profile.get("role_session_name"),
            profile.get("duration_seconds")};
}

std::optional<Credentials> keys_of(const Profile &profile)
{
    if (!profile.has_both("aws_access_key_id", "aws_secret_access_key"))
        return std::nullopt;
    return Credentials{profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"),
                       profile.get("aws_session_token")};
}

Sso sso_of(const ConfigFiles &files, const Profile &profile)
{
    (void)profile.has_both("sso_account_id", "sso_role_name");
    Sso sso{profile.get("sso_start_url"), profile.get("sso_region"), profile.get("sso_session"),
            profile.get("sso_account_id"), profile.get("sso_role_name")};
    if (sso.account_id.empty())
        refuse(profile.name,
               "its sso_session gives a token but no credentials: it lacks sso_account_id and "
               "sso_role_name");
    if (!sso.session.empty()) {
        const auto session = files.sso_sessions.find(sso.session);
        if (session == files.sso_sessions.end())
            refuse(profile.name, "there is no sso-session named \"" + sso.session + "\"");
        for (const auto &[key, value] :
             {std::pair("sso_start_url", &sso.start_url), std::pair("sso_region", &sso.region)}) {
            const std::string given = property(session->second, key);
            if (!value->empty() && *value != given)
                refuse(profile.name, std::string("it and its sso-session differ in ") + key);
            *value = given;
        }
    }
    if (sso.start_url.empty() || sso.region.empty())
        refuse(profile.name, std::string("it lacks ") + (sso.region.empty() ? "sso_region" : "sso_start_url"));
    return sso;
}

bool refers_to_source(const Profile &profile)
{
    return profile.has("role_arn") && (profile.has("source_profile") || profile.has("credential_source"));
}

// The basic credentials of a profile that refers to no other.
std::optional<BasicSource> own_source(const ConfigFiles &files, const Profile &profile)
{
    if (profile.has("web_identity_token_file")) {
        if (!profile.has("role_arn"))
            refuse(profile.name, "it has web_identity_token_file, but lacks role_arn");
        return WebIdentity{role_of(profile), profile.get("web_identity_token_file")};
    }
    if (profile.has("role_arn"))
        refuse(profile.name, "it has role_arn, but neither source_profile nor credential_source");
    if (profile.has("sso_session") || profile.has("sso_account_id") || profile.has("sso_role_name"))
        return sso_of(files, profile);
    if (std::optional<Credentials> keys = keys_of(profile))
        return *std::move(keys);
    if (profile.has("credential_process"))
        return Process{profile.get("credential_process")};
    return std::nullopt;
}

// The profile that is the source of the one visited last, or the first one, which may be missing.
std::optional<Profile> find_profile(const ConfigFiles &files, const std::string &name,
                                    const std::vector<std::string> &visited)
{
    const auto found = files.profiles.find(name);
    if (found == files.profiles.end() && visited.empty())
        return std::nullopt;
    if (found == files.profiles.end())
        refuse(visited.back(), "there is no source profile named \"" + name + "\"");
    if (std::find(visited.begin(), visited.end(), name) != visited.end())
        refuse(name, "its source profiles form a circle");
    return Profile{found->first, found->second};
}

}  // namespace

std::optional<ProfilePlan> plan_profile(const ConfigFiles &files, const std::string &profile_name)
{
    ProfilePlan plan;
    std::vector<std::string> visited;
    std::optional<BasicSource> base;
    for (std::string name = profile_name; !base;) {
        const std::optional<Profile> profile = find_profile(files, name, visited);
        if (!profile)
            return std::nullopt;
        // A source's keys go before its role.
        if (!visited.empty())
            if (std::optional<Credentials> keys = keys_of(*profile))
                base = *std::move(keys);
        if (!base && !refers_to_source(*profile)) {
            base = own_source(files, *profile);
            if (!base && visited.empty())
                return std::nullopt;
            if (!base)
                refuse(name, "it is the source of profile \"" + visited.back() + "\", but has no credentials");
        }
        if (base)
            break;

        const std::string source = profile->get("source_profile");
        if (!source.empty() && profile->has("credential_source"))
            refuse(name, "it has both source_profile and credential_source");
        plan.roles.push_back(role_of(*profile));
        if (source.empty())
            base = NamedSource{profile->get("credential_source")};
        else if (source == name)
            base = keys_of(*profile).value_or(Credentials{});
        visited.push_back(name);
        name = source;
    }
    plan.base = *std::move(base);
    std::reverse(plan.roles.begin(), plan.roles.end());
    return plan;
}

}  // namespace podyn::aws
