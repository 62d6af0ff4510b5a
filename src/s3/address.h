// Where a bucket is: its host, and the path of what is in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/url.h"

namespace podyn::s3 {

// How a session finds S3.
struct Access {
    std::optional<base::Url> endpoint;  // none: AWS's own
    bool path_style = false;
    bool use_fips = false;
    bool use_dualstack = false;
};

struct Address {
    base::Url endpoint;  // with the bucket's name in virtual-host style
    std::string path;    // not encoded; with the bucket's name in path style
};

// Virtual-host style where bucket and endpoint allow it, else path style. `key` is empty for the bucket itself. Throws
// base::Error (22023) where it cannot be a bucket or a key, and where AWS has no such endpoint.
[[nodiscard]] Address address_of(const Access &access, std::string_view region, std::string_view bucket,
                                 std::string_view key);

// The path and query of a URL as they are sent. `query` is encoded already.
[[nodiscard]] std::string request_target(std::string_view path, std::string_view query);

}  // namespace podyn::s3
