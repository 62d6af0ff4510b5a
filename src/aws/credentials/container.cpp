// Credentials that the container's host offers: Amazon ECS, and EKS Pod Identity (AWS SDKs and Tools Reference Guide,
// "Container credential provider").
#include <algorithm>

#include "aws/credentials/ask.h"
#include "aws/credentials/sources.h"
#include "base/url.h"

namespace podyn::aws {

namespace {

constexpr std::string_view kWho = "the container credentials endpoint";
constexpr std::string_view kEcsHost = "http://169.254.170.2";
constexpr std::string_view kHint =
    "Check AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI in the environment of "
    "PostgreSQL.";

base::Error failure(std::string_view detail, bool retryable = false)
{
    return credentials_failure("could not get credentials from the container's host", detail, kHint, retryable);
}

// The AWS SDKs' rule for plain HTTP: this machine, ECS, or EKS.
bool may_be_asked(const base::Url &url)
{
    return url.tls || url.is_loopback() || url.host == "169.254.170.2" || url.host == "169.254.170.23" ||
           url.host == "fd00:ec2::23";
}

bool is_plain(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
}

// Empty: the environment names none.
std::string url_of(const World &world)
{
    const std::string relative = world.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    std::string uri = relative.empty() ? world.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")
                                       : std::string(kEcsHost).append(relative);
    if (uri.empty())
        return {};
    const std::size_t scheme = uri.find("://");
    const std::size_t path =
        std::min(uri.find_first_of("/?", scheme == std::string::npos ? 0 : scheme + 3), uri.size());
    std::string_view problem;
    const auto url = base::parse_url(std::string_view(uri).substr(0, path), &problem);
    if (!url)
        throw failure(std::string("the URI ").append(problem));
    if (!may_be_asked(*url))
        throw failure("host \"" + url->host + "\" may only be asked over https");
    if (!is_plain(uri))
        throw failure("the URI contains a character that has no place there");
    return url->text() + (path < uri.size() && uri[path] == '/' ? "" : "/") + uri.substr(path);
}

// For the Authorization header; EKS renews the file.
std::string token_of(const World &world)
{
    const std::string path = world.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    std::string token = world.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (!path.empty()) {
        FileText file = world.read_file(path);
        if (!file.text)
            throw failure("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " + path + ": " + file.problem);
        token = *std::move(file.text);
    }
    token.erase(token.find_last_not_of(" \t\r\n") + 1);
    // Anything else could break out of the header.
    if (!std::all_of(token.begin(), token.end(), [](char c) { return c >= ' ' && c < '\x7f'; }))
        throw failure("the authorization token contains an illegal character");
    return token;
}

}  // namespace

base::Task<Finding> from_container(World &world, const ChainContext &)
{
    HttpRequest request;
    request.url = url_of(world);
    request.may_reach_metadata = true;
    if (request.url.empty())
        co_return nothing("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set");
    request.headers.emplace_back("Accept: application/json");
    if (const std::string token = token_of(world); !token.empty())
        request.headers.push_back("Authorization: " + token);
    const HttpReply reply = co_await ask(world, std::move(request), true);
    if (!reply.transport.ok() || reply.status != 200)
        throw failure(trouble(reply), is_transient(reply));
    std::map<std::string, std::string> texts = read_json(reply.body, kWho);
    Credentials credentials{texts["AccessKeyId"], texts["SecretAccessKey"], texts["Token"]};
    if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
        throw failure("the answer holds no credentials");
    if (!texts["Expiration"].empty())
        credentials.expires_us = read_expiration(texts["Expiration"], kWho);
    co_return found(std::move(credentials));
}

}  // namespace podyn::aws
