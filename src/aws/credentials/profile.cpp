// Credentials from the shared configuration files: does what profile_plan.h found out.
#include "aws/credentials/sources.h"

namespace podyn::aws {

namespace {

using base::Task;

Task<Credentials> from_named_source(World &world, const ChainContext &context, std::string name)
{
    Finding finding;
    if (name == "Environment")
        finding = from_environment(world);
    else if (name == "Ec2InstanceMetadata")
        finding = co_await from_instance(world, context);
    else if (name == "EcsContainer")
        finding = co_await from_container(world, context);
    else
        finding = nothing("there is no such source; it is Environment, Ec2InstanceMetadata or EcsContainer");
    if (!finding.credentials)
        throw credentials_failure(
            "credential_source of AWS profile \"" + context.profile_name + "\" gives no credentials",
            name + ": " + finding.nothing, "Mend the profile in the AWS configuration files of the PostgreSQL server.");
    co_return *std::move(finding.credentials);
}

Task<Credentials> from_command(World &world, const ChainContext &context, std::string command)
{
    if (!context.options.allow_process)
        throw credentials_failure("credential_process of AWS profile \"" + context.profile_name + "\" may not be run",
                                  {}, "A superuser can set podyn.allow_credential_process to on.");
    co_return co_await from_process(world, std::move(command));
}

Task<Credentials> from_base(World &world, const ChainContext &context, BasicSource base)
{
    if (auto *source = std::get_if<NamedSource>(&base))
        co_return co_await from_named_source(world, context, source->name);
    if (auto *sso = std::get_if<Sso>(&base))
        co_return co_await from_sso(world, context, *sso);
    if (auto *process = std::get_if<Process>(&base))
        co_return co_await from_command(world, context, process->command);
    if (auto *identity = std::get_if<WebIdentity>(&base)) {
        StsOptions sts = sts_of(world, context);
        co_return co_await assume_role_with_token(world, std::move(sts), *identity);
    }
    co_return std::get<Credentials>(base);
}

}  // namespace

Task<Finding> from_profile(World &world, const ChainContext &context)
{
    std::optional<ProfilePlan> plan = plan_profile(context.files, context.profile_name);
    if (!plan) {
        std::string why = "profile \"" + context.profile_name + "\" has no credentials";
        if (!context.files.missing.empty())
            why.append(" (").append(context.files.missing).append(")");
        co_return nothing(std::move(why));
    }
    Credentials credentials = co_await from_base(world, context, plan->base);
    for (const Role &role : plan->roles) {
        StsOptions sts = sts_of(world, context);
        credentials = co_await assume_role(world, std::move(sts), role, std::move(credentials));
    }
    co_return found(std::move(credentials));
}

}  // namespace podyn::aws
