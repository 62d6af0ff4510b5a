// See endpoints.h. Partitions and host names: botocore 1.43.11, data/partitions.json and the endpoint rule sets of the
// six services; the tests hold what botocore itself answers.
#include "aws/endpoints.h"

#include <optional>
#include <string>

#include "base/guard.h"
#include "base/text.h"

namespace podyn::aws {

namespace {

using base::Failure;

struct Partition {
    std::string_view region_prefix;
    std::string_view suffix;
    std::string_view dualstack_suffix;
    std::string_view dualstack_streams;  // the service's name in the host
};

// The first whose prefix fits; the last one, `aws`, fits every region.
constexpr Partition kPartitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "streams-dynamodb"},
    {"us-gov-", "amazonaws.com", "api.aws", "streams-dynamodb"},
    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov", "streams.dynamodb"},
    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud", "streams.dynamodb"},
    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "streams.dynamodb"},
    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov", "streams.dynamodb"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu", "streams.dynamodb"},
    {"", "amazonaws.com", "api.aws", "streams-dynamodb"},
};

const Partition &partition_of(std::string_view region);
std::string host_name(Service service, std::string_view region, bool use_fips, bool use_dualstack);
std::string s3_host_name(std::string_view region, bool use_fips, bool use_dualstack);
std::string_view host_prefix(Service service, const Partition &partition, bool use_dualstack);
std::optional<base::Url> usable_url(std::string_view text, base::Status *status);
bool is_allowed(const base::Url &url, std::string_view allowed);

base::Status invalid(std::string_view message, std::string_view hint)
{
    return base::make_status(Failure::kInvalid, "22023", false, message, {}, hint);
}

}  // namespace

void check_region(std::string_view region)
{
    if (!base::is_host_label(region))
        throw base::Error{invalid("invalid AWS region name",
                                  "Set option region of the server to the name of a region, such as us-east-1: lower "
                                  "case letters, digits and hyphens.")};
}

Endpoints resolve_endpoints(const EndpointOptions &options)
{
    const bool custom = !options.endpoint.empty() || !options.streams_endpoint.empty() ||
                        !options.sts_endpoint.empty() || !options.s3_endpoint.empty();
    if (custom && (options.use_fips || options.use_dualstack))
        throw base::Error{invalid("options use_fips and use_dualstack cannot be combined with an endpoint",
                                  "Remove either the endpoint or use_fips and use_dualstack from the server.")};
    const auto own = [&](Service service) {
        return aws_endpoint(service, options.region, options.use_fips, options.use_dualstack);
    };
    Endpoints endpoints{own(Service::kDynamoDb), own(Service::kStreams), std::nullopt};
    if (!options.endpoint.empty())
        endpoints.dynamodb = endpoints.streams = custom_endpoint(options.endpoint);
    if (!options.streams_endpoint.empty())
        endpoints.streams = custom_endpoint(options.streams_endpoint);
    if (!options.s3_endpoint.empty())
        endpoints.s3 = custom_endpoint(options.s3_endpoint);
    if (!options.sts_endpoint.empty())
        (void)custom_endpoint(options.sts_endpoint);
    return endpoints;
}

base::Url aws_endpoint(Service service, std::string_view region, bool use_fips, bool use_dualstack)
{
    check_region(region);
    const std::string host = service == Service::kS3 ? s3_host_name(region, use_fips, use_dualstack)
                                                     : host_name(service, region, use_fips, use_dualstack);
    return {.tls = true, .host = host, .is_address = false, .port = 443};
}

bool same_partition(std::string_view region, std::string_view other)
{
    return &partition_of(region) == &partition_of(other);
}

base::Url custom_endpoint(std::string_view text)
{
    base::Status status;
    std::optional<base::Url> url = usable_url(text, &status);
    if (!url)
        throw base::Error{status};
    return *url;
}

