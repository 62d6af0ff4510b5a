// Profiles of AWS's configuration files, from the text to the credentials.
#include <gtest/gtest.h>

#include "fake_world.h"

namespace podyn::aws {
namespace {

using test::FakeWorld;
using test::has;
using test::header;
using test::kSecond;
using test::sts_answer;
using test::world_with_config;

TEST(ConfigFiles, are_read_with_all_their_freedoms)
{
    ConfigFiles files;
    parse_config_file(
        "# a comment\n; another\n"
        "[default]\r\nregion = x\r\n"
        "[ profile  \"with space\" ] # comment\n"
        "AWS_Access_Key_Id=a#b ; comment\n"
        "s3 =\n  max_concurrent_requests = 20\n"
        "empty =\n"
        "\n"
        "[profile default]\nregion = y\n"
        "[default]\nregion = z\n"
        "[without-the-word]\nregion = w\n"
        "[sso-session s]\nsso_region = r\n"
        "[services t]\nsts =\n  endpoint_url = http://example.com\n"
        "[profile last]\nregion=q",
        FileKind::kConfig, "config", files);
    EXPECT_EQ(files.profiles["default"]["region"], "y");
    EXPECT_EQ(files.profiles["with space"]["aws_access_key_id"], "a#b");
    EXPECT_EQ(files.profiles["with space"]["s3"], "");
    EXPECT_EQ(files.profiles["last"]["region"], "q");
    EXPECT_EQ(files.sso_sessions["s"]["sso_region"], "r");
    EXPECT_FALSE(files.profiles.contains("without-the-word"));
    EXPECT_EQ(files.profiles.size(), 3u);
}

TEST(ConfigFiles, a_line_that_makes_no_sense_is_named_by_number_and_not_repeated)
{
    for (const std::string bad : {"[profile x", "CANARY", "= CANARY", "  CANARY = x"}) {
        FakeWorld world = world_with_config("[default]\n" + bad + "\n");
        if (bad.starts_with("  "))
            world.files["/home/.aws/config"] = "[default]\n" + bad + "\n";
        const base::Status status = world.failure();
        EXPECT_TRUE(has(status.detail, "line 2 of /home/.aws/config")) << status.detail;
    }
    FakeWorld world = world_with_config("aws_access_key_id = CANARY\n");
    EXPECT_TRUE(has(world.failure().detail, "line 1"));
}

TEST(ConfigFiles, the_credentials_file_wins)
{
    FakeWorld world = world_with_config("[default]\naws_access_key_id = c\naws_secret_access_key = c\n",
                                        "[default]\naws_access_key_id = k\naws_secret_access_key = k\n");
    EXPECT_EQ(world.obtain().access_key_id, "k");
}

TEST(ConfigFiles, their_places_can_be_set)
{
    FakeWorld world;
    world.variables = {
        {"HOME", "/home"}, {"AWS_CONFIG_FILE", "~/c"}, {"AWS_SHARED_CREDENTIALS_FILE", "/k"}, {"AWS_PROFILE", "p"}};
    world.files = {{"/home/c", "[profile p]\nregion = r\n"},
                   {"/k", "[p]\naws_access_key_id = k\naws_secret_access_key = s\naws_session_token = t\n"}};
    EXPECT_EQ(world.obtain(), (Credentials{"k", "s", "t"}));
}

TEST(Profiles, one_that_is_named_must_exist)
{
    FakeWorld world = world_with_config("[default]\naws_access_key_id = a\naws_secret_access_key = b\n");
    world.variables["AWS_PROFILE"] = "nowhere";
    EXPECT_STREQ(world.failure().message, "there is no AWS profile named \"nowhere\"");
}

TEST(Profiles, disorder_in_the_files_does_not_matter_to_the_environment)
{
    FakeWorld world = world_with_config("disorder\n");
    world.variables["AWS_PROFILE"] = "nowhere";
    (void)world.failure();
    world.variables["AWS_ACCESS_KEY_ID"] = "AKID";
    world.variables["AWS_SECRET_ACCESS_KEY"] = "s";
    EXPECT_EQ(world.obtain().access_key_id, "AKID");
}

TEST(Profiles, one_that_the_server_names_stands_alone)
{
    FakeWorld world = world_with_config(
        "[profile p]\nregion = r\n[profile q]\naws_access_key_id = q\n"
        "aws_secret_access_key = s\n");
    world.variables["AWS_ACCESS_KEY_ID"] = "AKID";
    world.variables["AWS_SECRET_ACCESS_KEY"] = "s";
    world.options.profile = "p";
    EXPECT_STREQ(world.failure().message, "there are no AWS credentials in profile \"p\"");
    world.options.profile = "q";
    EXPECT_EQ(world.obtain().access_key_id, "q");
}

TEST(Profiles, roles_are_assumed_one_after_the_other)
{
    FakeWorld world = world_with_config(
        "[default]\nrole_arn = arn:aws:iam::1:role/Outer\nsource_profile = mid\nexternal_id = e 1\n"
        "role_session_name = me\nduration_seconds = 900\nregion = eu-west-1\n"
        "[profile mid]\nrole_arn = arn:aws:iam::1:role/Inner\nsource_profile = base\n",
        "[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = s\n");
    world.http = [&](const HttpRequest &) {
        return FakeWorld::answer(200, sts_answer(world.requests.size() == 1 ? "ASIAINNER" : "ASIAOUTER"));
    };
    const Credentials credentials = world.obtain();
    EXPECT_EQ(credentials,
              (Credentials{"ASIAOUTER", "CANARY&secret", "CANARY-token", 1'632'243'600 * kSecond}));  // 17:00
    ASSERT_EQ(world.requests.size(), 2u);
    EXPECT_TRUE(has(world.requests[0].body, "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2FInner&RoleSessionName=podyn-"));
    EXPECT_TRUE(has(header(world.requests[0], "Authorization"), "Credential=AKIDBASE/20210921/eu-west-1/sts/"));
    EXPECT_EQ(world.requests[1].url, "https://sts.eu-west-1.amazonaws.com/");
    EXPECT_EQ(world.requests[1].body,
              "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2FOuter&RoleSessionName=me"
              "&ExternalId=e%201&DurationSeconds=900");
    EXPECT_TRUE(has(header(world.requests[1], "Authorization"), "Credential=ASIAINNER/"));
    EXPECT_EQ(header(world.requests[1], "X-Amz-Security-Token"), "CANARY-token");
}

TEST(Profiles, that_contradict_themselves_are_refused_with_the_reason)
{
    const std::string role = "[default]\nrole_arn = arn:aws:iam::1:role/R\n";
    const std::pair<std::string, const char *> kCases[] = {
        {role, "neither source_profile nor credential_source"},
        {role + "source_profile = b\ncredential_source = Environment\n[profile b]\naws_access_key_id = a\n"
                "aws_secret_access_key = s\n",
         "both source_profile and credential_source"},
        {role + "source_profile = nowhere\n", "no source profile named \"nowhere\""},
        {role + "source_profile = b\n[profile b]\nregion = r\n", "it is the source of profile \"default\""},
        {role + "source_profile = b\n[profile b]\naws_access_key_id = a\n", "lacks aws_secret_access_key"},
        {role + "source_profile = b\n[profile b]\naws_secret_access_key = a\n", "lacks aws_access_key_id"},
        {role + "source_profile = b\n[profile b]\nrole_arn = x\nsource_profile = default\n", "form a circle"},
        {role + "source_profile = b\nmfa_serial = m\n[profile b]\naws_access_key_id = a\naws_secret_access_key = s\n",
         "mfa_serial"},
        {role + "credential_source = Nowhere\n", "there is no such source"},
        {role + "credential_source = Environment\n", "AWS_ACCESS_KEY_ID is not set"},
        {"[default]\nweb_identity_token_file = /t\n", "lacks role_arn"},
        {"[default]\nsso_account_id = 1\nsso_start_url = u\nsso_region = r\n", "lacks sso_role_name"},
        {"[default]\nsso_role_name = r\n", "lacks sso_account_id"},
        {"[default]\nsso_account_id = 1\nsso_role_name = r\nsso_region = r\n", "lacks sso_start_url"},
        {"[default]\nsso_session = s\n[sso-session s]\nsso_region = r\nsso_start_url = u\n", "gives a token"},
        {"[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n", "no sso-session named \"s\""},
        {"[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\nsso_region = a\n[sso-session s]\n"
         "sso_region = r\nsso_start_url = u\n",
         "differ in sso_region"},
    };
    for (const auto &[config, reason] : kCases) {
        FakeWorld world = world_with_config(config);
        const base::Status status = world.failure();
        EXPECT_TRUE(has(status.detail, reason)) << config << " → " << status.detail;
        EXPECT_TRUE(world.requests.empty());
    }
}

TEST(Profiles, a_source_s_own_keys_go_before_its_role)
{
    FakeWorld world = world_with_config(
        "[default]\nrole_arn = arn:aws:iam::1:role/A\naws_access_key_id = bug\naws_secret_access_key = bug\n"
        "source_profile = b\n"
        "[profile b]\nrole_arn = arn:aws:iam::1:role/B\nsource_profile = c\naws_access_key_id = right\n"
        "aws_secret_access_key = s\n[profile c]\naws_access_key_id = bug\naws_secret_access_key = bug\n");
    world.http = [](const HttpRequest &) { return FakeWorld::answer(200, sts_answer()); };
    (void)world.obtain();
    ASSERT_EQ(world.requests.size(), 1u);
    EXPECT_TRUE(has(header(world.requests[0], "Authorization"), "Credential=right/"));

    FakeWorld self = world_with_config(
        "[default]\nrole_arn = arn:aws:iam::1:role/A\naws_access_key_id = own\n"
        "aws_secret_access_key = s\nsource_profile = default\n");
    self.http = world.http;
    (void)self.obtain();
    EXPECT_TRUE(has(header(self.requests.at(0), "Authorization"), "Credential=own/"));
}

}  // namespace
}  // namespace podyn::aws
