// See s3_exchange.h.
#include "engine/s3_exchange.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "aws/endpoints.h"
#include "engine/s3.h"
#include "s3/listing.h"
#include "s3/range.h"

namespace podyn::engine {

namespace {

// SHA-256 of nothing, which is what a GET has for a body.
constexpr std::string_view kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

aws::Signer &signer_of(Session &session, const std::string &region)
{
    return session.s3_signers.try_emplace(region, region, "s3").first->second;
}

std::string known_region(const Session &session, const std::string &bucket)
{
    const auto known = session.bucket_regions.find(bucket);
    return known == session.bucket_regions.end() ? session.region : known->second;
}

Status invalid(std::string_view message, std::string_view hint)
{
    return make_status(Failure::kInvalid, "22023", false, message, {}, hint);
}

}  // namespace

// ---- every call ----------------------------------------------------------------------------------------------------

S3Exchange::S3Exchange(Session &session, std::string_view bucket, std::string_view key)
    : session_(session),
      bucket_(bucket),
      key_(key),
      region_(known_region(session, bucket_)),
      address_(s3::address_of(session.s3, region_, bucket_, key_))
{
}

void S3Exchange::write(const aws::Credentials &credentials, std::string_view time, net::Request &request)
{
    const std::string host = endpoint().authority();
    std::vector<aws::Header> headers = {{"Host", host}, {"X-Amz-Content-SHA256", kEmptyHash}, {"X-Amz-Date", time}};
    if (!credentials.session_token.empty())
        headers.push_back({"X-Amz-Security-Token", credentials.session_token});
    add_headers(headers);
    request.method = net::Method::kGet;
    request.url = endpoint().text() + s3::request_target(address_.path, query());
    request.ca_file = session_.s3_ca_file;
    request.max_body = std::max(max_body(), aws::kMaxErrorBody);
    write_headers(request,
                  {.method = "GET",
                   .path = address_.path,
                   .query = query(),
                   .headers = headers,
                   .body = {},
                   .normalize_path = false},
                  signer_of(session_, region_), credentials, time, "identity");
}

Outcome S3Exchange::judge(net::Transfer &transfer, std::string &body)
{
    const Status transport = transfer.transport_status("Amazon S3", "s3_endpoint");
    net::Response &response = transfer.response;
    if (response.status / 100 == 2)
        return take_answer(response, transport, body);
    hide_session_token(transfer.request, response.body);
    return transport.ok() ? judge_error(response) : Outcome{transport};
}

Outcome S3Exchange::judge_error(const net::Response &response)
{
    const s3::Error error = s3::parse_error(response.body);
    Outcome outcome{s3::error_status(subject(), response.status, response.body, error), aws::may_be_clock_skew(error),
                    aws::may_be_outdated_credentials(error)};
    outcome.asks_otherwise = go_to_region(response, error) || can_ask_otherwise(response.status);
    return outcome;
}

bool S3Exchange::go_to_region(const net::Response &response, const s3::Error &error)
{
    const std::string &region = response.bucket_region.empty() ? error.region : response.bucket_region;
    if (redirected_ || !s3::is_redirect(response.status, error) || region == region_ || !base::is_host_label(region) ||
        !aws::same_partition(region, session_.region))
        return false;
    redirected_ = true;
    region_ = region;
    address_ = s3::address_of(session_.s3, region_, bucket_, key_);
    session_.bucket_regions.insert_or_assign(bucket_, region_);
    return true;
}

// ---- ListObjectsV2 -------------------------------------------------------------------------------------------------

ListObjects::ListObjects(Session &session, std::string_view bucket, std::string_view prefix, std::string_view delimiter,
                         std::string_view token)
    : S3Exchange(session, bucket, {}), query_(s3::list_objects_query(prefix, delimiter, token))
{
}

s3::Subject ListObjects::subject() const
{
    return {"ListObjectsV2", "s3:ListBucket", bucket(), {}};
}

Outcome ListObjects::take_answer(net::Response &response, const Status &transport, std::string &body)
{
    if (transport.ok())
        body = std::move(response.body);
    return {transport};
}

// ---- GetObject -----------------------------------------------------------------------------------------------------

GetObject::GetObject(Session &session, std::string_view bucket, std::string_view key, std::uint64_t first,
                     std::uint64_t length, std::string_view etag)
    : S3Exchange(session, bucket, key), first_(first), length_(length), etag_(s3::unquoted(etag))
{
    const auto is_usual = [](char c) { return c > ' ' && c < '\x7f' && c != '"'; };
    if (key.empty())
        throw Error{invalid("the key of an S3 object is empty", "Name an object of the bucket.")};
    if (length == 0 || length > kMostBytesOfPart || first > std::numeric_limits<std::uint64_t>::max() - length)
        throw Error{internal_error("asked for an impossible part of an S3 object")};
    if (!std::all_of(etag_.begin(), etag_.end(), is_usual))
        throw Error{invalid("invalid ETag of an S3 object", "List the bucket again.")};
}

s3::Subject GetObject::subject() const
{
    return {"GetObject", "s3:GetObject", bucket(), key()};
}

void GetObject::add_headers(std::vector<aws::Header> &headers)
{
    if (!etag_.empty()) {
        etag_header_ = "\"" + etag_ + "\"";
        headers.push_back({"If-Match", etag_header_});
    }
    if (!whole_) {
        range_header_ =
            "bytes=" + std::to_string(first_ + received_.size()) + "-" + std::to_string(first_ + length_ - 1);
        headers.push_back({"Range", range_header_});
    }
}

std::size_t GetObject::max_body() const
{
    return wanted();
}

// An empty object has no range that could be asked for (S3 answers 416).
bool GetObject::can_ask_otherwise(int http_status)
{
    if (http_status != 416 || whole_ || first_ > 0 || !received_.empty())
        return false;
    whole_ = true;
    return true;
}

Outcome GetObject::take_answer(net::Response &response, const Status &transport, std::string &body)
{
    if (!transport.ok() && !transport.retryable)  // a body that is too big, or no memory for it
        return {transport};
    const Status kept = keep(response, transport);
    if (!kept.ok())
        return {kept};
    if (is_complete()) {
        body = std::move(received_);
        return {};
    }
    return {transport.ok() ? s3::corrupt_status(subject(), "the body ends too early", true) : transport};
}

bool GetObject::is_complete() const noexcept
{
    return object_size_ && first_ + received_.size() == std::min(first_ + length_, std::max(*object_size_, first_));
}

// Adds what has arrived to what is there, if it belongs together.
Status GetObject::keep(net::Response &response, const Status &transport)
{
    const std::string etag(s3::unquoted(response.etag));
    const bool tells_etag = !etag.empty() || !received_.empty();  // what is there already came with one
    if (tells_etag && !etag_.empty() && etag != etag_)
        return s3::changed_status(subject());
    // Without an ETag, or the object's size, nobody knows what would follow.
    if (!transport.ok() && (etag.empty() || response.content_range.empty()))
        return transport;
    std::uint64_t object_size = 0;
    const Status sound = check_range(response, &object_size);
    if (!sound.ok())
        return sound;
    if (etag_.empty())
        etag_ = etag;
    object_size_ = object_size;
    if (received_.empty())
        received_ = std::move(response.body);
    else
        received_.append(response.body);
    return {};
}

// Whether the body is what was asked for.
Status GetObject::check_range(const net::Response &response, std::uint64_t *object_size) const
{
    const auto refuse = [this](std::string_view why) { return s3::corrupt_status(subject(), why, false); };
    const std::uint64_t from = first_ + received_.size();
    if (response.status == 200 && from == 0) {
        *object_size = response.body.size();
        return *object_size <= wanted() ? Status{} : refuse("the body has more bytes than were asked for");
    }
    if (response.status != 206)
        return refuse("HTTP status " + std::to_string(response.status) + " for a part of an object");
    const std::optional<s3::ContentRange> range = s3::parse_content_range(response.content_range);
    if (!range || range->first != from || range->last > first_ + length_ - 1)
        return refuse("Content-Range is \"" + response.content_range + "\", byte " + std::to_string(from) +
                      " and the following ones were asked for");
    if (response.body.size() > range->last - range->first + 1)
        return refuse("the body has more bytes than Content-Range says");
    if (object_size_ && *object_size_ != range->object_size)
        return s3::changed_status(subject());
    *object_size = range->object_size;
    return {};
}

}  // namespace podyn::engine
