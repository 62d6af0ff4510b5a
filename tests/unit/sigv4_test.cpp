// Signatures against the official suite, case by case and stage by stage. PODYN_SIGV4_SUITE names another copy of it.
#include "aws/sigv4.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <vector>

#include "test_data.h"

namespace podyn::aws {
namespace {

namespace fs = std::filesystem;

fs::path suite_directory()
{
    const char *directory = std::getenv("PODYN_SIGV4_SUITE");
    return directory != nullptr ? fs::path(directory) : test::data_directory() / "sigv4";
}

// A case of the suite: the request as text, taken apart, and the context with what is to be signed how.
struct Case {
    explicit Case(const fs::path &directory) : directory_(directory)
    {
        context_.Parse(file("context.json").c_str());
        parse_request(file("request.txt"));
        time = context_["timestamp"].GetString();
        std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
        add_signing_headers();
    }

    std::string file(const char *name) const { return test::read_file(directory_ / name); }
    std::string text(const char *name) const { return context_[name].GetString(); }

    Credentials credentials() const
    {
        const auto &given = context_["credentials"];
        return {given["access_key_id"].GetString(), given["secret_access_key"].GetString(),
                given.HasMember("token") ? given["token"].GetString() : ""};
    }

    SignableRequest request() const
    {
        headers_.clear();
        for (const auto &[name, value] : header_texts_)
            headers_.push_back({name, value});
        return {method_, path_, query_, headers_, body_, context_["normalize"].GetBool()};
    }

    std::string time;

  private:
    void parse_request(const std::string &text)
    {
        const std::size_t line_end = text.find('\n');
        const std::string line = text.substr(0, line_end);
        const std::size_t target = line.find(' ') + 1;
        const std::string uri = line.substr(target, line.rfind(' ') - target);
        method_ = line.substr(0, target - 1);
        path_ = uri.substr(0, uri.find('?'));
        query_ = uri.find('?') == std::string::npos ? "" : uri.substr(uri.find('?') + 1);
        std::istringstream rest(text.substr(line_end + 1));
        for (std::string header; std::getline(rest, header) && !header.empty();) {
            if (header[0] == ' ')  // folded
                header_texts_.back().second += "\n" + header;
            else
                header_texts_.emplace_back(header.substr(0, header.find(':')), header.substr(header.find(':') + 1));
        }
        std::getline(rest, body_, '\0');
    }

    void add_signing_headers()
    {
        header_texts_.emplace_back("X-Amz-Date", time);
        if (context_["sign_body"].GetBool())
            header_texts_.emplace_back("x-amz-content-sha256", base::hex(base::sha256(body_)));
        const bool token_later = context_.HasMember("omit_session_token") && context_["omit_session_token"].GetBool();
        if (!credentials().session_token.empty() && !token_later)
            header_texts_.emplace_back("X-Amz-Security-Token", credentials().session_token);
    }

