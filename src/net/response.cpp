// See response.h.
#include "net/response.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "net/corrupt.h"
#include "net/gzip.h"

namespace podyn::net {

namespace {

template <typename Number>
bool parse_number(std::string_view text, Number *value)
{
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
    return error == std::errc() && end == text.data() + text.size();
}

bool same_name(std::string_view name, std::string_view lower)
{
    return name.size() == lower.size() && base::lower_case(name) == lower;
}

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view kSpace = " \t\r\n";
    const std::size_t first = std::min(text.find_first_not_of(kSpace), text.size());
    text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

}  // namespace

void Response::clear()
{
    status = 0;
    for (std::string *header : {&content_encoding, &crc32, &date, &error_type, &request_id, &retry_after, &etag,
                                &content_range, &bucket_region})
        header->clear();
    body = std::string();
}

void Response::take_header(std::string_view line)
{
    if (line.starts_with("HTTP/")) {  // the final response follows interim ones (100 Continue)
        clear();
        return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos)
        return;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < '\x7f'; }))
        return;
    const std::pair<std::string_view, std::string *> wanted[] = {
        {"content-encoding", &content_encoding},
        {"x-amz-crc32", &crc32},
        {"date", &date},
        {"x-amzn-errortype", &error_type},
        {"x-amzn-requestid", &request_id},
        {"x-amz-request-id", &request_id},  // S3's name of it
        {"x-amz-retry-after", &retry_after},
        {"etag", &etag},
        {"content-range", &content_range},
        {"x-amz-bucket-region", &bucket_region},
    };
    for (const auto &[wanted_name, field] : wanted)
        if (same_name(name, wanted_name))
            field->assign(value);
    std::size_t length = 0;
    if (same_name(name, "content-length") && parse_number(value, &length) && length <= max_body)
        body.reserve(length);
}

bool Response::take_body(std::string_view piece)
{
    if (piece.size() > max_body - body.size())
        return false;
    body.append(piece);
    return true;
}

std::string Response::decode()
{
    check_crc32();
    std::string raw = std::exchange(body, std::string());
    const std::string encoding = base::lower_case(content_encoding);
    if (encoding.empty() || encoding == "identity")
        return raw;
    if (encoding != "gzip")
        throw corrupt("the body has content encoding \"" + content_encoding + "\", which was not asked for");
    return gunzip(raw, kMaxInflatedBody);
}

// The checksum covers the compressed bytes (aws-sdk-go-v2, DynamoDB customizations); not every response has one.
void Response::check_crc32() const
{
    if (crc32.empty())
        return;
    const unsigned long actual = ::crc32_z(0, reinterpret_cast<const Bytef *>(body.data()), body.size());
    std::uint32_t claimed = 0;
    if (!parse_number(crc32, &claimed) || claimed != actual)
        throw corrupt("x-amz-crc32 is " + crc32 + ", but the " + std::to_string(body.size()) + " bytes received have " +
                      std::to_string(actual));
}

}  // namespace podyn::net
