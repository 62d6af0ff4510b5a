// See scan.h.
#include "dynamodb/scan.h"

#include <cstddef>
#include <utility>

#include "base/guard.h"
#include "dynamodb/item_parser.h"
#include "json/path_sink.h"
#include "json/writer.h"

namespace podyn::dynamodb {

namespace {

// Short values take some 30 bytes of JSON. Room that is never touched costs nothing, moving the tape does.
constexpr std::size_t kBytesPerValue = 16;

class ScanSink final : public json::PathSink {
  public:
    ScanSink(Tape &tape, std::string_view body, NulCharacters nul_characters)
        : PathSink(tape.arena), body_(body), parser_(tape, body), nul_characters_(nul_characters)
    {
    }

    std::vector<ParsedItem> items;
    double read_units = 0;
    std::string_view last_key;
    bool has_items = false;
    bool has_count = false;
    std::int64_t count = 0;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (path == "ConsumedCapacity.CapacityUnits" && !value.is_null())
            read_units = json::to_double(path, value);
        else if (path == "Count" && !value.is_null())
            take_count(path, value);
        else if (path == "Items[]" || ((path == "LastEvaluatedKey" || path == "Item") && !value.is_null()))
            json::refuse(std::string(path) + " is not an object");
    }

    void on_array(std::string_view path) override
    {
        if (path == "Items")
            has_items = true;
        else if (path == "Items[]" || path == "LastEvaluatedKey" || path == "Item")
            json::refuse(std::string(path) + " is not an object");
    }

    json::Sink *on_object(std::string_view path, std::size_t offset) override
    {
        if (path == "Items[]" || path == "Item") {
            parser_.begin(offset, nul_characters_);
            return &parser_;
        }
        if (path == "LastEvaluatedKey") {
            key_offset_ = offset;
            return &ignore_;
        }
        return this;
    }

    void on_object_end(std::string_view path, std::size_t end) override
    {
        if (path == "Items[]" || path == "Item")
            items.push_back(parser_.finish(end));
        else if (path == "LastEvaluatedKey")
            take_last_key(body_.substr(key_offset_, end - key_offset_));
    }

  private:
    void take_count(std::string_view path, const json::Scalar &value)
    {
        count = json::to_count(path, value);
        has_count = true;
    }

    // "If LastEvaluatedKey is empty, then the last page of results has been processed" (API reference, Scan).
    void take_last_key(std::string_view json)
    {
        if (json.find('"') != std::string_view::npos)
            last_key = json;
    }

    std::string_view body_;
    ItemParser parser_;
    NulCharacters nul_characters_;
    json::Ignore ignore_;
    std::size_t key_offset_ = 0;
};

// A document that is one item.
class DocumentSink final : public json::PathSink {
  public:
    DocumentSink(Tape &tape, std::string_view document, NulCharacters nul_characters)
        : PathSink(tape.arena), parser_(tape, document), nul_characters_(nul_characters)
    {
        parser_.begin(0, nul_characters);
    }

    [[nodiscard]] ParsedItem read(std::string_view document)
    {
        try {
            json::read(document, *this);
            return item_;
        } catch (const base::Error &error) {
            return parser_.give_up(error.status.detail);
        }
    }

  protected:
    json::Sink *on_object(std::string_view, std::size_t offset) override
    {
        parser_.begin(offset, nul_characters_);
        return &parser_;
    }

    void on_object_end(std::string_view, std::size_t end) override { item_ = parser_.finish(end); }

  private:
    ItemParser parser_;
    NulCharacters nul_characters_;
    ParsedItem item_;
};

std::vector<dynamodb::Item> finished(const std::vector<ParsedItem> &parsed, const Tape &tape)
{
    std::vector<dynamodb::Item> items;
    items.reserve(parsed.size());
    for (const ParsedItem &item : parsed)
        items.push_back(item.on(tape));
    return items;
}

std::size_t total_size(std::span<const std::string_view> documents)
{
    std::size_t size = 0;
    for (const std::string_view document : documents)
        size += document.size();
    return size;
}

}  // namespace

std::string scan_request(const dynamodb::ScanRequest &request)
{
    json::ObjectWriter writer;
    writer.string("TableName", request.table);
    if (request.total_segments > 1)
        writer.number("Segment", request.segment).number("TotalSegments", request.total_segments);
    if (request.limit > 0)
        writer.number("Limit", request.limit);
    writer.boolean("ConsistentRead", request.consistent);
    if (!request.exclusive_start_key.empty())
        writer.raw("ExclusiveStartKey", request.exclusive_start_key);
    writer.string("ReturnConsumedCapacity", "TOTAL");
    return writer.finish();
}

ItemPage::ItemPage(std::string body, NulCharacters nul_characters, Answer answer) : body_(std::move(body))
{
    tape_.values.reserve(body_.size() / kBytesPerValue);
    ScanSink sink(tape_, body_, nul_characters);
    json::read(body_, sink);
    json::require(sink.has_items || answer != Answer::kItems, "Items");
    json::require(sink.has_count || answer != Answer::kCount, "Count");
    items_ = finished(sink.items, tape_);
    read_units_ = sink.read_units;
    last_key_ = sink.last_key;
    count_ = sink.count;
}

ItemPage::ItemPage(std::span<const std::string_view> documents, NulCharacters nul_characters)
{
    body_.reserve(total_size(documents));
    std::vector<ParsedItem> parsed;
    for (const std::string_view document : documents) {
        const std::size_t begin = body_.size();
        body_ += document;
        const std::string_view kept = std::string_view(body_).substr(begin);
        parsed.push_back(DocumentSink(tape_, kept, nul_characters).read(kept));
    }
    items_ = finished(parsed, tape_);
}

std::string_view guess_last_key(std::string_view body) noexcept
{
    constexpr std::string_view kMember = "\"LastEvaluatedKey\":";
    const std::size_t member = body.rfind(kMember);
    if (member == std::string_view::npos)
        return {};
    std::string_view key = body;
    key.remove_prefix(member + kMember.size());
    if (key.empty() || key.front() != '{')
        return {};
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < key.size(); ++i) {
        const char c = key[i];
        if (in_string && c == '\\')
            ++i;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && c == '{')
            ++depth;
        else if (!in_string && c == '}' && --depth == 0)
            return key.substr(0, i + 1);
    }
    return {};
}

}  // namespace podyn::dynamodb
