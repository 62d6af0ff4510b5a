// Roles: AWS STS asked with keys or with a web identity token.
#include <gtest/gtest.h>

#include "fake_world.h"

namespace podyn::aws {
namespace {

using test::FakeWorld;
using test::has;
using test::header;
using test::kSecond;
using test::sts_answer;
using test::sts_error;

// ---- STS -----------------------------------------------------------------------------------------------------------

FakeWorld world_with_role()
{
    FakeWorld world;
    world.options.use_default_chain = false;
    world.options.given = {"AKIDBASE", "CANARY-base", ""};
    world.options.role_arn = "arn:aws:iam::1:role/R";
    world.options.external_id = "id";
    return world;
}

TEST(Sts, the_role_of_a_server_is_assumed_in_its_region)
{
    FakeWorld world = world_with_role();
    world.http = [](const HttpRequest &) { return FakeWorld::answer(200, sts_answer()); };
    EXPECT_EQ(world.obtain().access_key_id, "ASIAROLE");
    ASSERT_EQ(world.requests.size(), 1u);
    EXPECT_EQ(world.requests[0].url, "https://sts.eu-central-1.amazonaws.com/");
    EXPECT_TRUE(has(world.requests[0].body, "&ExternalId=id"));
    EXPECT_FALSE(world.requests[0].may_reach_metadata);
}

TEST(Sts, its_endpoint_can_be_set_and_has_the_ca_file_then)
{
    FakeWorld world = world_with_role();
    world.options.sts_endpoint = "https://sts.example.com:8443";
    world.options.ca_file = "/ca.pem";
    world.options.use_fips = true;
    world.http = [](const HttpRequest &) { return FakeWorld::answer(200, sts_answer()); };
    (void)world.obtain();
    EXPECT_EQ(world.requests.at(0).url, "https://sts.example.com:8443/");
    EXPECT_EQ(world.requests.at(0).ca_file, "/ca.pem");
    EXPECT_EQ(header(world.requests.at(0), "Host"), "sts.example.com:8443");
}

TEST(Sts, a_denied_role_names_the_action)
{
    FakeWorld world = world_with_role();
    world.http = [](const HttpRequest &) {
        return FakeWorld::answer(403,
                                 sts_error("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole"));
    };
    const base::Status status = world.failure();
    EXPECT_STREQ(status.message, "could not assume role \"arn:aws:iam::1:role/R\"");
    EXPECT_STREQ(status.detail, "AccessDenied: User: x is not authorized to perform: sts:AssumeRole");
    EXPECT_TRUE(has(status.hint, "sts:AssumeRole"));
    EXPECT_FALSE(status.retryable);
    EXPECT_EQ(world.requests.size(), 1u);
}

TEST(Sts, a_wrong_signature_does_not_repeat_what_was_signed)
{
    FakeWorld world = world_with_role();
    world.http = [](const HttpRequest &) {
        return FakeWorld::answer(403, sts_error("SignatureDoesNotMatch", "no match.\nThe string was CANARY"));
    };
    EXPECT_STREQ(world.failure().detail, "SignatureDoesNotMatch: no match.");
}

TEST(Sts, outages_and_throttling_are_worth_another_attempt)
{
    FakeWorld world = world_with_role();
    world.http = [](const HttpRequest &) { return FakeWorld::answer(503, "<html>busy</html>"); };
    EXPECT_TRUE(world.failure().retryable);
    EXPECT_EQ(world.requests.size(), 3u);
    EXPECT_EQ(world.pauses, 2);
    world.http = [](const HttpRequest &) { return FakeWorld::answer(400, sts_error("Throttling", "Rate exceeded")); };
    EXPECT_TRUE(world.failure().retryable);
    world.http = nullptr;
    EXPECT_TRUE(world.failure().retryable);
}

TEST(Sts, a_wrong_clock_is_corrected_and_remembered)
{
    FakeWorld world = world_with_role();
    world.http = [&](const HttpRequest &request) {
        if (header(request, "X-Amz-Date").starts_with("20210923T16"))
            return FakeWorld::answer(200, sts_answer());
        HttpReply reply = FakeWorld::answer(403, sts_error("RequestExpired", "Request has expired"));
        reply.date = "Thu, 23 Sep 2021 16:00:00 GMT";
        return reply;
    };
    (void)world.obtain();
    EXPECT_EQ(world.requests.size(), 2u);
    (void)world.obtain();
    EXPECT_EQ(world.requests.size(), 3u);
    EXPECT_EQ(world.clocks.offset_us("sts.eu-central-1.amazonaws.com"), 2 * 86400 * kSecond);
    EXPECT_EQ(world.clocks.offset_us("elsewhere"), 0);
}

TEST(Sts, an_answer_without_credentials_is_refused)
{
    for (const std::string &body : {std::string("<x/>"), std::string(""), sts_answer(""), sts_answer("a\nb")}) {
        FakeWorld world = world_with_role();
        world.http = [&](const HttpRequest &) { return FakeWorld::answer(200, body); };
        (void)world.failure();
    }
}

// ---- web identity --------------------------------------------------------------------------------------------------

TEST(WebIdentity, a_token_is_read_anew_and_sent_unsigned)
{
    FakeWorld world;
    world.variables = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"},
                       {"AWS_ROLE_ARN", "arn:aws:iam::1:role/R"},
                       {"AWS_ROLE_SESSION_NAME", "pod"},
                       {"AWS_REGION", "us-west-2"}};
    world.files["/token"] = "CANARY.jwt\n";
    world.http = [](const HttpRequest &) { return FakeWorld::answer(200, sts_answer()); };
    EXPECT_EQ(world.obtain().access_key_id, "ASIAROLE");
    const HttpRequest &request = world.requests.at(0);
    EXPECT_EQ(request.url, "https://sts.us-west-2.amazonaws.com/");
    EXPECT_EQ(request.body,
              "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3A"
              "role%2FR&RoleSessionName=pod&WebIdentityToken=CANARY.jwt");
    EXPECT_EQ(header(request, "Authorization"), "");
    world.files["/token"] = "second";
    (void)world.obtain();
    EXPECT_TRUE(world.requests.at(1).body.ends_with("=second"));
}

TEST(WebIdentity, what_is_missing_is_named)
{
    FakeWorld world;
    world.variables = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"}};
    EXPECT_TRUE(has(world.failure().message, "AWS_ROLE_ARN is not"));
    world.variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/R";
    EXPECT_STREQ(world.failure().detail, "/token: No such file or directory");
    EXPECT_TRUE(world.requests.empty());
}

}  // namespace
}  // namespace podyn::aws
