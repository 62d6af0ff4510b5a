// Where credentials come from, and that nothing of them gets into messages.
#include "aws/credentials.h"

#include <gtest/gtest.h>

#include <map>

#include "base/guard.h"

namespace podyn::aws {
namespace {

Environment environment(std::map<std::string, std::string> variables)
{
    return [variables = std::move(variables)](const char *name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
    };
}

template <typename Make>
base::Status status_of(Make make)
{
    return base::guarded([&] {
        (void)make();
        return base::Status{};
    });
}

TEST(Credentials, those_of_a_user_mapping_are_given_as_they_are)
{
    const auto provider = static_provider({"AKIDEXAMPLE", "secret", "token"});
    EXPECT_EQ(provider->credentials(0).access_key_id, "AKIDEXAMPLE");
    EXPECT_EQ(provider->credentials(0).secret_access_key, "secret");
    EXPECT_EQ(provider->credentials(0).session_token, "token");
}

TEST(Credentials, the_environment_gives_three_variables_of_which_the_token_may_be_missing)
{
    const auto provider =
        environment_provider(environment({{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}, {"AWS_SECRET_ACCESS_KEY", "secret"}}));
    EXPECT_EQ(provider->credentials(0).access_key_id, "AKIDEXAMPLE");
    EXPECT_EQ(provider->credentials(0).session_token, "");
}

TEST(Credentials, missing_variables_are_named_in_the_hint)
{
    const base::Status status = status_of([] {
        return environment_provider(environment({{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}}));
    });
    EXPECT_EQ(status.failure, base::Failure::kCredentials);
    EXPECT_STREQ(status.sqlstate, "28000");
    EXPECT_NE(std::string(status.hint).find("AWS_SECRET_ACCESS_KEY"), std::string::npos);
}

TEST(Credentials, incomplete_ones_of_a_user_mapping_are_refused)
{
    EXPECT_STREQ(status_of([] { return static_provider({"AKIDEXAMPLE", "", ""}); }).sqlstate, "28000");
    EXPECT_STREQ(status_of([] { return static_provider({"", "secret", ""}); }).sqlstate, "28000");
}

TEST(Credentials, a_character_that_could_break_out_of_its_header_is_refused_without_repeating_the_secret)
{
    for (const std::string end : {"\r\nX: y", "\n", "\x7f", "\t", " ", "\xc3\xa4"}) {
        const std::string canary = "CANARY" + end;
        for (const Credentials &bad :
             {Credentials{canary, "s", ""}, Credentials{"a", canary, ""}, Credentials{"a", "s", canary}}) {
            const base::Status status = status_of([&] { return static_provider(bad); });
            EXPECT_EQ(status.failure, base::Failure::kCredentials);
            EXPECT_EQ((std::string(status.message) + status.detail + status.hint).find("CANARY"), std::string::npos);
        }
    }
}

}  // namespace
}  // namespace podyn::aws
