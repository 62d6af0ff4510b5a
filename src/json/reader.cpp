// See reader.h.
#include "json/reader.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

#include "base/guard.h"

// RapidJSON's own assertions would end the process, and a PostgreSQL server's every session with it.
#define RAPIDJSON_ASSERT(condition) ((condition) ? void() : throw std::logic_error("RapidJSON: " #condition))
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

namespace podyn::json {

namespace {

// RapidJSON's stream over the body. Unlike its StringStream it never reads past the end, which UTF-8 validation of a
// truncated character otherwise does.
class BodyStream {
  public:
    using Ch = char;

    explicit BodyStream(std::string_view body) : begin_(body.data()), next_(begin_), end_(begin_ + body.size()) {}

    [[nodiscard]] Ch Peek() const { return next_ == end_ ? '\0' : *next_; }
    Ch Take() { return next_ == end_ ? '\0' : *next_++; }
    [[nodiscard]] std::size_t Tell() const { return static_cast<std::size_t>(next_ - begin_); }

    Ch *PutBegin() { throw std::logic_error("the body is read-only"); }
    void Put(Ch) { throw std::logic_error("the body is read-only"); }
    void Flush() { throw std::logic_error("the body is read-only"); }
    std::size_t PutEnd(Ch *) { throw std::logic_error("the body is read-only"); }

  private:
    const char *begin_;
    const char *next_;
    const char *end_;
};

}  // namespace

}  // namespace podyn::json

namespace rapidjson {

// RapidJSON works on a copy of the stream while it reads a string. So what Tell() says to the handler is where the
// string begins.
template <>
struct StreamTraits<podyn::json::BodyStream> {
    enum { copyOptimization = 1 };
};

}  // namespace rapidjson

namespace podyn::json {

namespace {

// RapidJSON's stack does not look whether it got memory.
class ThrowingAllocator {
  public:
    static constexpr bool kNeedFree = true;

    void *Malloc(std::size_t size) { return Realloc(nullptr, 0, size); }
    void *Realloc(void *old, std::size_t, std::size_t size)
    {
        void *memory = std::realloc(old, size);
        if (memory == nullptr)
            throw std::bad_alloc();
        return memory;
    }
    static void Free(void *memory) { std::free(memory); }
};

// RapidJSON lets "\udc00" through and encodes it like a character. In text that has resolved escapes and sound UTF-8
// otherwise, the byte ED before A0 to BF is just that (Unicode, table 3-7).
bool has_surrogate(std::string_view text)
{
    for (std::size_t i = text.find('\xED'); i != std::string_view::npos; i = text.find('\xED', i + 1))
        if (static_cast<unsigned char>(text[i + 1]) >= 0xA0)
            return true;
    return false;
}

// From RapidJSON's events to the sink's.
class Handler {
  public:
    using Ch = char;

    Handler(std::string_view body, const BodyStream &stream, Sink &sink) : body_(body), stream_(stream), sink_(&sink) {}

    bool StartObject()
    {
        enter();
        Sink *inner = sink_->start_object(stream_.Tell());
        if (inner != sink_)
            hand_on(inner);
        return true;
    }

    bool EndObject(rapidjson::SizeType)
    {
        if (outer_ != nullptr && depth_ == handed_on_depth_)
            take_back();
        sink_->end_object(stream_.Tell() + 1);
        --depth_;
        return true;
    }

    bool StartArray()
    {
        require_object();
        enter();
        sink_->start_array();
        return true;
    }

    bool EndArray(rapidjson::SizeType)
    {
        sink_->end_array();
        --depth_;
        return true;
    }

    bool Key(const char *text, rapidjson::SizeType length, bool)
    {
        sink_->key(resolve({text, length}));
        return true;
    }

    bool String(const char *text, rapidjson::SizeType length, bool)
    {
        require_object();
        sink_->string(resolve({text, length}));
        return true;
    }

    bool RawNumber(const char *text, rapidjson::SizeType length, bool)
    {
        require_object();
        sink_->number({text, length});
        return true;
    }

    bool Bool(bool value)
    {
        require_object();
        sink_->boolean(value);
        return true;
    }

    bool Null()
    {
        require_object();
        sink_->null();
        return true;
    }

    // Never called: numbers are read as text.
    bool Int(int) { return false; }
    bool Uint(unsigned) { return false; }
    bool Int64(std::int64_t) { return false; }
    bool Uint64(std::uint64_t) { return false; }
    bool Double(double) { return false; }

  private:
    void enter()
    {
        if (++depth_ > (outer_ != nullptr ? kMaxHandedOnDepth : kMaxDepth))
            refuse("JSON nests too deeply");
    }

    void require_object() const
    {
        if (depth_ == 0)
            refuse("a JSON object is expected");
    }

    void hand_on(Sink *inner)
    {
        outer_ = sink_;
        sink_ = inner;
        handed_on_depth_ = depth_;
    }

    void take_back()
    {
        sink_ = outer_;
        outer_ = nullptr;
    }

    // A string without escapes is found in the body itself. If the first `length` bytes there have no backslash, they
    // are the decoded text; and as every escape decodes to something, nothing is left for one after them.
    [[nodiscard]] Text resolve(std::string_view decoded) const
    {
        const std::string_view raw = body_.substr(stream_.Tell() + 1, decoded.size());
        if (raw.empty() || std::memchr(raw.data(), '\\', raw.size()) == nullptr)
            return {raw, true};
        if (has_surrogate(decoded))
            refuse("lone surrogate in a string");
        return {decoded, false};
    }

    std::string_view body_;
    const BodyStream &stream_;
    Sink *sink_;
    Sink *outer_ = nullptr;  // who handed the object on that is being read; null: nobody
    std::size_t depth_ = 0;
    std::size_t handed_on_depth_ = 0;
};

}  // namespace

void read(std::string_view body, Sink &sink)
{
    using Utf8 = rapidjson::UTF8<>;
    constexpr unsigned kFlags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;

    ThrowingAllocator allocator;
    rapidjson::GenericReader<Utf8, Utf8, ThrowingAllocator> reader(&allocator);
    BodyStream stream(body);
    Handler handler(body, stream, sink);
    const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, handler);
    if (result.IsError())
        refuse(std::string(rapidjson::GetParseError_En(result.Code())) + " at byte " + std::to_string(result.Offset()));
    if (stream.Tell() != body.size())  // a zero byte looks like the end
        refuse("zero byte in JSON");
}

void refuse(std::string_view why)
{
    throw base::Error{base::make_status(base::Failure::kCorrupt, "08P01", true,
                                        "response is not what the protocol says", why,
                                        "Check that the server's endpoint is DynamoDB's.")};
}

}  // namespace podyn::json
