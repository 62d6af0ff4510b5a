// See listing.h.
#include "s3/listing.h"

#include <charconv>
#include <optional>

#include "base/guard.h"
#include "base/url.h"
#include "base/utf8.h"
#include "xml/reader.h"

namespace podyn::s3 {

namespace {

constexpr std::size_t kMaxPrefix = 1024;  // of a key
constexpr std::size_t kMaxToken = 8192;   // ours; AWS's have some hundred bytes

[[noreturn]] void refuse(std::string_view why)
{
    throw base::Error{base::make_status(base::Failure::kCorrupt, "08P01", true,
                                        "response to ListObjectsV2 is not what the protocol says", why,
                                        "Check that option s3_endpoint of the server is an S3 endpoint.")};
}

void check_length(std::string_view text, std::size_t most, std::string_view name)
{
    if (text.size() > most)
        throw base::Error{
            base::make_status(base::Failure::kInvalid, "22023", false, std::string(name) + " of a listing is too long",
                              std::to_string(text.size()) + " bytes", "S3's keys have at most 1024 bytes.")};
}

std::uint64_t to_size(std::string_view text)
{
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (error != std::errc() || end != text.data() + text.size())
        refuse("an object's size is no number");
    return size;
}

}  // namespace

std::string list_objects_query(std::string_view prefix, std::string_view delimiter, std::string_view token)
{
    check_length(prefix, kMaxPrefix, "the prefix");
    check_length(delimiter, kMaxPrefix, "the delimiter");
    check_length(token, kMaxToken, "the token");
    std::string query = "encoding-type=url&list-type=2";
    const auto add = [&query](std::string_view name, std::string_view value) {
        if (!value.empty())
            query.append("&").append(name).append("=").append(base::percent_encoded(value));
    };
    add("continuation-token", token);
    add("delimiter", delimiter);
    add("prefix", prefix);
    return query;
}

std::string_view unquoted(std::string_view etag)
{
    const bool quoted = etag.size() >= 2 && etag.front() == '"' && etag.back() == '"';
    if (quoted)
        return etag.substr(1, etag.size() - 2);
    return etag.starts_with("W/") ? std::string_view() : etag;
}

class ObjectListSink final : public xml::Sink {
  public:
    explicit ObjectListSink(ObjectList &list) : list_(list) {}

    void on_begin(std::string_view path) override
    {
        if (path == "ListBucketResult/Contents")
            key_ = etag_ = {}, size_.reset();
        else if (path == "ListBucketResult/CommonPrefixes")
            key_ = {};
    }

    void on_end(std::string_view path, std::string_view text) override
    {
        if (path == "ListBucketResult/Contents/Key" || path == "ListBucketResult/CommonPrefixes/Prefix")
            key_ = list_.arena_.copy(text);
        else if (path == "ListBucketResult/Contents/Size")
            size_ = to_size(text);
        else if (path == "ListBucketResult/Contents/ETag")
            etag_ = list_.arena_.copy(unquoted(text));
        else if (path == "ListBucketResult/Contents")
            add_object();
        else if (path == "ListBucketResult/CommonPrefixes")
            add_prefix();
        else if (path == "ListBucketResult/EncodingType")
            encoded_ = text == "url";
        else if (path == "ListBucketResult/IsTruncated")
            truncated_ = text;
        else if (path == "ListBucketResult/NextContinuationToken")
            list_.next_token_ = list_.arena_.copy(text);
        else if (path == "ListBucketResult")
            complete_ = true;
    }

    void finish()
    {
        if (!complete_)
            refuse("it is no ListBucketResult");
        if (truncated_ != "true" && truncated_ != "false")
            refuse("it does not say whether it is truncated");
        if (truncated_ == "true" && list_.next_token_.empty())
            refuse("it is truncated, but says not where it goes on");
        if (truncated_ == "false")
            list_.next_token_ = {};
        if (encoded_)
            decode_all();
    }

  private:
    void add_object()
    {
        if (key_.empty() || !size_)
            refuse("an object has no key or no size");
        list_.objects_.push_back({key_, *size_, etag_});
    }

    void add_prefix()
    {
        if (key_.empty())
            refuse("a common prefix is empty");
        list_.common_prefixes_.push_back(key_);
    }

    // Whether they are encoded may be said after them.
    void decode_all()
    {
        for (Object &object : list_.objects_)
            object.key = decoded(object.key);
        for (std::string_view &prefix : list_.common_prefixes_)
            prefix = decoded(prefix);
    }

    // As botocore does (handlers.py, unquote_str): "+" is a space.
    std::string_view decoded(std::string_view text)
    {
        const std::optional<std::string> plain = base::form_decoded(text);
        if (!plain || !base::is_utf8(*plain))
            refuse("a key is wrongly encoded");
        return list_.arena_.copy(*plain);
    }

    ObjectList &list_;
    std::string_view key_;
    std::string_view etag_;
    std::optional<std::uint64_t> size_;
    std::string truncated_;
    bool encoded_ = false;
    bool complete_ = false;
};

ObjectList::ObjectList(const std::string &body)
{
    ObjectListSink sink(*this);
    xml::read(body, sink);
    sink.finish();
}

}  // namespace podyn::s3
