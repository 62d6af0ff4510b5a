// See records.h.
#include "streams/records.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "dynamodb/item_parser.h"
#include "dynamodb/key_digest.h"
#include "json/path_sink.h"
#include "json/writer.h"

namespace podyn::streams {

namespace {

using dynamodb::ParsedItem;

// A record as it stands in the response (Streams API reference, Record and StreamRecord).
struct Record {
    std::optional<ChangeKind> kind;
    std::optional<ParsedItem> keys;
    std::optional<ParsedItem> new_image;
    std::string_view sequence_number;
    std::string_view identity_type;
    std::string_view principal;
    std::int64_t created_at_us = 0;
};

ChangeKind to_kind(std::string_view event)
{
    if (event == "INSERT" || event == "MODIFY")
        return ChangeKind::kPut;
    if (event != "REMOVE")
        json::refuse("unknown eventName");
    return ChangeKind::kRemove;
}

std::int64_t to_microseconds(std::string_view path, const json::Scalar &value)
{
    constexpr double kEndOfYear9999 = 253402300800.0;
    const double seconds = json::to_double(path, value);
    if (seconds < 0 || seconds > kEndOfYear9999)
        json::refuse(std::string(path) + " is out of range");
    return std::llround(seconds * 1e6);
}

class RecordSink final : public json::PathSink {
  public:
    RecordSink(dynamodb::Tape &tape, std::string_view body, dynamodb::NulCharacters nul_characters)
        : PathSink(tape.arena), parser_(tape, body), nul_characters_(nul_characters)
    {
    }

    std::vector<Record> records;
    std::string_view next_iterator;
    bool has_records = false;

  protected:
    void on_array(std::string_view path) override
    {
        has_records |= path == "Records";
        if (path == "Records[]")
            json::refuse("record is not an object");
    }

    json::Sink *on_object(std::string_view path, std::size_t offset) override
    {
        if (path == "Records[]")
            records.emplace_back();
        if (path == "Records[].dynamodb.OldImage")
            return &ignore_;
        // Whatever shall become of U+0000, keys are told apart by their originals, and refused later.
        if (path == "Records[].dynamodb.Keys") {
            parser_.begin(offset, dynamodb::NulCharacters::kReplace);
            return &parser_;
        }
        if (path == "Records[].dynamodb.NewImage") {
            parser_.begin(offset, nul_characters_);
            return &parser_;
        }
        return this;
    }

    void on_object_end(std::string_view path, std::size_t end) override
    {
        if (path == "Records[].dynamodb.Keys")
            records.back().keys = parser_.finish(end);
        else if (path == "Records[].dynamodb.NewImage")
            records.back().new_image = parser_.finish(end);
        else if (path == "Records[]")
            check(records.back());
    }

    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (path == "NextShardIterator")
            next_iterator = keep_string(path, value);
        else if (path == "Records[]")
            json::refuse("record is not an object");
        else if (path == "Records[].eventName")
            records.back().kind = to_kind(keep_string(path, value));
        else if (path == "Records[].dynamodb.SequenceNumber")
            records.back().sequence_number = keep_string(path, value);
        else if (path == "Records[].dynamodb.ApproximateCreationDateTime" && !value.is_null())
            records.back().created_at_us = to_microseconds(path, value);
        // Upper case on the wire of Streams, lower case in the developer guide's examples (TTL and streams).
        else if (path == "Records[].userIdentity.Type" || path == "Records[].userIdentity.type")
            records.back().identity_type = keep_string(path, value);
        else if (path == "Records[].userIdentity.PrincipalId" || path == "Records[].userIdentity.principalId")
            records.back().principal = keep_string(path, value);
    }

    // Without it a shard has ended.
    [[nodiscard]] bool needs_scalar(std::string_view path) const override { return path == "NextShardIterator"; }

  private:
    static void check(const Record &record)
    {
        json::require(record.kind.has_value(), "eventName");
        json::require(record.keys.has_value(), "dynamodb.Keys");
        json::require(!record.sequence_number.empty(), "dynamodb.SequenceNumber");
    }

    dynamodb::ItemParser parser_;
    dynamodb::NulCharacters nul_characters_;
    json::Ignore ignore_;
};

bool may_be_key(const dynamodb::Value &value)
{
    return value.type == dynamodb::ValueType::kString || value.type == dynamodb::ValueType::kNumber ||
           value.type == dynamodb::ValueType::kBinary;
}

dynamodb::Problem problem_of_keys(const dynamodb::Item &keys)
{
    if (keys.problem.exists())
        return keys.problem;
    if (keys.values.empty())
        return {"22P02", "stream record carries no key"};
    if (!std::all_of(keys.values.begin(), keys.values.end(), may_be_key))
        return {"22P02", "key attribute of stream record is no string, number or binary"};
    return {"00000", {}};
}

dynamodb::Item image_of(const Record &record, const dynamodb::Item &keys, const dynamodb::Tape &tape)
{
    if (record.kind == ChangeKind::kRemove)
        return keys;
    if (record.new_image)
        return record.new_image->on(tape);
    dynamodb::Item image = keys;
    image.problem = {"55000", "stream record carries no new image"};
    return image;
}

Change to_change(const Record &record, const dynamodb::Tape &tape)
{
    const dynamodb::Item keys = record.keys->on(tape);
    const dynamodb::Problem problem = problem_of_keys(keys);

    Change change{};
    change.kind = *record.kind;
    // Developer guide, DynamoDB Streams and Time to Live.
    change.by_ttl = record.identity_type == "Service" && record.principal == "dynamodb.amazonaws.com";
    change.image = image_of(record, keys, tape);
    change.keys = keys;
    if (problem.exists())
        change.image.problem = change.keys.problem = problem;
    change.sequence_number = record.sequence_number;
    change.created_at_us = record.created_at_us;
    const base::Sha256 digest =
        problem.exists() ? dynamodb::unsound_key_digest(keys.json) : dynamodb::key_digest(keys.values, tape);
    std::copy(digest.begin(), digest.end(), change.key_digest);
    return change;
}

}  // namespace

std::string records_request(std::string_view iterator, std::uint32_t limit)
{
    return json::ObjectWriter().string("ShardIterator", iterator).number("Limit", limit).finish();
}

RecordPage::RecordPage(std::string body, dynamodb::NulCharacters nul_characters) : body_(std::move(body))
{
    RecordSink sink(tape_, body_, nul_characters);
    json::read(body_, sink);
    json::require(sink.has_records, "Records");
    next_iterator_ = sink.next_iterator;
    for (const Record &record : sink.records)
        changes_.push_back(to_change(record, tape_));
    collapsed_ = collapse(changes_);
}

}  // namespace podyn::streams
