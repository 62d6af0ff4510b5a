// Credentials of AWS IAM Identity Center (SSO): a role of an account for a cached token (API reference of the IAM
// Identity Center portal, GetRoleCredentials).
#include <charconv>

#include "aws/credentials/ask.h"
#include "aws/credentials/sources.h"
#include "aws/credentials/sso_token.h"
#include "aws/endpoints.h"
#include "base/url.h"

namespace podyn::aws {

namespace {

constexpr std::string_view kWho = "AWS IAM Identity Center";

base::Error failure(const Sso &sso, std::string_view detail, bool retryable = false)
{
    return credentials_failure("could not get credentials of role \"" + sso.role_name + "\" in account " +
                                   sso.account_id + " from AWS IAM Identity Center",
                               detail, "Check the profile's sso_ properties; or run `aws sso login` again.", retryable);
}

HttpRequest request_of(const World &world, const ChainContext &context, const Sso &sso, const std::string &token)
{
    const std::string given = endpoint_of_environment(world, "AWS_ENDPOINT_URL_SSO");
    const base::Url endpoint =
        given.empty() ? aws_endpoint(Service::kSsoPortal, sso.region, context.use_fips, context.use_dualstack)
                      : custom_endpoint(given);
    HttpRequest request;
    request.url = endpoint.text() + "/federation/credentials?account_id=" + base::percent_encoded(sso.account_id) +
                  "&role_name=" + base::percent_encoded(sso.role_name);
    request.headers.push_back("x-amz-sso_bearer_token: " + token);
    return request;
}

Credentials read_credentials(const Sso &sso, const std::string &body)
{
    std::map<std::string, std::string> texts = read_json(body, kWho);
    Credentials credentials{texts["roleCredentials.accessKeyId"], texts["roleCredentials.secretAccessKey"],
                            texts["roleCredentials.sessionToken"]};
    const std::string &expiration = texts["roleCredentials.expiration"];
    std::int64_t milliseconds = 0;
    std::from_chars(expiration.data(), expiration.data() + expiration.size(), milliseconds);
    if (credentials.access_key_id.empty() || credentials.secret_access_key.empty() || milliseconds <= 0)
        throw failure(sso, "the answer holds no credentials");
    credentials.expires_us = milliseconds * 1000;
    return credentials;
}

}  // namespace

base::Task<Credentials> from_sso(World &world, const ChainContext &context, Sso sso)
{
    const std::string token = co_await sso_access_token(world, context, sso);
    // Anything else could break out of the header.
    check_credentials({"token", token, {}});
    HttpRequest request = request_of(world, context, sso, token);
    const HttpReply reply = co_await ask(world, std::move(request), true);
    if (!reply.transport.ok() || reply.status != 200)
        throw failure(sso, trouble(reply), is_transient(reply));
    co_return read_credentials(sso, reply.body);
}

}  // namespace podyn::aws
