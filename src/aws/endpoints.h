// Where AWS's services are: AWS's own hosts by region, or what the options say; and whether an endpoint may be used at
// all.
#pragma once

#include <optional>
#include <string_view>

#include "base/status.h"
#include "base/url.h"

namespace podyn::aws {

// Both services are signed under this name (service models of botocore 1.43.11, "signingName").
inline constexpr std::string_view kSigningName = "dynamodb";

struct EndpointOptions {
    std::string_view region;
    std::string_view endpoint;          // empty: AWS's own
    std::string_view streams_endpoint;  // empty: `endpoint`, or AWS's own
    std::string_view sts_endpoint;      // only checked here
    bool use_fips = false;
    bool use_dualstack = false;
    std::string_view s3_endpoint = {};  // empty: AWS's own
};

struct Endpoints {
    base::Url dynamodb;
    base::Url streams;
    std::optional<base::Url> s3;  // none: AWS's own, in the region of the bucket
};

// Throws base::Error (22023) where the options are wrong or do not go together.
[[nodiscard]] Endpoints resolve_endpoints(const EndpointOptions &options);

enum class Service { kDynamoDb, kStreams, kSts, kSsoPortal, kSsoOidc, kS3 };

// AWS's own endpoint of a service. Throws base::Error (22023) for what cannot be a region, and where there is none.
[[nodiscard]] base::Url aws_endpoint(Service service, std::string_view region, bool use_fips, bool use_dualstack);
// Whether credentials of one region are meant for the other, too.
[[nodiscard]] bool same_partition(std::string_view region, std::string_view other);

// A URL as an endpoint: https://, or http:// to this machine. Throws base::Error (22023) for others.
[[nodiscard]] base::Url custom_endpoint(std::string_view text);

// Throws base::Error (22023) where it cannot be a region's name.
void check_region(std::string_view region);

// See engine::endpoint_check.
[[nodiscard]] base::Status check_endpoint(std::string_view url, std::string_view allowed);

}  // namespace podyn::aws
