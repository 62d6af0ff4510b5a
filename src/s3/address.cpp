// See address.h. Styles: Amazon S3 user guide, "Virtual hosting of general purpose buckets".
#include "s3/address.h"

#include <algorithm>

#include "aws/endpoints.h"
#include "base/guard.h"
#include "base/utf8.h"

namespace podyn::s3 {

namespace {

constexpr std::size_t kMinBucketName = 3;    // user guide, "General purpose bucket naming rules"
constexpr std::size_t kMaxBucketName = 255;  // of buckets from before 2018; else 63
constexpr std::size_t kMaxKey = 1024;        // bytes (user guide, "Naming Amazon S3 objects")

base::Error invalid(std::string_view message, std::string_view hint)
{
    return {base::make_status(base::Failure::kInvalid, "22023", false, message, {}, hint)};
}

bool is_bucket_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
}

void check_bucket(std::string_view bucket)
{
    if (bucket.size() < kMinBucketName || bucket.size() > kMaxBucketName ||
        !std::all_of(bucket.begin(), bucket.end(), is_bucket_character))
        throw invalid(
            "invalid name of an S3 bucket",
            "A bucket's name has at least three letters, digits, hyphens, dots and underscores. Access points "
            "are named by their alias.");
}

void check_key(std::string_view key)
{
    if (key.size() > kMaxKey || !base::is_utf8(key))
        throw invalid("invalid key of an S3 object", "A key is UTF-8 of at most 1024 bytes.");
}

// A bucket's name with dots would not fit the certificate's wildcard.
bool fits_host(std::string_view bucket)
{
    return base::is_host_label(bucket);
}

bool takes_virtual_hosts(const base::Url &endpoint)
{
    return !endpoint.is_address && endpoint.host != "localhost";
}

}  // namespace

Address address_of(const Access &access, std::string_view region, std::string_view bucket, std::string_view key)
{
    check_bucket(bucket);
    check_key(key);
    Address address{access.endpoint
                        ? *access.endpoint
                        : aws::aws_endpoint(aws::Service::kS3, region, access.use_fips, access.use_dualstack),
                    "/"};
    if (!access.path_style && fits_host(bucket) && takes_virtual_hosts(address.endpoint)) {
        address.endpoint.host = std::string(bucket) + "." + address.endpoint.host;
        address.path.append(key);
        return address;
    }
    if (access.use_fips)
        throw invalid("Amazon S3's FIPS endpoints do not take buckets in path style",
                      "Remove use_fips or s3_path_style from the server, or use a bucket without dots in its name.");
    address.path.append(bucket);
    if (!key.empty())
        address.path.append("/").append(key);
    return address;
}

std::string request_target(std::string_view path, std::string_view query)
{
    std::string target = base::percent_encoded_path(path);
    return query.empty() ? target : target.append("?").append(query);
}

}  // namespace podyn::s3
