// What credentials are made of, those of a user mapping and of the environment, and that no secret gets into a message.
#include <gtest/gtest.h>

#include "fake_world.h"

namespace podyn::aws {
namespace {

using test::FakeWorld;
using test::has;

// ---- what credentials are made of ----------------------------------------------------------------------------------

base::Status check_status(const Credentials &credentials)
{
    return base::guarded([&] {
        check_credentials(credentials);
        return base::Status();
    });
}

TEST(Credentials, incomplete_ones_are_refused)
{
    EXPECT_TRUE(check_status({"AKID", "secret", ""}).ok());
    EXPECT_STREQ(check_status({"AKID", "", ""}).sqlstate, "28000");
    EXPECT_STREQ(check_status({"", "secret", ""}).sqlstate, "28000");
}

TEST(Credentials, a_character_that_could_break_out_of_its_header_is_refused_without_repeating_the_secret)
{
    for (const std::string end : {"\r\nX: y", "\n", "\x7f", "\t", " ", "\xc3\xa4"}) {
        const std::string canary = "CANARY" + end;
        for (const Credentials &bad :
             {Credentials{canary, "s", ""}, Credentials{"a", canary, ""}, Credentials{"a", "s", canary}}) {
            const base::Status status = check_status(bad);
            EXPECT_EQ(status.failure, base::Failure::kCredentials);
            EXPECT_FALSE(has(FakeWorld::text_of(status), "CANARY"));
        }
    }
}

// ---- user mapping and environment ----------------------------------------------------------------------------------

TEST(CredentialSources, those_of_a_user_mapping_are_given_as_they_are)
{
    FakeWorld world;
    world.options.use_default_chain = false;
    world.options.given = {"AKIDEXAMPLE", "secret", "token"};
    EXPECT_EQ(world.obtain(), world.options.given);
    EXPECT_TRUE(world.requests.empty());
}

TEST(CredentialSources, the_environment_gives_three_variables_of_which_the_token_may_be_missing)
{
    FakeWorld world;
    world.variables = {{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};
    EXPECT_EQ(world.obtain(), (Credentials{"AKIDEXAMPLE", "secret", ""}));
    world.variables["AWS_SESSION_TOKEN"] = "token";
    EXPECT_EQ(world.obtain().session_token, "token");
}

TEST(CredentialSources, without_any_the_error_says_what_each_source_said)
{
    FakeWorld world;
    world.variables = {{"HOME", "/home"}, {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}};
    const base::Status status = world.failure();
    EXPECT_STREQ(status.message, "there are no AWS credentials in the surroundings of the PostgreSQL server");
    EXPECT_STREQ(status.detail,
                 "environment: AWS_SECRET_ACCESS_KEY is not set; configuration files: profile \"default\" has no "
                 "credentials (/home/.aws/config: No such file or directory, /home/.aws/credentials: No such file or "
                 "directory); web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; container: "
                 "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set; instance metadata: could not "
                 "connect");
    EXPECT_FALSE(status.retryable);
    EXPECT_EQ(world.requests.size(), 1u);  // nobody listens there elsewhere than on EC2
}

}  // namespace
}  // namespace podyn::aws
