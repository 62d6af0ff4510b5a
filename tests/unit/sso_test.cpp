// Credentials of AWS IAM Identity Center, and its cached token.
#include <gtest/gtest.h>

#include "base/digest.h"
#include "fake_world.h"

namespace podyn::aws {
namespace {

using test::FakeWorld;
using test::has;
using test::header;
using test::kSecond;
using test::world_with_config;

FakeWorld world_with_sso(const std::string &token_expires, const std::string &more = "")
{
    FakeWorld world = world_with_config(
        "[default]\nsso_session = dev\nsso_account_id = 123\nsso_role_name = My Role\n"
        "[sso-session dev]\nsso_region = us-east-2\nsso_start_url = https://x.awsapps.com/start\n");
    world.files["/home/.aws/sso/cache/" + base::sha1_hex("dev") + ".json"] =
        R"({"accessToken":"CANARY-old","expiresAt":")" + token_expires + "\"" + more + "}";
    world.http = [](const HttpRequest &request) {
        if (request.url == "https://oidc.us-east-2.amazonaws.com/token")
            return FakeWorld::answer(
                200, R"({"accessToken":"CANARY-new","expiresIn":3600,"refreshToken":"CANARY-refresh2"})");
        return FakeWorld::answer(200, R"({"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"CANARY",)"
                                      R"("sessionToken":"CANARY","expiration":1632243600000}})");
    };
    return world;
}

constexpr char kRefreshable[] =
    R"(,"refreshToken":"CANARY-refresh","clientId":"client","clientSecret":"CANARY-client",)"
    R"("registrationExpiresAt":"2021-12-01T00:00:00Z")";

TEST(Sso, a_cached_token_gives_the_role_s_credentials)
{
    FakeWorld world = world_with_sso("2021-09-21T17:00:00UTC");
    const Credentials credentials = world.obtain();
    EXPECT_EQ(credentials.access_key_id, "ASIASSO");
    EXPECT_EQ(credentials.expires_us, 1'632'243'600 * kSecond);
    ASSERT_EQ(world.requests.size(), 1u);
    EXPECT_EQ(world.requests[0].url,
              "https://portal.sso.us-east-2.amazonaws.com/federation/credentials?account_id=123&role_name=My%20Role");
    EXPECT_EQ(header(world.requests[0], "x-amz-sso_bearer_token"), "CANARY-old");
}

TEST(Sso, a_token_that_expires_soon_is_refreshed_and_the_cache_with_it)
{
    FakeWorld world = world_with_sso("2021-09-21T16:02:00Z", kRefreshable);
    (void)world.obtain();
    ASSERT_EQ(world.requests.size(), 2u);
    EXPECT_EQ(world.requests[0].body, R"({"grantType":"refresh_token","clientId":"client","clientSecret":)"
                                      R"("CANARY-client","refreshToken":"CANARY-refresh"})");
    EXPECT_EQ(header(world.requests[1], "x-amz-sso_bearer_token"), "CANARY-new");
    const std::string cached = world.files["/home/.aws/sso/cache/" + base::sha1_hex("dev") + ".json"];
    EXPECT_EQ(cached, R"({"accessToken":"CANARY-new","clientId":"client","clientSecret":"CANARY-client",)"
                      R"("expiresAt":"2021-09-21T17:00:00Z","refreshToken":"CANARY-refresh2","region":"us-east-2",)"
                      R"("registrationExpiresAt":"2021-12-01T00:00:00Z","startUrl":"https://x.awsapps.com/start"})");
    (void)world.obtain();
    EXPECT_EQ(world.requests.size(), 3u);  // the cached one is good now
}

TEST(Sso, a_refresh_that_fails_matters_only_once_the_token_has_expired)
{
    FakeWorld world = world_with_sso("2021-09-21T16:02:00Z", kRefreshable);
    const auto answers = world.http;
    world.http = [&](const HttpRequest &request) {
        return request.method == "POST" ? FakeWorld::answer(400, "{}") : answers(request);
    };
    (void)world.obtain();
    EXPECT_EQ(header(world.requests.back(), "x-amz-sso_bearer_token"), "CANARY-old");
    world.unix_us += 180 * kSecond;
    const base::Status status = world.failure();
    EXPECT_TRUE(has(status.message, "has expired"));
    EXPECT_TRUE(has(status.hint, "aws sso login"));
}

TEST(Sso, an_expired_token_that_cannot_be_refreshed_says_what_to_do)
{
    FakeWorld world = world_with_sso("2021-09-21T15:00:00Z");
    EXPECT_TRUE(has(world.failure().hint, "aws sso login"));
    EXPECT_TRUE(world.requests.empty());
    world = world_with_sso("2021-09-21T15:00:00Z", R"(,"refreshToken":"CANARY","clientId":"c","clientSecret":"CANARY",)"
                                                   R"("registrationExpiresAt":"2021-09-01T00:00:00Z")");
    (void)world.failure();
    EXPECT_TRUE(world.requests.empty());
}

TEST(Sso, errors_of_the_portal_are_told)
{
    FakeWorld world = world_with_sso("2021-09-21T17:00:00Z");
    world.http = [](const HttpRequest &) { return FakeWorld::answer(401, R"({"message":"CANARY"})"); };
    EXPECT_TRUE(has(world.failure().message, "role \"My Role\" in account 123"));
    world.http = [](const HttpRequest &) { return FakeWorld::answer(200, "{}"); };
    (void)world.failure();
    world.files["/home/.aws/sso/cache/" + base::sha1_hex("dev") + ".json"] =
        R"({"accessToken":"CANARY\r\nX: y","expiresAt":"2080-01-01T00:00:00Z"})";
    (void)world.failure();
    world.files["/home/.aws/sso/cache/" + base::sha1_hex("dev") + ".json"] = "CANARY";
    (void)world.failure();
}

}  // namespace
}  // namespace podyn::aws
