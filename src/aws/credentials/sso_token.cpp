// See sso_token.h.
#include "aws/credentials/sso_token.h"

#include "aws/credentials/ask.h"
#include "aws/endpoints.h"
#include "base/digest.h"
#include "base/time_format.h"
#include "json/writer.h"

namespace podyn::aws {

namespace {

using base::Task;
using Texts = std::map<std::string, std::string>;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kRefreshBefore = 5 * 60 * kSecond;  // the expiry; the SDKs' window
constexpr std::string_view kWho = "AWS IAM Identity Center";
constexpr std::string_view kHint =
    "Run `aws sso login` as the operating system user that PostgreSQL runs as, with the same profile.";

std::string cache_path(const World &world, const Sso &sso)
{
    const std::string &name = sso.session.empty() ? sso.start_url : sso.session;
    return world.expand_path("~/.aws/sso/cache/" + base::sha1_hex(name) + ".json");
}

bool can_be_refreshed(const World &world, const Sso &sso, Texts &cached)
{
    const auto registered_until = base::parse_iso_time(cached["registrationExpiresAt"]);
    return !sso.session.empty() && !cached["refreshToken"].empty() && !cached["clientId"].empty() &&
           !cached["clientSecret"].empty() && registered_until && *registered_until > world.unix_us();
}

// OIDC's CreateToken (API reference of IAM Identity Center OIDC).
HttpRequest refresh_request(const World &world, const ChainContext &context, const Sso &sso, Texts &cached)
{
    const std::string given = endpoint_of_environment(world, "AWS_ENDPOINT_URL_SSO_OIDC");
    const base::Url endpoint =
        given.empty() ? aws_endpoint(Service::kSsoOidc, sso.region, context.use_fips, context.use_dualstack)
                      : custom_endpoint(given);
    HttpRequest request;
    request.method = "POST";
    request.url = endpoint.text() + "/token";
    request.headers.emplace_back("Content-Type: application/json");
    request.body = json::ObjectWriter()
                       .string("grantType", "refresh_token")
                       .string("clientId", cached["clientId"])
                       .string("clientSecret", cached["clientSecret"])
                       .string("refreshToken", cached["refreshToken"])
                       .finish();
    return request;
}

// The refresh token may be good for one use only, so the new one must reach the cache.
void save(const World &world, const std::string &path, const Sso &sso, Texts &cached)
{
    json::ObjectWriter writer;
    cached["startUrl"] = sso.start_url;
    cached["region"] = sso.region;
    for (const auto &[name, value] : cached)
        if (name.find('.') == std::string::npos && !value.empty())
            writer.string(name, value);
    (void)world.replace_file(path, writer.finish());
}

// Brings the cached token up to date; false where that fails.
Task<bool> refresh(World &world, const ChainContext &context, const Sso &sso, Texts &cached)
{
    const HttpReply reply = co_await ask(world, refresh_request(world, context, sso, cached), true);
    if (!reply.transport.ok() || reply.status != 200)
        co_return false;
    Texts answer = read_json(reply.body, kWho);
    const std::int64_t seconds = std::strtoll(answer["expiresIn"].c_str(), nullptr, 10);
    if (answer["accessToken"].empty() || seconds <= 0)
        co_return false;
    cached["accessToken"] = answer["accessToken"];
    cached["expiresAt"] = base::iso_time(world.unix_us() + seconds * kSecond);
    if (!answer["refreshToken"].empty())
        cached["refreshToken"] = answer["refreshToken"];
    co_return true;
}

}  // namespace

Task<std::string> sso_access_token(World &world, const ChainContext &context, const Sso &sso)
{
    const std::string path = cache_path(world, sso);
    const FileText file = world.read_file(path);
    if (!file.text)
        throw credentials_failure("there is no cached token of AWS IAM Identity Center", path + ": " + file.problem,
                                  kHint);
    Texts cached = read_json(*file.text, path);
    const std::int64_t expires = read_expiration(cached["expiresAt"], path);
    if (expires - world.unix_us() < kRefreshBefore && can_be_refreshed(world, sso, cached)) {
        const bool refreshed = co_await refresh(world, context, sso, cached);
        if (refreshed) {
            save(world, path, sso, cached);
            co_return cached["accessToken"];
        }
    }
    if (expires <= world.unix_us())
        throw credentials_failure("the cached token of AWS IAM Identity Center has expired", path, kHint);
    if (cached["accessToken"].empty())
        throw credentials_failure("there is no cached token of AWS IAM Identity Center", path + " has no accessToken",
                                  kHint);
    co_return cached["accessToken"];
}

}  // namespace podyn::aws
