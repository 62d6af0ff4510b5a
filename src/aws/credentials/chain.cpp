// obtain_credentials() of sources.h: AWS's default chain in its order, and the role behind it.
#include <utility>

#include "aws/credentials/sources.h"
#include "base/text.h"

namespace podyn::aws {

namespace {

using base::Task;

Task<Credentials> search(World &world, const CredentialOptions &options);
ChainContext open_chain(const World &world, const CredentialOptions &options);

}  // namespace

Task<Credentials> obtain_credentials(World &world, const CredentialOptions &options)
{
    Credentials credentials = options.given;
    if (options.use_default_chain)
        credentials = co_await search(world, options);
    if (options.role_arn.empty())
        co_return credentials;
    StsOptions sts{options.region, options.sts_endpoint, options.ca_file, options.use_fips, options.use_dualstack};
    Role role{options.role_arn, options.external_id, {}, {}};
    co_return co_await assume_role(world, std::move(sts), std::move(role), std::move(credentials));
}

namespace {

// What each source said, for the message where none gave anything.
class Reasons {
  public:
    void add(const char *source, const Finding &finding)
    {
        text_.append(text_.empty() ? "" : "; ").append(source).append(": ").append(finding.nothing);
    }

    [[nodiscard]] base::Error error() const
    {
        return credentials_failure("there are no AWS credentials in the surroundings of the PostgreSQL server", text_,
                                   "Give PostgreSQL's process an AWS identity (variables, files, a role of the "
                                   "instance or container), or create a user mapping and set credentials to "
                                   "user_mapping.");
    }

  private:
    std::string text_;
};

// A profile that the server names stands alone, as with the AWS CLI's --profile.
Task<Credentials> named_profile(World &world, const ChainContext &context)
{
    Finding finding = co_await from_profile(world, context);
    if (finding.credentials)
        co_return *std::move(finding.credentials);
    throw credentials_failure("there are no AWS credentials in profile \"" + context.profile_name + "\"",
                              finding.nothing,
                              "Check option profile of the server, and the AWS configuration files "
                              "of the operating system user that PostgreSQL runs as.");
}

struct Source {
    const char *name;
    Task<Finding> (*find)(World &world, const ChainContext &context);
};

// Behind the environment.
constexpr Source kSources[] = {
    {"configuration files", from_profile},
    {"web identity", from_web_identity},
    {"container", from_container},
    {"instance metadata", from_instance},
};

Task<Credentials> search(World &world, const CredentialOptions &options)
{
    Reasons reasons;
    if (options.profile.empty()) {  // before the files are read, which may be in disorder
        Finding finding = from_environment(world);
        if (finding.credentials)
            co_return *std::move(finding.credentials);
        reasons.add("environment", finding);
    }
    const ChainContext context = open_chain(world, options);
    if (!options.profile.empty())
        co_return co_await named_profile(world, context);
    for (const Source &source : kSources) {
        Finding finding = co_await source.find(world, context);
        if (finding.credentials)
            co_return *std::move(finding.credentials);
        reasons.add(source.name, finding);
    }
    throw reasons.error();
}

ChainContext open_chain(const World &world, const CredentialOptions &options)
{
    ChainContext context{options, load_config_files(world), options.profile, {}, {}, false, false};
    for (const char *name : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"})
        if (context.profile_name.empty())
            context.profile_name = world.variable(name);
    const bool named = !context.profile_name.empty();
    if (!named)
        context.profile_name = "default";
    if (const auto found = context.files.profiles.find(context.profile_name); found != context.files.profiles.end())
        context.profile = found->second;
    else if (named)
        throw credentials_failure("there is no AWS profile named \"" + context.profile_name + "\"",
                                  context.files.missing,
                                  "Check option profile of the server, AWS_PROFILE, and the AWS configuration files of "
                                  "the operating system user that PostgreSQL runs as.");
    for (const std::string &region : {world.variable("AWS_REGION"), world.variable("AWS_DEFAULT_REGION"),
                                      property(context.profile, "region"), options.region})
        if (context.region.empty())
            context.region = region;
    const auto wanted = [&](bool option, const char *variable, const char *name) {
        return option || base::lower_case(setting(world, variable, context.profile, name)) == "true";
    };
    context.use_fips = wanted(options.use_fips, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
    context.use_dualstack = wanted(options.use_dualstack, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
    return context;
}

}  // namespace

std::string endpoint_of_environment(const World &world, const char *variable)
{
    const std::string own = world.variable(variable);
    return own.empty() ? world.variable("AWS_ENDPOINT_URL") : own;
}

StsOptions sts_of(const World &world, const ChainContext &context)
{
    const CredentialOptions &options = context.options;
    std::string endpoint =
        options.sts_endpoint.empty() ? endpoint_of_environment(world, "AWS_ENDPOINT_URL_STS") : options.sts_endpoint;
    return {context.region, std::move(endpoint), options.ca_file, context.use_fips, context.use_dualstack};
}

}  // namespace podyn::aws
