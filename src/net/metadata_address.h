// The addresses at which clouds hand their machines credentials: whoever can make a server connect there can become it.
#pragma once

struct sockaddr;

namespace podyn::net {

// Whether it is link-local (169.254.0.0/16, which has EC2's 169.254.169.254, ECS's 169.254.170.2 and EKS's
// 169.254.170.23; fe80::/10), AWS's own fd00:ec2::/32, or one of the IPv4 addresses inside an IPv6 address (mapped,
// compatible, NAT64).
[[nodiscard]] bool is_metadata_address(const sockaddr &address) noexcept;

}  // namespace podyn::net
