// Each source of credentials by itself, how they follow each other, and that no secret gets into a message.
#include "aws/credentials.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "fake_world.h"

namespace podyn::aws {
namespace {

using test::FakeWorld;

constexpr std::int64_t kSecond = 1'000'000;

std::string credentials_json(const std::string &prefix = "", const std::string &more = "")
{
    return R"({"AccessKeyId":")" + prefix + R"(AKID","SecretAccessKey":"CANARY-secret","Token":"CANARY-token",)" +
           R"("Expiration":"2021-09-21T22:00:00Z")" + more + "}";
}

std::string sts_answer(const std::string &key = "ASIAROLE")
{
    return "<AssumeRoleResponse><AssumeRoleResult><Credentials>\n<AccessKeyId>" + key +
           "</AccessKeyId><SecretAccessKey>CANARY&amp;secret</SecretAccessKey>"
           "<SessionToken> CANARY-token </SessionToken><Expiration>2021-09-21T17:00:00Z</Expiration>"
           "</Credentials></AssumeRoleResult></AssumeRoleResponse>";
}

std::string sts_error(const std::string &code, const std::string &message)
{
    return "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>" + message +
           "</Message></Error></ErrorResponse>";
}

bool has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

// The value of a header of the request, empty without it.
std::string header(const HttpRequest &request, const std::string &name)
{
    for (const std::string &line : request.headers)
        if (line.starts_with(name + ": "))
            return line.substr(name.size() + 2);
    return {};
}

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

// ---- configuration files -------------------------------------------------------------------------------------------

FakeWorld world_with_config(const std::string &config, const std::string &credentials = "")
{
    FakeWorld world;
    world.variables["HOME"] = "/home";
    world.variables["AWS_EC2_METADATA_DISABLED"] = "true";
    world.files["/home/.aws/config"] = config;
    world.files["/home/.aws/credentials"] = credentials;
    return world;
}

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

// ---- SSO -----------------------------------------------------------------------------------------------------------

FakeWorld world_with_sso(const std::string &token_expires, const std::string &more = "")
{
    FakeWorld world = world_with_config(
        "[default]\nsso_session = dev\nsso_account_id = 123\nsso_role_name = My Role\n"
        "[sso-session dev]\nsso_region = us-east-2\nsso_start_url = https://x.awsapps.com/start\n");
    world.files["/home/.aws/sso/cache/" + base::sha1_hex("dev") + ".json"] =
        R"({"accessToken":"CANARY-old","expiresAt":")" + token_expires + "\"" + more + "}";
    world.http = [](const HttpRequest &request) {
        if (request.url == "https://oidc.us-east-2.amazonaws.com/token")
            return FakeWorld::answer(
                200, R"({"accessToken":"CANARY-new","expiresIn":3600,"refreshToken":"CANARY-refresh2"})");
        return FakeWorld::answer(200, R"({"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"CANARY",)"
                                      R"("sessionToken":"CANARY","expiration":1632243600000}})");
    };
    return world;
}

constexpr char kRefreshable[] =
    R"(,"refreshToken":"CANARY-refresh","clientId":"client","clientSecret":"CANARY-client",)"
    R"("registrationExpiresAt":"2021-12-01T00:00:00Z")";

TEST(Sso, a_cached_token_gives_the_role_s_credentials)
{
    FakeWorld world = world_with_sso("2021-09-21T17:00:00UTC");
    const Credentials credentials = world.obtain();
    EXPECT_EQ(credentials.access_key_id, "ASIASSO");
    EXPECT_EQ(credentials.expires_us, 1'632'243'600 * kSecond);
    ASSERT_EQ(world.requests.size(), 1u);
    EXPECT_EQ(world.requests[0].url,
              "https://portal.sso.us-east-2.amazonaws.com/federation/credentials?account_id=123&role_name=My%20Role");
    EXPECT_EQ(header(world.requests[0], "x-amz-sso_bearer_token"), "CANARY-old");
}

TEST(Sso, a_token_that_expires_soon_is_refreshed_and_the_cache_with_it)
{
    FakeWorld world = world_with_sso("2021-09-21T16:02:00Z", kRefreshable);
    (void)world.obtain();
    ASSERT_EQ(world.requests.size(), 2u);
    EXPECT_EQ(world.requests[0].body, R"({"grantType":"refresh_token","clientId":"client","clientSecret":)"
                                      R"("CANARY-client","refreshToken":"CANARY-refresh"})");
    EXPECT_EQ(header(world.requests[1], "x-amz-sso_bearer_token"), "CANARY-new");
    const std::string cached = world.files["/home/.aws/sso/cache/" + base::sha1_hex("dev") + ".json"];
    EXPECT_EQ(cached, R"({"accessToken":"CANARY-new","clientId":"client","clientSecret":"CANARY-client",)"
                      R"("expiresAt":"2021-09-21T17:00:00Z","refreshToken":"CANARY-refresh2","region":"us-east-2",)"
                      R"("registrationExpiresAt":"2021-12-01T00:00:00Z","startUrl":"https://x.awsapps.com/start"})");
    (void)world.obtain();
    EXPECT_EQ(world.requests.size(), 3u);  // the cached one is good now
}

TEST(Sso, a_refresh_that_fails_matters_only_once_the_token_has_expired)
{
    FakeWorld world = world_with_sso("2021-09-21T16:02:00Z", kRefreshable);
    const auto answers = world.http;
    world.http = [&](const HttpRequest &request) {
        return request.method == "POST" ? FakeWorld::answer(400, "{}") : answers(request);
    };
    (void)world.obtain();
    EXPECT_EQ(header(world.requests.back(), "x-amz-sso_bearer_token"), "CANARY-old");
    world.unix_us += 180 * kSecond;
    const base::Status status = world.failure();
    EXPECT_TRUE(has(status.message, "has expired"));
    EXPECT_TRUE(has(status.hint, "aws sso login"));
}

TEST(Sso, an_expired_token_that_cannot_be_refreshed_says_what_to_do)
{
    FakeWorld world = world_with_sso("2021-09-21T15:00:00Z");
    EXPECT_TRUE(has(world.failure().hint, "aws sso login"));
    EXPECT_TRUE(world.requests.empty());
    world = world_with_sso("2021-09-21T15:00:00Z", R"(,"refreshToken":"CANARY","clientId":"c","clientSecret":"CANARY",)"
                                                   R"("registrationExpiresAt":"2021-09-01T00:00:00Z")");
    (void)world.failure();
    EXPECT_TRUE(world.requests.empty());
}

TEST(Sso, errors_of_the_portal_are_told)
{
    FakeWorld world = world_with_sso("2021-09-21T17:00:00Z");
    world.http = [](const HttpRequest &) { return FakeWorld::answer(401, R"({"message":"CANARY"})"); };
    EXPECT_TRUE(has(world.failure().message, "role \"My Role\" in account 123"));
    world.http = [](const HttpRequest &) { return FakeWorld::answer(200, "{}"); };
    (void)world.failure();
    world.files["/home/.aws/sso/cache/" + base::sha1_hex("dev") + ".json"] =
        R"({"accessToken":"CANARY\r\nX: y","expiresAt":"2080-01-01T00:00:00Z"})";
    (void)world.failure();
    world.files["/home/.aws/sso/cache/" + base::sha1_hex("dev") + ".json"] = "CANARY";
    (void)world.failure();
}

// ---- credential_process --------------------------------------------------------------------------------------------

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
