// The world outside as a source of credentials sees it, played by a test: variables and files from maps, and a script
// that answers what the source asks for.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aws/credentials/sources.h"
#include "base/guard.h"

namespace podyn::test {

struct FakeWorld {
    static constexpr std::int64_t kNow = 1'632'240'000'000'000;  // 2021-09-21T16:00:00Z

    std::map<std::string, std::string> variables;
    std::map<std::string, std::string> files;
    std::function<aws::HttpReply(const aws::HttpRequest &)> http;
    std::function<aws::ProcessReply(const std::vector<std::string> &)> process;
    std::int64_t unix_us = kNow;
    std::vector<aws::HttpRequest> requests;
    int pauses = 0;
    aws::Clocks clocks;
    aws::CredentialOptions options = default_chain();

    static aws::CredentialOptions default_chain()
    {
        aws::CredentialOptions options;
        options.use_default_chain = true;
        options.region = "eu-central-1";
        return options;
    }

    static aws::HttpReply answer(int status, std::string body)
    {
        aws::HttpReply reply;
        reply.status = status;
        reply.body = std::move(body);
        return reply;
    }

    static aws::HttpReply unreachable()
    {
        aws::HttpReply reply;
        reply.transport = base::make_status(base::Failure::kUnavailable, "08001", true, "could not connect");
        return reply;
    }

    // Runs the whole search; the result goes to *credentials.
    base::Status obtain(aws::Credentials *credentials)
    {
        return base::guarded([&] {
            aws::World world(surroundings(), clocks, unix_us, 42);
            base::Task<aws::Credentials> task = aws::obtain_credentials(world, options);
            task.start();
            while (!task.done())
                play(world);
            *credentials = task.take();
            return base::Status();
        });
    }

    aws::Credentials obtain()
    {
        aws::Credentials credentials;
        const base::Status status = obtain(&credentials);
        EXPECT_TRUE(status.ok()) << status.message << ": " << status.detail;
        return credentials;
    }

    // The error that the search ends with, whose parts hold no secret.
    base::Status failure()
    {
        aws::Credentials credentials;
        const base::Status status = obtain(&credentials);
        EXPECT_EQ(status.failure, base::Failure::kCredentials);
        EXPECT_STREQ(status.sqlstate, "28000");
        EXPECT_NE(std::string(status.hint), "") << status.message;
        EXPECT_EQ(text_of(status).find("CANARY"), std::string::npos) << text_of(status);
        return status;
    }

    static std::string text_of(const base::Status &status)
    {
        return std::string(status.message) + " | " + status.detail + " | " + status.hint;
    }

  private:
    void play(aws::World &world)
    {
        if (auto *const *need = std::get_if<aws::HttpNeed *>(&world.need())) {
            requests.push_back((*need)->request);
            (*need)->reply = http ? http((*need)->request) : unreachable();
        } else if (auto *const *run = std::get_if<aws::ProcessNeed *>(&world.need())) {
            (*run)->reply = process((*run)->arguments);
        } else {
            ++pauses;
        }
        world.resume(unix_us);
    }

    const aws::Surroundings &surroundings()
    {
        surroundings_.environment = [this](const char *name) {
            const auto found = variables.find(name);
            return found == variables.end() ? nullptr : found->second.c_str();
        };
        surroundings_.read_file = [this](const std::string &path) -> aws::FileText {
            const auto found = files.find(path);
            if (found == files.end())
                return {std::nullopt, "No such file or directory"};
            return {found->second, {}};
        };
        surroundings_.replace_file = [this](const std::string &path, const std::string &text) {
            files[path] = text;
            return true;
        };
        return surroundings_;
    }

    aws::Surroundings surroundings_;
};

inline constexpr std::int64_t kSecond = 1'000'000;

inline std::string credentials_json(const std::string &prefix = "", const std::string &more = "")
{
    return R"({"AccessKeyId":")" + prefix + R"(AKID","SecretAccessKey":"CANARY-secret","Token":"CANARY-token",)" +
           R"("Expiration":"2021-09-21T22:00:00Z")" + more + "}";
}

inline std::string sts_answer(const std::string &key = "ASIAROLE")
{
    return "<AssumeRoleResponse><AssumeRoleResult><Credentials>\n<AccessKeyId>" + key +
           "</AccessKeyId><SecretAccessKey>CANARY&amp;secret</SecretAccessKey>"
           "<SessionToken> CANARY-token </SessionToken><Expiration>2021-09-21T17:00:00Z</Expiration>"
           "</Credentials></AssumeRoleResult></AssumeRoleResponse>";
}

inline std::string sts_error(const std::string &code, const std::string &message)
{
    return "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>" + message +
           "</Message></Error></ErrorResponse>";
}

inline bool has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

// The value of a header of the request, empty without it.
inline std::string header(const aws::HttpRequest &request, const std::string &name)
{
    for (const std::string &line : request.headers)
        if (line.starts_with(name + ": "))
            return line.substr(name.size() + 2);
    return {};
}

inline FakeWorld world_with_config(const std::string &config, const std::string &credentials = "")
{
    FakeWorld world;
    world.variables["HOME"] = "/home";
    world.variables["AWS_EC2_METADATA_DISABLED"] = "true";
    world.files["/home/.aws/config"] = config;
    world.files["/home/.aws/credentials"] = credentials;
    return world;
}

}  // namespace podyn::test
