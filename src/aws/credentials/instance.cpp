// Credentials of the role of an EC2 instance, from its metadata service, version 2 (Amazon EC2 User Guide, "Use
// IMDSv2"). Version 1, which asks for no token, is never used: a request that some other program is tricked into would
// do there.
#include <algorithm>

#include "aws/credentials/ask.h"
#include "aws/credentials/sources.h"
#include "aws/endpoints.h"
#include "base/text.h"
#include "base/url.h"

namespace podyn::aws {

namespace {

using base::Task;

constexpr std::string_view kWho = "the instance metadata service";
constexpr std::string_view kRoles = "/latest/meta-data/iam/security-credentials/";
constexpr std::int64_t kTimeout = 1'000'000;  // botocore's; a healthy one takes milliseconds
constexpr char kTokenLife[] = "X-aws-ec2-metadata-token-ttl-seconds: 21600";  // the most that the service gives

base::Error failure(std::string_view detail, bool retryable = false)
{
    return credentials_failure("could not get credentials from the instance metadata service", detail,
                               "Check the instance's role and its metadata options.", retryable);
}

std::string endpoint(const World &world, const Properties &profile)
{
    const std::string given =
        setting(world, "AWS_EC2_METADATA_SERVICE_ENDPOINT", profile, "ec2_metadata_service_endpoint");
    if (given.empty()) {
        const std::string mode = base::lower_case(
            setting(world, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", profile, "ec2_metadata_service_endpoint_mode"));
        if (!mode.empty() && mode != "ipv4" && mode != "ipv6")
            throw failure("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is neither IPv4 nor IPv6");
        return mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
    }
    std::string_view problem;
    const auto url = base::parse_url(given, &problem);
    if (!url)
        throw failure(std::string("AWS_EC2_METADATA_SERVICE_ENDPOINT ").append(problem));
    return url->text();
}

HttpRequest request_of(std::string url, std::string header)
{
    HttpRequest request;
    request.url = std::move(url);
    request.headers.push_back(std::move(header));
    request.timeout_us = kTimeout;
    request.may_reach_metadata = true;
    return request;
}

bool is_role_name(std::string_view text)
{
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               std::string_view("_+=,.@-").find(c) != std::string_view::npos;  // IAM API reference, RoleName
    });
}

Credentials read_credentials(const std::string &body)
{
    std::map<std::string, std::string> texts = read_json(body, kWho);
    if (texts["Code"] != "Success")
        throw failure("it says \"" + texts["Code"] + "\"", true);
    Credentials credentials{texts["AccessKeyId"], texts["SecretAccessKey"], texts["Token"]};
    if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
        throw failure("the answer holds no credentials");
    credentials.expires_us = read_expiration(texts["Expiration"], kWho);
    return credentials;
}

}  // namespace

Task<Finding> from_instance(World &world, const ChainContext &context)
{
    if (base::lower_case(world.variable("AWS_EC2_METADATA_DISABLED")) == "true")
        co_return nothing("turned off by AWS_EC2_METADATA_DISABLED");
    const std::string service = endpoint(world, context.profile);

    HttpRequest request = request_of(service + "/latest/api/token", kTokenLife);
    request.method = "PUT";
    // Elsewhere than on EC2 nobody listens there.
    HttpReply reply = co_await ask(world, std::move(request), false);
    if (!reply.transport.ok())
        co_return nothing(trouble(reply));
    if (reply.status == 403)
        co_return nothing("access is forbidden (HTTP status 403)");
    if (reply.status != 200 ||
        !std::all_of(reply.body.begin(), reply.body.end(), [](char c) { return c > ' ' && c < '\x7f'; }))
        co_return nothing("no token for version 2 of the service: " + trouble(reply));
    const std::string token = "X-aws-ec2-metadata-token: " + reply.body;

    const std::string roles = service + std::string(kRoles);
    request = request_of(roles, token);
    reply = co_await ask(world, std::move(request), true);
    if (reply.transport.ok() && reply.status == 404)
        co_return nothing("the instance has no role");
    if (!reply.transport.ok() || reply.status != 200)
        throw failure(trouble(reply), is_transient(reply));
    const std::string role = reply.body.substr(0, reply.body.find_first_of("\r\n"));
    if (!is_role_name(role))
        throw failure("it gave no role's name");

    request = request_of(roles + role, token);
    reply = co_await ask(world, std::move(request), true);
    if (!reply.transport.ok() || reply.status != 200)
        throw failure(trouble(reply), is_transient(reply));
    co_return found(read_credentials(reply.body));
}

}  // namespace podyn::aws
