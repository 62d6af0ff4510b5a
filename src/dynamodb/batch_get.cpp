// See batch_get.h.
#include "dynamodb/batch_get.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "dynamodb/item_key.h"
#include "dynamodb/item_parser.h"
#include "dynamodb/key_digest.h"
#include "dynamodb/reads.h"
#include "json/path_sink.h"

namespace podyn::dynamodb {

namespace {

// The answer to a request for one table: its name is that of the only member of Responses and UnprocessedKeys.
bool is_item(std::string_view path)
{
    return path.starts_with("Responses.") && path.ends_with("[]");
}

bool is_unprocessed_key(std::string_view path)
{
    return path.starts_with("UnprocessedKeys.") && path.ends_with(".Keys[]");
}

class BatchGetSink final : public json::PathSink {
  public:
    BatchGetSink(Tape &tape, std::string_view body, NulCharacters nul_characters)
        : PathSink(tape.arena), body_(body), parser_(tape, body), nul_characters_(nul_characters)
    {
    }

    std::vector<ParsedItem> items;
    std::vector<std::string_view> unprocessed;
    double read_units = 0;
    bool has_responses = false;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (path == "ConsumedCapacity[].CapacityUnits" && !value.is_null())
            read_units += json::to_double(path, value);
        else if (is_item(path) || is_unprocessed_key(path))
            refuse_element(path);
    }

    json::Sink *on_object(std::string_view path, std::size_t offset) override
    {
        has_responses |= path == "Responses";
        if (is_item(path)) {
            parser_.begin(offset, nul_characters_);
            return &parser_;
        }
        if (is_unprocessed_key(path)) {
            key_offset_ = offset;
            return &ignore_;
        }
        return this;
    }

    void on_object_end(std::string_view path, std::size_t end) override
    {
        if (is_item(path))
            items.push_back(parser_.finish(end));
        else if (is_unprocessed_key(path))
            unprocessed.push_back(body_.substr(key_offset_, end - key_offset_));
    }

    void on_array(std::string_view path) override
    {
        if (is_item(path) || is_unprocessed_key(path))
            refuse_element(path);
    }

  private:
    // Passed over, it would count as an item that does not exist.
    [[noreturn]] static void refuse_element(std::string_view path)
    {
        json::refuse(std::string(path) + " is not an object");
    }

    std::string_view body_;
    ItemParser parser_;
    NulCharacters nul_characters_;
    json::Ignore ignore_;
    std::size_t key_offset_ = 0;
};

}  // namespace

std::string batch_get_request(std::string_view table, std::span<const std::string_view> keys)
{
    ReadOptions options{};
    options.table = table;
    options.consistent = true;
    return batch_get_request(options, keys);
}

CurrentItemPage::CurrentItemPage(std::string body, NulCharacters nul_characters,
                                 std::span<const std::string_view> key_attributes)
    : body_(std::move(body))
{
    BatchGetSink sink(tape_, body_, nul_characters);
    json::read(body_, sink);
    json::require(sink.has_responses, "Responses");
    std::vector<ParsedItem> keys;
    for (const ParsedItem &item : sink.items)
        keys.push_back(item.problem.exists() ? parse_key(item.json, key_attributes, tape_) : item);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        CurrentItem &current = items_.emplace_back();
        current.item = sink.items[i].on(tape_);
        const base::Sha256 digest = key_digest(key_values(keys[i].on(tape_), key_attributes), tape_);
        std::copy(digest.begin(), digest.end(), current.key_digest);
    }
    unprocessed_ = std::move(sink.unprocessed);
    read_units_ = sink.read_units;
}

}  // namespace podyn::dynamodb