base::Status check_endpoint(std::string_view url, std::string_view allowed)
{
    base::Status status;
    const std::optional<base::Url> parsed = usable_url(url, &status);
    if (!parsed || is_allowed(*parsed, allowed))
        return status;
    return base::make_status(Failure::kInvalid, "42501", false, "endpoint host \"" + parsed->host + "\" is not allowed",
                             {}, "A superuser can add the host to the setting podyn.allowed_endpoints.");
}

namespace {

const Partition &partition_of(std::string_view region)
{
    const Partition *partition = kPartitions;
    while (!region.starts_with(partition->region_prefix))
        ++partition;
    return *partition;
}

std::string host_name(Service service, std::string_view region, bool use_fips, bool use_dualstack)
{
    const Partition &partition = partition_of(region);
    // GovCloud's ordinary endpoints are the FIPS ones; only its dual-stack hosts are told apart.
    const bool fips_name = use_fips && (partition.region_prefix != "us-gov-" || use_dualstack);
    std::string host(host_prefix(service, partition, use_dualstack));
    host.append(fips_name ? "-fips." : ".").append(region).append(".");
    return host.append(use_dualstack ? partition.dualstack_suffix : partition.suffix);
}

// S3 names its hosts in a way of its own, and has the ordinary suffix for all of them.
std::string s3_host_name(std::string_view region, bool use_fips, bool use_dualstack)
{
    const Partition &partition = partition_of(region);
    if (use_fips && partition.region_prefix == "cn-")
        throw base::Error{invalid("Amazon S3 has no FIPS endpoints in China", "Remove use_fips from the server.")};
    std::string host(use_fips ? "s3-fips." : "s3.");
    host.append(use_dualstack ? "dualstack." : "").append(region).append(".");
    return host.append(partition.suffix);
}

std::string_view host_prefix(Service service, const Partition &partition, bool use_dualstack)
{
    switch (service) {
        case Service::kDynamoDb:
            return "dynamodb";
        case Service::kStreams:
            return use_dualstack ? partition.dualstack_streams : "streams.dynamodb";
        case Service::kSts:
            return "sts";
        case Service::kSsoPortal:
            return "portal.sso";
        case Service::kSsoOidc:
            return "oidc";
        case Service::kS3:  // see s3_host_name
            return "s3";
    }
    return {};
}

// Parses the URL, and refuses plain HTTP to other hosts: signed requests and items would cross the network readable.
std::optional<base::Url> usable_url(std::string_view text, base::Status *status)
{
    std::string_view problem;
    std::optional<base::Url> url = base::parse_url(text, &problem);
    if (!url)  // the text is not repeated: it may hold a password
        *status = invalid(std::string("the endpoint URL ").append(problem),
                          "An endpoint is http:// or https://, a host and, if need be, a port: "
                          "https://dynamodb.us-east-1.amazonaws.com");
    else if (!url->tls && !url->is_loopback())
        *status = invalid("endpoint \"" + url->text() + "\" would send requests unencrypted",
                          "Use https://. Plain http:// is for localhost, 127.0.0.1 and [::1].");
    return status->ok() ? url : std::nullopt;
}

std::string_view trimmed(std::string_view text)
{
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool matches(const base::Url &url, std::string_view pattern)
{
    if (pattern.starts_with("*."))  // the dot stays: "*.aws" must not let "evilaws" in
        return !url.is_address && pattern.size() > 2 && url.host.size() > pattern.size() - 1 &&
               url.host.ends_with(pattern.substr(1));
    if (pattern.starts_with('[') && pattern.ends_with(']'))
        pattern = pattern.substr(1, pattern.size() - 2);
    return url.host == base::canonical_address(pattern).value_or(std::string(pattern));
}

bool is_allowed(const base::Url &url, std::string_view allowed)
{
    while (!allowed.empty()) {
        const std::string_view pattern = allowed.substr(0, allowed.find(','));
        allowed.remove_prefix(std::min(pattern.size() + 1, allowed.size()));
        if (matches(url, base::lower_case(trimmed(pattern))))
            return true;
    }
    return false;
}

}  // namespace

}  // namespace podyn::aws
