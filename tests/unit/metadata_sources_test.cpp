// Credentials that a container's host or the EC2 instance offers.
#include <gtest/gtest.h>

#include <tuple>

#include "fake_world.h"

namespace podyn::aws {
namespace {

using test::credentials_json;
using test::FakeWorld;
using test::has;
using test::header;
using test::kSecond;
using test::world_with_config;

// ---- container -----------------------------------------------------------------------------------------------------

FakeWorld world_in_container(const char *variable, const std::string &uri)
{
    FakeWorld world;
    world.variables[variable] = uri;
    world.http = [](const HttpRequest &) { return FakeWorld::answer(200, credentials_json()); };
    return world;
}

TEST(Container, where_it_may_be_asked)
{
    constexpr char kRelative[] = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    constexpr char kFull[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const std::tuple<const char *, std::string, std::string> kGood[] = {
        {kRelative, "/credentials?a=1", "http://169.254.170.2/credentials?a=1"},
        {kFull, "http://169.254.170.2/c", "http://169.254.170.2/c"},
        {kFull, "http://169.254.170.23/v1/c", "http://169.254.170.23/v1/c"},
        {kFull, "http://[fd00:ec2::23]/v1/c", "http://[fd00:ec2::23]/v1/c"},
        {kFull, "http://localhost:8080/c", "http://localhost:8080/c"},
        {kFull, "http://127.0.0.9/c", "http://127.0.0.9/c"},
        {kFull, "https://site.example.com:8080/c", "https://site.example.com:8080/c"},
    };
    for (const auto &[variable, uri, url] : kGood) {
        FakeWorld world = world_in_container(variable, uri);
        EXPECT_EQ(world.obtain().access_key_id, "AKID") << uri;
        EXPECT_EQ(world.requests.at(0).url, url);
    }
    for (const std::string uri :
         {"/credentials", "http://169.254.169.254/c", "http://site.example.com/c", "http://169.254.170.3/c",
          "http://169.254.170.2@site.example.com/c", "http://localhost.example.com/c", "http://127.0.0.1/a b",
          "http://127.0.0.1/a\r\nX: y", "ftp://127.0.0.1/c", "http://0x7f000001/c"}) {
        FakeWorld world = world_in_container(kFull, uri);
        (void)world.failure();
        EXPECT_TRUE(world.requests.empty()) << uri;
    }
    FakeWorld world = world_in_container(kRelative, "@site.example.com/c");
    (void)world.failure();
    EXPECT_TRUE(world.requests.empty());
}

TEST(Container, the_relative_uri_goes_first_and_the_token_file_before_the_token)
{
    FakeWorld world = world_in_container("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/full");
    world.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "CANARY-variable";
    (void)world.obtain();
    EXPECT_EQ(header(world.requests.at(0), "Authorization"), "CANARY-variable");
    world.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/relative";
    world.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/token";
    (void)world.failure();  // no such file
    world.files["/token"] = "CANARY-file\n";
    (void)world.obtain();
    EXPECT_EQ(world.requests.at(1).url, "http://169.254.170.2/relative");
    EXPECT_EQ(header(world.requests.at(1), "Authorization"), "CANARY-file");
    world.files["/token"] = "CANARY\r\nX: y";
    EXPECT_TRUE(has(world.failure().detail, "illegal character"));
}

TEST(Container, one_that_does_not_work_ends_the_search)
{
    FakeWorld world = world_in_container("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/CANARY-path");
    for (const auto &[status, body, retryable] :
         {std::tuple(404, std::string("x"), false), std::tuple(500, std::string("x"), true),
          std::tuple(200, std::string("{}"), false), std::tuple(200, std::string("no CANARY json"), false),
          std::tuple(200, std::string(R"({"AccessKeyId":"a","SecretAccessKey":"CANARY","Expiration":"soon"})"),
                     false)}) {
        world.http = [&](const HttpRequest &) { return FakeWorld::answer(status, body); };
        EXPECT_EQ(world.failure().retryable, retryable) << status;
    }
}

// ---- instance metadata ---------------------------------------------------------------------------------------------

constexpr char kInstance[] = "http://169.254.169.254/latest/";

FakeWorld world_on_instance()
{
    FakeWorld world;
    world.http = [](const HttpRequest &request) {
        if (request.method == "PUT")
            return FakeWorld::answer(200, "TOKEN==");
        EXPECT_EQ(header(request, "X-aws-ec2-metadata-token"), "TOKEN==");
        return FakeWorld::answer(
            200, request.url.ends_with("/") ? "my-role" : credentials_json("I", R"(,"Code":"Success")"));
    };
    return world;
}

TEST(Instance, its_role_is_asked_for_with_a_token)
{
    FakeWorld world = world_on_instance();
    const Credentials credentials = world.obtain();
    EXPECT_EQ(credentials.access_key_id, "IAKID");
    EXPECT_EQ(credentials.expires_us, 1'632'261'600 * kSecond);  // 22:00
    ASSERT_EQ(world.requests.size(), 3u);
    EXPECT_EQ(world.requests[0].url, kInstance + std::string("api/token"));
    EXPECT_EQ(header(world.requests[0], "X-aws-ec2-metadata-token-ttl-seconds"), "21600");
    EXPECT_EQ(world.requests[2].url, kInstance + std::string("meta-data/iam/security-credentials/my-role"));
    EXPECT_TRUE(world.requests[2].may_reach_metadata);
}

TEST(Instance, without_a_token_nothing_is_asked)
{
    for (const int status : {403, 404, 405, 400}) {
        FakeWorld world;
        world.http = [&](const HttpRequest &) { return FakeWorld::answer(status, ""); };
        EXPECT_TRUE(has(world.failure().detail, std::to_string(status)));
        EXPECT_EQ(world.requests.size(), 1u) << "version 1 must not be used";
    }
}

TEST(Instance, where_it_is_can_be_set)
{
    const std::tuple<const char *, const char *, const char *> kCases[] = {
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338/", "http://127.0.0.1:1338/latest/api/token"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipV6", "http://[fd00:ec2::254]/latest/api/token"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4", "http://169.254.169.254/latest/api/token"},
    };
    for (const auto &[variable, value, url] : kCases) {
        FakeWorld world = world_on_instance();
        world.variables[variable] = value;
        (void)world.obtain();
        EXPECT_EQ(world.requests.at(0).url, url);
    }
    FakeWorld world = world_with_config("[default]\nec2_metadata_service_endpoint = http://127.0.0.1:99\n");
    world.variables.erase("AWS_EC2_METADATA_DISABLED");
    world.http = world_on_instance().http;
    (void)world.obtain();
    EXPECT_EQ(world.requests.at(0).url, "http://127.0.0.1:99/latest/api/token");
    world.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "here";
    (void)world.failure();
    world.variables.erase("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    world.files["/home/.aws/config"] = "[default]\nec2_metadata_service_endpoint_mode = IPv5\n";
    (void)world.failure();
}

TEST(Instance, a_role_name_that_is_none_is_not_asked_for)
{
    FakeWorld world;
    for (const std::string name : {"", "a/../b", "a b", "a?b", "\r\n", "<html>"}) {
        world.requests.clear();
        world.http = [&](const HttpRequest &request) {
            return FakeWorld::answer(200, request.method == "PUT" ? "T" : name);
        };
        (void)world.failure();
        EXPECT_EQ(world.requests.size(), 2u) << name;
    }
}

TEST(Instance, an_answer_that_says_no_success_is_worth_another_attempt)
{
    FakeWorld world = world_on_instance();
    world.http = [](const HttpRequest &request) {
        return FakeWorld::answer(200, request.url.ends_with("/r") ? R"({"Code":"AssumeRoleUnauthorizedAccess"})" : "r");
    };
    EXPECT_TRUE(has(world.failure().detail, "AssumeRoleUnauthorizedAccess"));
}

}  // namespace
}  // namespace podyn::aws
