// No name leads to the metadata services.
#include "net/metadata_address.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>

#include "client_fixture.h"
#include "test_server.h"

namespace {

// While it is set, the resolver finds this address for every name under ".tricky.test".
const char *tricky_address = nullptr;

}  // namespace

// In place of the C library's, for this program and libcurl in it.
extern "C" int getaddrinfo(const char *node, const char *service, const addrinfo *hints, addrinfo **result)
{
    using Function = int (*)(const char *, const char *, const addrinfo *, addrinfo **);
    static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getaddrinfo"));
    const bool tricky = node != nullptr && tricky_address != nullptr && std::strstr(node, ".tricky.test") != nullptr;
    return real(tricky ? tricky_address : node, service, hints, result);
}

namespace podyn::net {
namespace {

bool is_metadata(const char *text)
{
    sockaddr_storage storage{};
    auto *ipv4 = reinterpret_cast<sockaddr_in *>(&storage);
    auto *ipv6 = reinterpret_cast<sockaddr_in6 *>(&storage);
    if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1)
        storage.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &ipv6->sin6_addr) == 1)
        storage.ss_family = AF_INET6;
    else
        ADD_FAILURE() << text;
    return is_metadata_address(reinterpret_cast<const sockaddr &>(storage));
}

TEST(MetadataAddress, is_known_in_every_disguise)
{
    for (const char *address :
         {"169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.1", "fd00:ec2::254", "fd00:ec2::23",
          "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254", "fe80::1", "febf::1"})
        EXPECT_TRUE(is_metadata(address)) << address;
    for (const char *address : {"127.0.0.1", "169.253.169.254", "170.254.169.254", "10.0.0.1", "::1", "fd00:ec3::254",
                                "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2600:1f00::1", "fec0::1", "0.0.0.0"})
        EXPECT_FALSE(is_metadata(address)) << address;
}

using MetadataNameTest = test::ClientTest;

TEST_F(MetadataNameTest, is_refused_when_the_connection_is_opened)
{
    for (const char *address : {"169.254.169.254", "169.254.170.2", "fd00:ec2::254"}) {
        tricky_address = address;
        if (client_ == nullptr)
            open("https://dynamodb.tricky.test", 2'000'000);
        const base::Status status = ask();
        EXPECT_STREQ(status.sqlstate, "42501") << status.message << status.detail;
        EXPECT_FALSE(status.retryable);
        EXPECT_STREQ(status.message,
                     "DynamoDB at \"https://dynamodb.tricky.test\" is an address of the metadata services");
        client_destroy(std::exchange(client_, nullptr));  // with its cache of names
        ASSERT_TRUE(engine::client_create({42}, &client_).ok());
    }
    tricky_address = nullptr;
}

// Whoever wrote an address into podyn.allowed_endpoints knew it; here nobody listens.
TEST_F(MetadataNameTest, an_address_as_such_is_for_allowed_endpoints_to_judge)
{
    open("https://169.254.1.1", 200'000);
    EXPECT_STREQ(ask().sqlstate, "08001");
}

TEST_F(MetadataNameTest, other_addresses_are_reached_under_any_name)
{
    tricky_address = "127.0.0.1";
    test::TestServer server([](const test::ServerRequest &) { return test::ServerReply{test::http(200, "{}")}; });
    open("https://dynamodb.tricky.test" + server.url().substr(server.url().rfind(':')), 500'000);
    EXPECT_STRNE(ask().sqlstate, "42501");  // it does not speak TLS
    EXPECT_EQ(server.accepted() > 0, true);
    tricky_address = nullptr;
}

}  // namespace
}  // namespace podyn::net
