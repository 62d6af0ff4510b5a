// The AWS SDKs' own cases for the default chain of credentials (smithy-lang/smithy-rs, test-data of aws-config): an
// environment, files, recorded traffic, the result. PODYN_CREDENTIAL_CHAIN names another folder of such cases.
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "fake_world.h"
#include "test_data.h"

namespace podyn::aws {
namespace {

namespace fs = std::filesystem;
using test::FakeWorld;

fs::path cases_directory()
{
    const char *directory = std::getenv("PODYN_CREDENTIAL_CHAIN");
    return directory != nullptr ? fs::path(directory) : test::data_directory() / "credential-chain";
}

rapidjson::Document parse(const fs::path &path)
{
    rapidjson::Document document;
    document.Parse(test::read_file(path).c_str());
    EXPECT_FALSE(document.HasParseError()) << path;
    return document;
}

// One recorded request and its answer.
struct Exchange {
    std::string method, uri, body;
    std::vector<std::string> headers;  // those that matter, as lines in lower case
    HttpReply reply;
};

void append_data(const rapidjson::Value &data, Exchange &exchange)
{
    std::string &text = std::string(data["direction"].GetString()) == "Request" ? exchange.body : exchange.reply.body;
    if (data["data"].HasMember("Utf8"))
        text += data["data"]["Utf8"].GetString();
}

std::vector<Exchange> recorded_traffic(const fs::path &path)
{
    const std::set<std::string> wanted = {"accept", "x-aws-ec2-metadata-token", "x-aws-ec2-metadata-token-ttl-seconds",
                                          "x-amz-sso_bearer_token", "x-amz-security-token"};
    std::vector<Exchange> traffic;
    const rapidjson::Document document = parse(path);
    for (const auto &event : document["events"].GetArray()) {
        const auto &action = event["action"];
        if (action.HasMember("Request")) {
            const auto &request = action["Request"]["request"];
            Exchange &exchange = traffic.emplace_back();
            exchange.method = request["method"].GetString();
            exchange.uri = request["uri"].GetString();
            for (const auto &header : request["headers"].GetObject())
                if (wanted.contains(base::lower_case(header.name.GetString())))
                    exchange.headers.push_back(base::lower_case(header.name.GetString()) + ": " +
                                               header.value[0].GetString());
        } else if (action.HasMember("Response")) {
            traffic.back().reply.status = action["Response"]["response"]["Ok"]["status"].GetInt();
        } else if (action.HasMember("Data")) {
            append_data(action["Data"], traffic.back());
        }
    }
    return traffic;
}

// The parts of a query or form, whose order does not matter and whose session names and signatures differ.
std::multiset<std::string> parts(std::string text)
{
    std::multiset<std::string> result;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, '&');)
        if (!part.starts_with("RoleSessionName=") && !part.starts_with("WebIdentityToken=") &&
            !part.starts_with("RoleArn="))  // the recordings say other tokens and roles than the files
            result.insert(part);
    return result;
}

void expect_same(const HttpRequest &sent, const Exchange &recorded)
{
    EXPECT_EQ(sent.method, recorded.method);
    EXPECT_EQ(sent.url.substr(0, sent.url.find('?')), recorded.uri.substr(0, recorded.uri.find('?')));
    EXPECT_EQ(parts(sent.url.substr(std::min(sent.url.find('?'), sent.url.size()))).size(),
              parts(recorded.uri.substr(std::min(recorded.uri.find('?'), recorded.uri.size()))).size());
    if (recorded.uri.find("sts") != std::string::npos) {
        EXPECT_EQ(parts(sent.body), parts(recorded.body));
    }
    for (const std::string &header : recorded.headers) {
        const bool is_token = header.starts_with("x-amz-security-token");
        EXPECT_TRUE(std::any_of(sent.headers.begin(), sent.headers.end(), [&](const std::string &line) {
            const std::string lower = base::lower_case(line.substr(0, line.find(':'))) + line.substr(line.find(':'));
            return is_token ? lower.starts_with("x-amz-security-token: ") : lower == header;
        })) << header;
    }
}

class CredentialChain : public testing::TestWithParam<std::string> {
  protected:
    static void read_files(const fs::path &root, FakeWorld &world)
    {
        if (!fs::exists(root))
            return;
        for (const auto &entry : fs::recursive_directory_iterator(root))
            if (entry.is_regular_file())
                world.files["/" + fs::relative(entry.path(), root).string()] = test::read_file(entry.path());
    }
};

TEST_P(CredentialChain, ends_as_the_sdks_case_says)
{
    if (GetParam().empty())
        GTEST_SKIP() << "no folder " << cases_directory();
    const fs::path folder = cases_directory() / GetParam();
    FakeWorld world;
    world.options.region = "us-east-1";
    const rapidjson::Document environment = parse(folder / "env.json");
    for (const auto &variable : environment.GetObject())
        world.variables[variable.name.GetString()] = variable.value.GetString();
    read_files(folder / "fs", world);
    const std::vector<Exchange> traffic = recorded_traffic(folder / "http-traffic.json");
    std::size_t next = 0;
    world.http = [&](const HttpRequest &request) {
        if (next >= traffic.size())
            return FakeWorld::unreachable();
        const Exchange &exchange = traffic[next++];
        expect_same(request, exchange);
        return exchange.reply;
    };

    const rapidjson::Document expected = parse(folder / "test-case.json");
    const auto &result = expected["result"];
    if (!result.HasMember("Ok")) {
        (void)world.failure();
    } else {
        const auto &ok = result["Ok"];
        const Credentials credentials = world.obtain();
        EXPECT_EQ(credentials.access_key_id, ok["access_key_id"].GetString());
        EXPECT_EQ(credentials.secret_access_key, ok["secret_access_key"].GetString());
        EXPECT_EQ(credentials.session_token, ok.HasMember("session_token") ? ok["session_token"].GetString() : "");
        EXPECT_EQ(credentials.expires_us / 1'000'000, ok.HasMember("expiry") ? ok["expiry"].GetInt64() : 0);
    }
    EXPECT_EQ(next, traffic.size());
}

std::vector<std::string> cases()
{
    std::vector<std::string> names;
    if (fs::exists(cases_directory()))
        for (const auto &entry : fs::directory_iterator(cases_directory()))
            if (entry.is_directory())
                names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names.empty() ? std::vector<std::string>{""} : names;
}

INSTANTIATE_TEST_SUITE_P(Sdk, CredentialChain, testing::ValuesIn(cases()), [](const auto &parameter) {
    std::string name = parameter.param.empty() ? "absent" : parameter.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
});

}  // namespace
}  // namespace podyn::aws