    fs::path directory_;
    rapidjson::Document context_;
    std::string method_, path_, query_, body_;
    std::vector<std::pair<std::string, std::string>> header_texts_;
    mutable std::vector<Header> headers_;
};

std::vector<fs::path> cases()
{
    std::vector<fs::path> found;
    std::error_code none;
    for (const auto &entry : fs::directory_iterator(suite_directory(), none))
        if (fs::exists(entry.path() / "header-signature.txt"))
            found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

TEST(Sigv4, every_case_of_the_official_suite_is_signed_as_it_says)
{
    const std::vector<fs::path> found = cases();
    if (found.empty())
        GTEST_SKIP() << "no SigV4 suite in " << suite_directory();
    for (const fs::path &directory : found) {
        SCOPED_TRACE(directory.filename());
        const Case test_case(directory);
        const std::string region = test_case.text("region"), service = test_case.text("service");
        const Scope scope{std::string_view(test_case.time).substr(0, 8), region, service};
        const CanonicalRequest canonical = canonical_request(test_case.request());
        EXPECT_EQ(canonical.text, test_case.file("header-canonical-request.txt"));
        const std::string to_sign = string_to_sign(test_case.time, scope, canonical.text);
        EXPECT_EQ(to_sign, test_case.file("header-string-to-sign.txt"));
        const Credentials credentials = test_case.credentials();
        const base::Sha256 key = signing_key(credentials.secret_access_key, scope);
        EXPECT_EQ(base::hex(base::hmac_sha256(base::as_text(key), to_sign)), test_case.file("header-signature.txt"));
        Signer signer(region, service);
        const std::string header = signer.authorization(test_case.request(), credentials, test_case.time);
        EXPECT_NE(test_case.file("header-signed-request.txt").find("Authorization:" + header + "\n"), std::string::npos)
            << header;
    }
    RecordProperty("cases", static_cast<int>(found.size()));
    std::cout << "SigV4 cases checked: " << found.size() << "\n";
}

// What the suite's copy in shared/data lacks, as botocore 1.29.27 signs it: SigV4Auth.canonical_request, string_to_sign
// and signature of an AWSRequest to https://example.amazonaws.com with these headers and context['timestamp'] set. Not
// normalized: with _normalize_url_path giving the path as it is, as S3SigV4Auth has it.
struct Vector {
    const char *name;
    const char *path;
    const char *query;
    std::vector<Header> headers;  // beside Host and X-Amz-Date
    bool normalize;
    const char *token;  // of the credentials, which is signed only as a header
    const char *signature;
};

const Vector kVectors[] = {
    {"plain", "/", "", {}, true, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"session token signed",
     "/",
     "",
     {{"X-Amz-Security-Token", "AQoDYXdzEPT//////////wEXAMPLE=="}},
     true,
     "AQoDYXdzEPT//////////wEXAMPLE==",
     "f640bdddd120f8bbfeff6de7c205d95a03ef7b8e31ee19bbed59ff8b763f17f1"},
    {"session token omitted",
     "/",
     "",
     {},
     true,
     "AQoDYXdzEPT//////////wEXAMPLE==",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"folded header",
     "/",
     "",
     {{"My-Header1", "value1\n  value2\n     value3"}},
     true,
     "",
     "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd"},
    {"trimmed headers",
     "/",
     "",
     {{"My-Header1", " value1 "}, {"My-Header2", "  \"a   b   c\"  "}},
     true,
     "",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"path in UTF-8", "/\u1234", "", {}, true, "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"slashes as they are",
     "//example//",
     "",
     {},
     false,
     "",
     "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"},
    {"slashes normalized",
     "//example//",
     "",
     {},
     true,
     "",
     "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {"empty query key",
     "/",
     "a=&=value",
     {},
     true,
     "",
     "2dea13d4cf4cd176f668b4ff3dc31d614603a03a4fcfe62ee02c27705c7f5b71"},
};

TEST(Sigv4, what_botocore_signs_is_signed_alike)
{
    constexpr std::string_view kTime = "20150830T123600Z";
    for (const Vector &vector : kVectors) {
        std::vector<Header> headers = {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", kTime}};
        headers.insert(headers.end(), vector.headers.begin(), vector.headers.end());
        const SignableRequest request{"GET", vector.path, vector.query, headers, "", vector.normalize};
        const Credentials credentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", vector.token};
        const std::string header = Signer("us-east-1", "service").authorization(request, credentials, kTime);
        EXPECT_TRUE(header.ends_with(std::string("Signature=") + vector.signature)) << vector.name << ": " << header;
    }
}

class SignerTest : public testing::Test {
  protected:
    std::string sign(const std::string &secret, std::string_view time)
    {
        const Header headers[] = {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", time}};
        const SignableRequest request{"GET", "/", "", headers, ""};
        const Credentials credentials{"AKIDEXAMPLE", secret, ""};
        const std::string kept = signer_.authorization(request, credentials, time);
        EXPECT_EQ(kept, Signer("us-east-1", "service").authorization(request, credentials, time));
        return kept;
    }

    Signer signer_{"us-east-1", "service"};
};

TEST_F(SignerTest, a_kept_signing_key_is_not_used_on_another_day_or_for_another_secret)
{
    sign("one", "20150830T235959Z");
    sign("one", "20150830T235959Z");
    sign("one", "20150831T000000Z");
    sign("two", "20150831T000000Z");
}

}  // namespace
}  // namespace podyn::aws
