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

}  // namespace podyn::test
