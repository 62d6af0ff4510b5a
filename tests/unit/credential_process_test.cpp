// Credentials that a program prints; keeper_test.cpp runs real ones.
#include <gtest/gtest.h>

#include "fake_world.h"

namespace podyn::aws {
namespace {

using test::FakeWorld;
using test::has;
using test::kSecond;
using test::world_with_config;

FakeWorld world_with_process(const std::string &output, int exit_code = 0)
{
    FakeWorld world = world_with_config("[default]\ncredential_process = ~/bin/get \"a b\" 'c\"d' e\\ f | rm\n");
    world.options.allow_process = true;
    world.process = [=](const std::vector<std::string> &arguments) {
        EXPECT_EQ(arguments, (std::vector<std::string>{"/home/bin/get", "a b", "c\"d", "e f", "|", "rm"}));
        return ProcessReply{{}, exit_code, output};
    };
    return world;
}

TEST(CredentialProcess, its_output_is_read)
{
    FakeWorld world =
        world_with_process(R"({"Version":1,"AccessKeyId":"AKIDP","SecretAccessKey":"CANARY","SessionToken":"CANARY",)"
                           R"("Expiration":"2022-05-02T18:36:00+00:00"})");
    const Credentials credentials = world.obtain();
    EXPECT_EQ(credentials.access_key_id, "AKIDP");
    EXPECT_EQ(credentials.session_token, "CANARY");
    EXPECT_EQ(credentials.expires_us, 1'651'516'560 * kSecond);
}

TEST(CredentialProcess, is_run_only_where_a_superuser_allows_it)
{
    FakeWorld world = world_with_process("");
    world.options.allow_process = false;
    world.process = [](const std::vector<std::string> &) -> ProcessReply {
        ADD_FAILURE() << "it was run";
        return {};
    };
    EXPECT_TRUE(has(world.failure().hint, "podyn.allow_credential_process"));
}

TEST(CredentialProcess, failures_do_not_repeat_its_output)
{
    EXPECT_TRUE(has(world_with_process("CANARY", 1).failure().detail, "exit code 1"));
    EXPECT_FALSE(world_with_process("CANARY").failure().retryable);
    EXPECT_TRUE(has(world_with_process(R"({"Version":2,"AccessKeyId":"CANARY"})").failure().detail, "version 1"));
    EXPECT_TRUE(has(world_with_process(R"({"Version":1,"AccessKeyId":"CANARY"})").failure().detail, "SecretAccessKey"));
    FakeWorld world = world_with_config("[default]\ncredential_process = get 'CANARY\n");
    world.options.allow_process = true;
    EXPECT_TRUE(has(world.failure().detail, "quotation mark"));
}

}  // namespace
}  // namespace podyn::aws
