// S3's addresses, listings and errors, without a network.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/guard.h"
#include "s3/address.h"
#include "s3/error.h"
#include "s3/etag.h"
#include "s3/listing.h"
#include "s3/range.h"

namespace podyn::s3 {
namespace {

using base::Failure;
using base::Status;

// ---- ETags ---------------------------------------------------------------------------------------------------------

// Both are of a real export's data file, as its manifest and S3 have them.
TEST(ETag, of_a_whole_upload_or_a_single_part_shows_the_md5)
{
    constexpr std::string_view kMd5 = "rzAeIrtALbOlNdK5Hh8tgA==";
    EXPECT_TRUE(etag_shows_md5("d1663e415aedcbf3c4977cde7002d2bf-1", kMd5));
    EXPECT_TRUE(etag_shows_md5("af301e22bb402db3a535d2b91e1f2d80", kMd5));
    for (const char *other : {"", "d1663e415aedcbf3c4977cde7002d2bf", "d1663e415aedcbf3c4977cde7002d2bf-2",
                              "af301e22bb402db3a535d2b91e1f2d80-1", "bf301e22bb402db3a535d2b91e1f2d80"})
        EXPECT_FALSE(etag_shows_md5(other, kMd5)) << other;
    for (const char *no_md5 : {"", "rzAeIrtALbOlNdK5Hh8tgA", "rzAe"})
        EXPECT_FALSE(etag_shows_md5("af301e22bb402db3a535d2b91e1f2d80", no_md5)) << no_md5;
}

// ---- addresses -----------------------------------------------------------------------------------------------------

std::string url_of(const Access &access, std::string_view bucket, std::string_view key = "k")
{
    const Address address = address_of(access, "us-east-1", bucket, key);
    return address.endpoint.text() + request_target(address.path, {});
}

Access at(const char *url, bool path_style = false)
{
    std::string_view problem;
    return {base::parse_url(url, &problem), path_style, false, false};
}

std::string refusal(const Access &access, std::string_view bucket, std::string_view key = "k")
{
    const Status status = base::guarded([&] {
        (void)address_of(access, "us-east-1", bucket, key);
        return Status{};
    });
    return status.sqlstate;
}

TEST(S3Address, a_bucket_is_in_the_host_where_that_can_be)
{
    EXPECT_EQ(url_of({}, "my-bucket"), "https://my-bucket.s3.us-east-1.amazonaws.com/k");
    EXPECT_EQ(url_of({}, "my.bucket"), "https://s3.us-east-1.amazonaws.com/my.bucket/k");
    EXPECT_EQ(url_of({}, "My_Bucket"), "https://s3.us-east-1.amazonaws.com/My_Bucket/k");
    EXPECT_EQ(url_of({}, "-bucket"), "https://s3.us-east-1.amazonaws.com/-bucket/k");
    EXPECT_EQ(url_of({}, std::string(64, 'b')), "https://s3.us-east-1.amazonaws.com/" + std::string(64, 'b') + "/k");
    EXPECT_EQ(url_of({std::nullopt, true, false, false}, "my-bucket"),
              "https://s3.us-east-1.amazonaws.com/my-bucket/k");
    EXPECT_EQ(url_of(at("https://minio.example.com:9000"), "bucket"), "https://bucket.minio.example.com:9000/k");
    EXPECT_EQ(url_of(at("https://minio.example.com", true), "bucket"), "https://minio.example.com/bucket/k");
    EXPECT_EQ(url_of(at("http://127.0.0.1:9000"), "bucket"), "http://127.0.0.1:9000/bucket/k");
    EXPECT_EQ(url_of(at("http://[::1]:9000"), "bucket"), "http://[::1]:9000/bucket/k");
    EXPECT_EQ(url_of(at("http://localhost:9000"), "bucket"), "http://localhost:9000/bucket/k");
}

TEST(S3Address, fips_endpoints_take_buckets_in_the_host_only)
{
    const Access fips{std::nullopt, false, true, true};
    EXPECT_EQ(url_of(fips, "my-bucket"), "https://my-bucket.s3-fips.dualstack.us-east-1.amazonaws.com/k");
    EXPECT_EQ(refusal(fips, "my.bucket"), "22023");
    EXPECT_EQ(refusal({std::nullopt, true, true, false}, "my-bucket"), "22023");
}

TEST(S3Address, what_cannot_be_a_bucket_or_a_key_is_refused)
{
    for (const char *bucket : {"", "ab", "a/b/c", "evil.com/x", "evil.com#", "user@host", "a:b:c", "..%2f", "a b c",
                               "b\r\nHost: x", "ünicode", "arn:aws:s3:us-east-1:1:accesspoint/x"})
        EXPECT_EQ(refusal({}, bucket), "22023") << bucket;
    EXPECT_EQ(refusal({}, std::string(256, 'b')), "22023");
    EXPECT_EQ(refusal({}, "bucket", std::string(1025, 'k')), "22023");
    EXPECT_EQ(refusal({}, "bucket", "\xff"), "22023");
    EXPECT_EQ(refusal({}, "bucket", std::string(1024, 'k')), "00000");
}

// ---- ranges --------------------------------------------------------------------------------------------------------

TEST(S3Range, only_sound_ones_are_read)
{
    const auto range = parse_content_range("bytes 5-9/18446744073709551615");
    ASSERT_TRUE(range);
    EXPECT_EQ(range->first, 5u);
    EXPECT_EQ(range->last, 9u);
    EXPECT_EQ(range->object_size, 18446744073709551615u);
    for (const char *header : {"", "bytes", "bytes ", "bytes 5-9", "bytes 5-9/*", "bytes */9", "bytes 9-5/10",
                               "bytes 5-9/9", "bytes -5-9/10", "bytes 5-9/10 ", "bytes 5- 9/10", "items 5-9/10",
                               "bytes 5-9/1x", "bytes 5-9/18446744073709551616", "bytes=5-9/10"})
        EXPECT_FALSE(parse_content_range(header)) << header;
}

// ---- listings ------------------------------------------------------------------------------------------------------

std::string listing(const std::string &inside)
{
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
           "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" +
           inside + "</ListBucketResult>";
}

Status listing_status(const std::string &body)
{
    return base::guarded([&] {
        (void)ObjectList(body);
        return Status{};
    });
}

TEST(S3Listing, a_page_holds_objects_prefixes_and_the_token)
{
    const ObjectList list(
        listing("<Name>b</Name><Prefix>p</Prefix><KeyCount>3</KeyCount><IsTruncated>true</IsTruncated>"
                "<Contents><Key>a%20b/%E6%97%A5+1%2B</Key><LastModified>2023-11-14T22:13:20.000Z</LastModified>"
                "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e-2&quot;</ETag><Size>5497558138880</Size>"
                "<Owner><ID>x</ID><Key>not this one</Key></Owner><StorageClass>STANDARD</StorageClass></Contents>"
                "<Contents><Size>0</Size><Key>%2525</Key></Contents>"
                "<CommonPrefixes><Prefix>data/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>x%3Cy/</Prefix></"
                "CommonPrefixes>"
                "<EncodingType>url</EncodingType><NextContinuationToken>1/a+b==</NextContinuationToken>"));
    const ObjectsPage page = list.page();
    ASSERT_EQ(page.objects.size(), 2u);
    EXPECT_EQ(page.objects[0].key, "a b/日 1+");
    EXPECT_EQ(page.objects[0].size, 5497558138880u);
    EXPECT_EQ(page.objects[0].etag, "d41d8cd98f00b204e9800998ecf8427e-2");
    EXPECT_EQ(page.objects[1].key, "%25");
    EXPECT_EQ(page.objects[1].etag, "");
    ASSERT_EQ(page.common_prefixes.size(), 2u);
    EXPECT_EQ(page.common_prefixes[0], "data/");
    EXPECT_EQ(page.common_prefixes[1], "x<y/");
    EXPECT_EQ(page.next_token, "1/a+b==");
}

TEST(S3Listing, keys_that_are_not_encoded_stay_as_they_are)
{
    const ObjectList list(
        listing("<IsTruncated>false</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
                "<Contents><Key>a+b%20&amp;</Key><Size>1</Size></Contents>"));
    EXPECT_EQ(list.page().objects[0].key, "a+b%20&");
    EXPECT_EQ(list.page().next_token, "");
}

TEST(S3Listing, what_lacks_something_is_refused)
{
    const std::string end = "<IsTruncated>false</IsTruncated>";
    EXPECT_TRUE(listing_status(listing(end)).ok());
    for (const std::string &body :
         {std::string("{}"), std::string("<html>hello</html>"), listing(""),
          listing("<IsTruncated>maybe</IsTruncated>"), listing("<IsTruncated>true</IsTruncated>"),
          listing("<IsTruncated>true</IsTruncated><NextContinuationToken/>"), listing(end + "<Contents/>"),
          listing(end + "<Contents><Key>a</Key></Contents>"), listing(end + "<Contents><Size>1</Size></Contents>"),
          listing(end + "<Contents><Key>a</Key><Size>1</Size></Contents><Contents><Size>1</Size></Contents>"),
          listing(end + "<Contents><Key>a</Key><Size>-1</Size></Contents>"),
          listing(end + "<Contents><Key>a</Key><Size>1e3</Size></Contents>"),
          listing(end + "<Contents><Key>a</Key><Size></Size></Contents>"),
          listing(end + "<Contents><Key>a</Key><Size>18446744073709551616</Size></Contents>"),
          listing(end + "<CommonPrefixes/>"),
          listing(end + "<EncodingType>url</EncodingType><Contents><Key>a%2</Key><Size>1</Size></Contents>"),
          listing(end + "<EncodingType>url</EncodingType><Contents><Key>a%zz</Key><Size>1</Size></Contents>"),
          listing(end + "<EncodingType>url</EncodingType><Contents><Key>%ff</Key><Size>1</Size></Contents>"),
          std::string("<Error><Code>InternalError</Code></Error>")}) {
        const Status status = listing_status(body);
        EXPECT_EQ(status.failure, Failure::kCorrupt) << body;
        EXPECT_TRUE(status.retryable);
    }
}

TEST(S3Listing, a_request_encodes_what_it_asks_for)
{
    EXPECT_EQ(list_objects_query("", "", ""), "encoding-type=url&list-type=2");
    EXPECT_EQ(
        list_objects_query("a b/+&=日", "/", "1/x=="),
        "encoding-type=url&list-type=2&continuation-token=1%2Fx%3D%3D&delimiter=%2F&prefix=a%20b%2F%2B%26%3D%E6%97%A5");
    EXPECT_THROW((void)list_objects_query(std::string(1025, 'x'), "", ""), base::Error);
}

// ---- errors --------------------------------------------------------------------------------------------------------

std::string error_body(const std::string &code, const std::string &message = "so it is", const std::string &more = "")
{
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code + "</Code><Message>" + message +
           "</Message>" + more + "<RequestId>R</RequestId></Error>";
}

Status status_of(int http_status, const std::string &body,
                 const Subject &subject = {"GetObject", "s3:GetObject", "my-bucket", "data/é"})
{
    return error_status(subject, http_status, body, parse_error(body));
}

TEST(S3Error, each_says_what_it_means)
{
    const struct {
        int http_status;
        const char *name;
        Failure failure;
        bool retryable;
        const char *sqlstate;
    } kCases[] = {
        {404, "NoSuchBucket", Failure::kNotFound, false, "42704"},
        {404, "NoSuchKey", Failure::kNotFound, false, "58P01"},
        {403, "AccessDenied", Failure::kDenied, false, "42501"},
        {403, "InvalidAccessKeyId", Failure::kCredentials, false, "28000"},
        {403, "SignatureDoesNotMatch", Failure::kCredentials, false, "28000"},
        {400, "ExpiredToken", Failure::kCredentials, false, "28000"},
        {403, "RequestTimeTooSkewed", Failure::kCredentials, false, "28000"},
        {400, "AuthorizationHeaderMalformed", Failure::kCredentials, false, "28000"},
        {503, "SlowDown", Failure::kThrottled, true, "53400"},
        {503, "ServiceUnavailable", Failure::kUnavailable, true, "08006"},
        {500, "InternalError", Failure::kUnavailable, true, "08006"},
        {400, "RequestTimeout", Failure::kUnavailable, true, "08006"},
        {412, "PreconditionFailed", Failure::kInvalid, false, "55000"},
        {416, "InvalidRange", Failure::kInvalid, false, "55000"},
        {403, "InvalidObjectState", Failure::kInvalid, false, "55000"},
        {301, "PermanentRedirect", Failure::kInvalid, false, "22023"},
        {501, "NotImplemented", Failure::kInvalid, false, "0A000"},
        {400, "NeverHeardOf", Failure::kInvalid, false, "58000"},
        {403, "NeverHeardOf", Failure::kDenied, false, "42501"},
        {500, "NeverHeardOf", Failure::kUnavailable, true, "08006"},
    };
    for (const auto &expected : kCases) {
        SCOPED_TRACE(expected.name);
        const Status status = status_of(expected.http_status, error_body(expected.name));
        EXPECT_EQ(status.failure, expected.failure);
        EXPECT_EQ(status.retryable, expected.retryable);
        EXPECT_STREQ(status.sqlstate, expected.sqlstate);
        EXPECT_TRUE(std::string_view(status.message).starts_with("request GetObject of \"s3://my-bucket/data/é\" "))
            << status.message;
        EXPECT_EQ(std::string(status.detail), std::string(expected.name) + ": so it is");
        EXPECT_NE(std::string(status.hint), "");
    }
}

TEST(S3Error, what_has_no_body_is_told_by_its_status)
{
    EXPECT_STREQ(status_of(412, "").sqlstate, "55000");
    EXPECT_STREQ(status_of(416, "").sqlstate, "55000");
    EXPECT_EQ(status_of(503, "").failure, Failure::kUnavailable);
    EXPECT_EQ(status_of(429, "").failure, Failure::kThrottled);
    EXPECT_STREQ(status_of(307, "").sqlstate, "08P01");
    EXPECT_STREQ(status_of(404, "<html>hello</html>").detail, "HTTP status 404: <html>hello</html>");
    EXPECT_STREQ(status_of(404, error_body("NoSuchKey", std::string(70'000, 'x'))).sqlstate, "08P01");
}

TEST(S3Error, a_denied_action_is_named_in_the_hint)
{
    const std::string own = status_of(403, error_body("AccessDenied", "Access Denied")).hint;
    EXPECT_NE(own.find("s3:GetObject "), std::string::npos) << own;
    EXPECT_NE(own.find("s3:ListBucket"), std::string::npos) << own;
    const Subject listing{"ListObjectsV2", "s3:ListBucket", "my-bucket", {}};
    EXPECT_TRUE(std::string(status_of(403, error_body("AccessDenied", "Access Denied"), listing).hint)
                    .starts_with("Allow the action s3:ListBucket "));
    const std::string key = "User: u is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:x";
    EXPECT_TRUE(
        std::string(status_of(403, error_body("AccessDenied", key)).hint).starts_with("Allow the action kms:Decrypt "));
}

TEST(S3Error, another_region_is_named)
{
    const Status status = status_of(301, error_body("PermanentRedirect", "elsewhere", "<Region>eu-west-1</Region>"));
    EXPECT_NE(std::string(status.hint).find("eu-west-1"), std::string::npos);
}

TEST(S3Error, a_long_key_is_cut_between_characters)
{
    for (int shift = 0; shift < 3; ++shift) {
        std::string key(static_cast<std::size_t>(shift), 'x');
        for (int i = 0; i < 300; ++i)
            key += "日";
        const std::string message =
            status_of(404, error_body("NoSuchKey"), {"GetObject", "s3:GetObject", "my-bucket", key}).message;
        EXPECT_TRUE(message.ends_with("日…\" named an object that does not exist")) << message;
    }
}

TEST(S3Error, only_the_members_of_an_error_count)
{
    const Error error = parse_error("<Error><Detail><Code>SlowDown</Code></Detail><Code>A&amp;B</Code></Error>");
    EXPECT_EQ(error.name, "A&B");
    EXPECT_EQ(parse_error("<x><Code>SlowDown</Code></x>").name, "");
    EXPECT_EQ(parse_error("<Error><Code>SlowDown</Code>").name, "");
    EXPECT_TRUE(aws::may_be_clock_skew(parse_error(error_body("RequestTimeTooSkewed"))));
    EXPECT_TRUE(aws::may_be_outdated_credentials(parse_error(error_body("ExpiredToken"))));
    EXPECT_TRUE(aws::may_be_outdated_credentials(parse_error(error_body("InvalidAccessKeyId"))));
}

}  // namespace
}  // namespace podyn::s3
