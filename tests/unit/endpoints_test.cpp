// AWS's host names by region, and which URLs may be endpoints.
#include "aws/endpoints.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/guard.h"
#include "engine/client.h"

namespace podyn::aws {
namespace {

base::Status resolve_status(const EndpointOptions &options)
{
    return base::guarded([&] {
        (void)resolve_endpoints(options);
        return base::Status{};
    });
}

// What botocore answers, see tests/fixtures/aws_endpoints.py.
TEST(Endpoints, of_every_region_and_variant_are_those_that_botocore_gives)
{
    constexpr Service kServices[] = {Service::kDynamoDb,  Service::kStreams, Service::kSts,
                                     Service::kSsoPortal, Service::kSsoOidc, Service::kS3};
    std::ifstream table(PODYN_SOURCE_DIR "/tests/fixtures/aws_endpoints.tsv");
    std::string line, region, host;
    std::getline(table, line);
    int hosts = 0;
    for (bool fips, dualstack; table >> region >> fips >> dualstack;)
        for (const Service service : kServices) {
            table >> host;
            ++hosts;
            if (host == "-")
                EXPECT_THROW((void)aws_endpoint(service, region, fips, dualstack), base::Error) << region;
            else
                EXPECT_EQ(aws_endpoint(service, region, fips, dualstack).text(), "https://" + host);
        }
    EXPECT_GT(hosts, 1000);
}

TEST(Endpoints, partitions_are_told_apart_by_their_regions)
{
    EXPECT_TRUE(same_partition("us-east-1", "eu-central-1"));
    EXPECT_TRUE(same_partition("us-gov-west-1", "us-gov-east-1"));
    for (const char *other : {"cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eusc-de-east-1"})
        EXPECT_FALSE(same_partition("us-east-1", other)) << other;
}

TEST(Endpoints, a_session_goes_to_those_of_its_region)
{
    const Endpoints endpoints = resolve_endpoints({"us-east-1", "", "", "", true, true});
    EXPECT_EQ(endpoints.dynamodb.text(), "https://dynamodb-fips.us-east-1.api.aws");
    EXPECT_EQ(endpoints.streams.text(), "https://streams-dynamodb-fips.us-east-1.api.aws");
}

TEST(Endpoints, a_region_must_be_a_host_label)
{
    for (const char *region : {"", "us east 1", "us-east-1.evil.com", "us-east-1/", "-us", "us-", "US-EAST-1", "a@b",
                               "x#", "\xc3\xbc", "us_east"}) {
        SCOPED_TRACE(region);
        const base::Status status = resolve_status({region, "", "", "", false, false});
        EXPECT_STREQ(status.sqlstate, "22023");
        EXPECT_NE(std::string(status.hint), "");
    }
    EXPECT_EQ(resolve_status({std::string(64, 'a'), "", "", "", false, false}).failure, base::Failure::kInvalid);
}

TEST(Endpoints, a_custom_endpoint_serves_streams_too_unless_they_have_their_own)
{
    EXPECT_EQ(resolve_endpoints({"us-east-1", "http://localhost:8000", "", "", false, false}).streams.text(),
              "http://localhost:8000");
    const Endpoints two =
        resolve_endpoints({"us-east-1", "http://localhost:8000/", "https://streams.example.com", "", false, false});
    EXPECT_EQ(two.dynamodb.text(), "http://localhost:8000");
    EXPECT_EQ(two.streams.text(), "https://streams.example.com");
    EXPECT_FALSE(two.s3);
    EXPECT_EQ(resolve_endpoints({"us-east-1", "", "", "", false, false, "http://localhost:9000"}).s3->text(),
              "http://localhost:9000");
}

TEST(Endpoints, fips_and_dual_stack_do_not_go_with_a_custom_endpoint)
{
    EXPECT_STREQ(resolve_status({"us-east-1", "http://localhost", "", "", true, false}).sqlstate, "22023");
    EXPECT_STREQ(resolve_status({"us-east-1", "", "http://localhost", "", false, true}).sqlstate, "22023");
    EXPECT_STREQ(resolve_status({"us-east-1", "", "", "http://localhost", true, false}).sqlstate, "22023");
    EXPECT_STREQ(resolve_status({"us-east-1", "", "", "", true, false, "http://localhost"}).sqlstate, "22023");
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
