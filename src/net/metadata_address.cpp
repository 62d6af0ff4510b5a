// See metadata_address.h.
#include "net/metadata_address.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace podyn::net {

namespace {

using Ipv6 = std::array<std::uint8_t, 16>;

bool begins_with(const Ipv6 &address, std::initializer_list<std::uint8_t> prefix)
{
    return std::equal(prefix.begin(), prefix.end(), address.begin());
}

bool is_link_local(std::uint8_t first, std::uint8_t second)
{
    return first == 169 && second == 254;
}

bool is_metadata_ipv6(const Ipv6 &address)
{
    const bool mapped = begins_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
    const bool compatible = begins_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    const bool nat64 = begins_with(address, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0});  // RFC 6052, 2.1
    if (mapped || compatible || nat64)
        return is_link_local(address[12], address[13]);
    return begins_with(address, {0xfd, 0x00, 0x0e, 0xc2}) || (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
}

}  // namespace

bool is_metadata_address(const sockaddr &address) noexcept
{
    if (address.sa_family == AF_INET) {
        sockaddr_in ipv4;
        std::memcpy(&ipv4, &address, sizeof ipv4);
        const std::uint32_t host = ntohl(ipv4.sin_addr.s_addr);
        return is_link_local(static_cast<std::uint8_t>(host >> 24), static_cast<std::uint8_t>(host >> 16));
    }
    if (address.sa_family != AF_INET6)
        return false;
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, &address, sizeof ipv6);
    Ipv6 bytes;
    std::memcpy(bytes.data(), &ipv6.sin6_addr, bytes.size());
    return is_metadata_ipv6(bytes);
}

}  // namespace podyn::net
