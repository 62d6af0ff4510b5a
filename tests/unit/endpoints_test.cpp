// AWS's host names by region, and which URLs may be endpoints.
#include "aws/endpoints.h"

#include <gtest/gtest.h>

#include "base/guard.h"
#include "engine/client.h"

namespace podyn::aws {
namespace {

struct Expected {
    const char *region;
    bool fips, dualstack;
    const char *dynamodb, *streams;
};

// What botocore 1.43.11 answers.
constexpr Expected kExpected[] = {
    {"us-east-1", false, false, "dynamodb.us-east-1.amazonaws.com", "streams.dynamodb.us-east-1.amazonaws.com"},
    {"us-east-1", false, true, "dynamodb.us-east-1.api.aws", "streams-dynamodb.us-east-1.api.aws"},
    {"us-east-1", true, false, "dynamodb-fips.us-east-1.amazonaws.com",
     "streams.dynamodb-fips.us-east-1.amazonaws.com"},
    {"us-east-1", true, true, "dynamodb-fips.us-east-1.api.aws", "streams-dynamodb-fips.us-east-1.api.aws"},
    {"cn-north-1", false, false, "dynamodb.cn-north-1.amazonaws.com.cn",
     "streams.dynamodb.cn-north-1.amazonaws.com.cn"},
    {"cn-north-1", false, true, "dynamodb.cn-north-1.api.amazonwebservices.com.cn",
     "streams-dynamodb.cn-north-1.api.amazonwebservices.com.cn"},
    {"us-gov-west-1", false, false, "dynamodb.us-gov-west-1.amazonaws.com",
     "streams.dynamodb.us-gov-west-1.amazonaws.com"},
    {"us-gov-west-1", true, false, "dynamodb.us-gov-west-1.amazonaws.com",
     "streams.dynamodb.us-gov-west-1.amazonaws.com"},
    {"us-gov-west-1", true, true, "dynamodb-fips.us-gov-west-1.api.aws", "streams-dynamodb-fips.us-gov-west-1.api.aws"},
    {"us-iso-east-1", false, false, "dynamodb.us-iso-east-1.c2s.ic.gov", "streams.dynamodb.us-iso-east-1.c2s.ic.gov"},
    {"us-iso-east-1", false, true, "dynamodb.us-iso-east-1.api.aws.ic.gov",
     "streams.dynamodb.us-iso-east-1.api.aws.ic.gov"},
    {"us-isob-east-1", true, true, "dynamodb-fips.us-isob-east-1.api.aws.scloud",
     "streams.dynamodb-fips.us-isob-east-1.api.aws.scloud"},
    {"eu-isoe-west-1", false, false, "dynamodb.eu-isoe-west-1.cloud.adc-e.uk",
     "streams.dynamodb.eu-isoe-west-1.cloud.adc-e.uk"},
    {"us-isof-south-1", true, false, "dynamodb-fips.us-isof-south-1.csp.hci.ic.gov",
     "streams.dynamodb-fips.us-isof-south-1.csp.hci.ic.gov"},
    {"eusc-de-east-1", false, false, "dynamodb.eusc-de-east-1.amazonaws.eu",
     "streams.dynamodb.eusc-de-east-1.amazonaws.eu"},
    {"eusc-de-east-1", false, true, "dynamodb.eusc-de-east-1.api.amazonwebservices.eu",
     "streams-dynamodb.eusc-de-east-1.api.amazonwebservices.eu"},
};

base::Status resolve_status(const EndpointOptions &options)
{
    return base::guarded([&] {
        (void)resolve_endpoints(options);
        return base::Status{};
    });
}

TEST(Endpoints, of_every_partition_are_those_that_botocore_gives)
{
    for (const Expected &expected : kExpected) {
        SCOPED_TRACE(expected.dynamodb);
        const Endpoints endpoints = resolve_endpoints({expected.region, "", "", expected.fips, expected.dualstack});
        EXPECT_EQ(endpoints.dynamodb.text(), std::string("https://") + expected.dynamodb);
        EXPECT_EQ(endpoints.streams.text(), std::string("https://") + expected.streams);
    }
}

TEST(Endpoints, a_region_without_dual_stack_says_so)
{
    EXPECT_STREQ(resolve_status({"eu-isoe-west-1", "", "", false, true}).sqlstate, "22023");
}

TEST(Endpoints, a_region_must_be_a_host_label)
{
    for (const char *region : {"", "us east 1", "us-east-1.evil.com", "us-east-1/", "-us", "us-", "US-EAST-1", "a@b",
                               "x#", "\xc3\xbc", "us_east"}) {
        SCOPED_TRACE(region);
        const base::Status status = resolve_status({region, "", "", false, false});
        EXPECT_STREQ(status.sqlstate, "22023");
        EXPECT_NE(std::string(status.hint), "");
    }
    EXPECT_EQ(resolve_status({std::string(64, 'a'), "", "", false, false}).failure, base::Failure::kInvalid);
}

TEST(Endpoints, a_custom_endpoint_serves_streams_too_unless_they_have_their_own)
{
    EXPECT_EQ(resolve_endpoints({"us-east-1", "http://localhost:8000", "", false, false}).streams.text(),
              "http://localhost:8000");
    const Endpoints two =
        resolve_endpoints({"us-east-1", "http://localhost:8000/", "https://streams.example.com", false, false});
    EXPECT_EQ(two.dynamodb.text(), "http://localhost:8000");
    EXPECT_EQ(two.streams.text(), "https://streams.example.com");
}

TEST(Endpoints, fips_and_dual_stack_do_not_go_with_a_custom_endpoint)
{
    EXPECT_STREQ(resolve_status({"us-east-1", "http://localhost", "", true, false}).sqlstate, "22023");
    EXPECT_STREQ(resolve_status({"us-east-1", "", "http://localhost", false, true}).sqlstate, "22023");
}

constexpr std::string_view kAllowed = "*.amazonaws.com, *.api.aws,localhost,127.0.0.1,[::1],db.Example.com,10.0.0.1";

TEST(EndpointCheck, lets_what_the_patterns_name_pass)
{
    for (const char *url : {"https://dynamodb.us-east-1.amazonaws.com", "HTTPS://DynamoDB.us-east-1.AmazonAWS.com/",
                            "https://dynamodb.us-east-1.api.aws:443", "http://localhost:8000", "http://LOCALHOST",
                            "http://127.0.0.1:18000", "http://[::1]:8000", "http://[0:0:0:0:0:0:0:1]",
                            "https://db.example.com:8043", "https://10.0.0.1"}) {
        const base::Status status = engine::endpoint_check(url, kAllowed);
        EXPECT_TRUE(status.ok()) << url << ": " << status.message;
    }
}

TEST(EndpointCheck, refuses_hosts_that_no_pattern_names)
{
    for (const char *url :
         {"https://amazonaws.com", "https://evilamazonaws.com", "https://amazonaws.com.evil.org", "https://evil.org",
          "https://sub.db.example.com", "https://10.0.0.2", "https://169.254.169.254", "https://[::ffff:127.0.0.1]",
          "https://[fd00:ec2::254]", "https://localhost.evil.org"}) {
        const base::Status status = engine::endpoint_check(url, kAllowed);
        EXPECT_STREQ(status.sqlstate, "42501") << url;
    }
    EXPECT_FALSE(engine::endpoint_check("http://localhost", "").ok());
    EXPECT_FALSE(engine::endpoint_check("https://example.com", "*").ok());
    EXPECT_FALSE(engine::endpoint_check("https://example.com", "*.").ok());
    EXPECT_FALSE(engine::endpoint_check("https://10.0.0.1", "*.0.0.1").ok());
}

TEST(EndpointCheck, refuses_plain_http_to_other_machines)
{
    for (const char *url : {"http://db.example.com", "http://10.0.0.1", "http://dynamodb.us-east-1.amazonaws.com",
                            "http://[::ffff:127.0.0.1]", "http://127.0.0.1.amazonaws.com"}) {
        const base::Status status = engine::endpoint_check(url, kAllowed);
        EXPECT_STREQ(status.sqlstate, "22023") << url;
    }
}

TEST(EndpointCheck, refuses_whatever_is_unusual)
{
    for (const char *url : {"",
                            "localhost",
                            "//localhost",
                            "ftp://localhost",
                            "file:///etc/passwd",
                            "http:localhost",
                            "http:/localhost",
                            "http://",
                            "http:///x",
                            "http://user@localhost",
                            "http://user:pw@localhost",
                            "http://localhost@evil.org",
                            "http://localhost?x",
                            "http://localhost#x",
                            "http://localhost/path",
                            "http://localhost//",
                            "http://localhost/..",
                            "http://localhost:",
                            "http://localhost:0",
                            "http://localhost:65536",
                            "http://localhost:080",
                            "http://localhost:-1",
                            "http://localhost:8 0",
                            "http://localhost:80:80",
                            "http://localhost.",
                            "http://127.0.0.1.",
                            "http://.localhost",
                            "http://local..host",
                            "http://127.1",
                            "http://127.0.0.01",
                            "http://0x7f.0.0.1",
                            "http://0x7f000001",
                            "http://2130706433",
                            "https://2130706433",
                            "https://127.1",
                            "https://0x7f.1",
                            "https://10.0.0.1.2",
                            "http://0177.0.0.1",
                            "http://1.2.3.4.5",
                            "http://256.0.0.1",
                            "http://foo.0x1",
                            "http://foo.1",
                            "http://%6cocalhost",
                            "http://localhost%00.evil.org",
                            "http://local\\host",
                            "http://localhost\\@evil.org",
                            "http://local host",
                            " http://localhost",
                            "http://localhost ",
                            "http://localhost\n",
                            "http://\xe2\x93\x9bocalhost",
                            "http://[::1",
                            "http://::1",
                            "http://[::1]x",
                            "http://[::1%25lo]",
                            "http://[127.0.0.1]",
                            "http://[]",
                            "http://[::g]",
                            "http://-localhost",
                            "http://local_host",
                            "http://localhost,evil.org",
                            "http://[::1]:",
                            "http://[[::1]]"}) {
        const base::Status status = engine::endpoint_check(url, kAllowed);
        EXPECT_STREQ(status.sqlstate, "22023") << url;
        EXPECT_NE(std::string(status.message), "") << url;
    }
    EXPECT_FALSE(engine::endpoint_check(std::string("http://localhost\0.evil.org", 26), kAllowed).ok());
    EXPECT_FALSE(engine::endpoint_check("https://" + std::string(300, 'a') + ".amazonaws.com", kAllowed).ok());
}

TEST(EndpointCheck, does_not_repeat_a_password)
{
    const base::Status status = engine::endpoint_check("http://user:CANARY@localhost", kAllowed);
    EXPECT_STREQ(status.message, "the endpoint URL contains a user name");
    EXPECT_EQ((std::string(status.message) + status.detail + status.hint).find("CANARY"), std::string::npos);
}

}  // namespace
}  // namespace podyn::aws
