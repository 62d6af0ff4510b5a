// See records.h.
#include "exports/records.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>

#include "base/guard.h"
#include "dynamodb/item_parser.h"
#include "dynamodb/item_scanner.h"
#include "exports/shown_text.h"

namespace podyn::exports {

namespace {

using dynamodb::ParsedItem;

constexpr const char *kInvalidText = "22P02";
constexpr const char *kTooLong = "54000";

// The members of records that hold items.
enum class Member : std::uint8_t { kItem, kKeys, kNewImage, kOther };

struct MemberName {
    std::string_view name;
    Member member;
};

constexpr MemberName kItemMembers[] = {{"Item", Member::kItem}};
constexpr MemberName kChangeMembers[] = {{"Keys", Member::kKeys}, {"NewImage", Member::kNewImage}};

// Takes a record's members, and hands those that are items on to the parser of items.
class RecordSink final : public json::Sink {
  public:
    RecordSink(RecordParser::Form form, dynamodb::Tape &tape, std::string_view text,
               dynamodb::NulCharacters nul_characters)
        : form_(form), nul_characters_(nul_characters), parser_(tape, text)
    {
    }

    [[nodiscard]] const std::optional<ParsedItem> &item(Member member) const { return items_[index(member)]; }
    // A member that should be an item is something else.
    [[nodiscard]] bool is_wrong(Member member) const { return wrong_[index(member)]; }
    [[nodiscard]] std::size_t members() const { return members_; }

    json::Sink *start_object(std::size_t offset) override
    {
        if (form_ == RecordParser::Form::kItem && depth_ == 0)
            member_ = Member::kItem;
        if (member_ == Member::kOther) {
            ++depth_;
            return this;
        }
        // Whatever shall become of U+0000, keys are told apart by their originals, and refused later.
        const bool keys = member_ == Member::kKeys;
        parser_.begin(offset, keys ? dynamodb::NulCharacters::kReplace : nul_characters_);
        return &parser_;
    }

    void end_object(std::size_t end) override
    {
        if (member_ == Member::kOther)
            --depth_;
        else
            items_[index(member_)] = parser_.finish(end);
        member_ = Member::kOther;
    }

    void start_array() override
    {
        set_wrong();
        ++depth_;
    }

    void end_array() override { --depth_; }

    void key(json::Text name) override
    {
        if (depth_ != 1)
            return;
        ++members_;
        member_ = member_of(name.text);
    }

    void string(json::Text) override { set_wrong(); }
    void number(std::string_view) override { set_wrong(); }
    void boolean(bool) override { set_wrong(); }
    void null() override { member_ = Member::kOther; }  // counts as absent

  private:
    static constexpr std::size_t index(Member member) { return static_cast<std::size_t>(member); }

    [[nodiscard]] Member member_of(std::string_view name) const
    {
        const std::span<const MemberName> known = form_ == RecordParser::Form::kChange
                                                      ? std::span<const MemberName>(kChangeMembers)
                                                      : std::span<const MemberName>(kItemMembers);
        for (const MemberName &candidate : known)
            if (candidate.name == name)
                return candidate.member;
        return Member::kOther;
    }

    void set_wrong()
    {
        wrong_[index(member_)] = true;
        member_ = Member::kOther;
    }

    RecordParser::Form form_;
    dynamodb::NulCharacters nul_characters_;
    dynamodb::ItemParser parser_;
    std::size_t depth_ = 0;
    std::size_t members_ = 0;
    Member member_ = Member::kOther;  // whose value is being read
    std::array<std::optional<ParsedItem>, 4> items_;
    std::array<bool, 4> wrong_{};
};

ParsedItem unsound(const char *sqlstate, const std::string &message, std::string_view text, dynamodb::Tape &tape)
{
    ParsedItem item;
    item.first = tape.values.size();
    item.json = tape.arena.copy(shown_text(text, kKeptBytes));
    base::copy_text(item.problem.sqlstate, sizeof item.problem.sqlstate, sqlstate);
    item.problem.message = tape.arena.copy(message);
    return item;
}

std::string_view name_of(Member member)
{
    return member == Member::kItem ? "Item" : member == Member::kKeys ? "Keys" : "NewImage";
}

bool may_be_key(const dynamodb::Value &value)
{
    return value.type == dynamodb::ValueType::kString || value.type == dynamodb::ValueType::kNumber ||
           value.type == dynamodb::ValueType::kBinary;
}

// What is wrong with the record around the items; empty if nothing is.
std::string problem_of(const RecordSink &sink, std::span<const Member> needed)
{
    for (const Member member : {Member::kItem, Member::kKeys, Member::kNewImage})
        if (sink.is_wrong(member))
            return "line is no record of an export: its \"" + std::string(name_of(member)) + "\" is not an object";
    for (const Member member : needed)
        if (!sink.item(member))
            return "line is no record of an export: it has no \"" + std::string(name_of(member)) + "\"";
    return {};
}

std::string problem_of_keys(const ParsedItem &keys, const dynamodb::Tape &tape)
{
    const std::span<const dynamodb::Value> values = keys.on(tape).values;
    if (keys.problem.exists())
        return "in the record's \"Keys\", " + std::string(keys.problem.message);
    if (values.empty())
        return "the record's \"Keys\" are empty";
    if (!std::all_of(values.begin(), values.end(), may_be_key))
        return "a key attribute of the record is no string, number or binary";
    return {};
}

Record record_of(const RecordSink &sink, RecordParser::Form form, std::string_view text, dynamodb::Tape &tape)
{
    constexpr Member kItem[] = {Member::kItem};
    constexpr Member kKeys[] = {Member::kKeys};
    const bool change = form == RecordParser::Form::kChange;
    std::string problem = problem_of(sink, change ? std::span(kKeys) : std::span(kItem));
    if (problem.empty() && change)
        problem = problem_of_keys(*sink.item(Member::kKeys), tape);
    if (!problem.empty())
        return {unsound(kInvalidText, problem, text, tape), {}, false};
    if (!change)
        return {*sink.item(Member::kItem), {}, false};
    const ParsedItem &keys = *sink.item(Member::kKeys);
    const std::optional<ParsedItem> &image = sink.item(Member::kNewImage);
    return {image.value_or(keys), keys, !image};
}

// A line as one of the forms understands it.
struct Reading {
    Record record;
    bool only_item = false;  // it has one member, "Item", that is an object
};

Reading read_as(RecordParser::Form form, std::string_view text, dynamodb::Tape &tape,
                dynamodb::NulCharacters nul_characters)
{
    RecordSink sink(form, tape, text, nul_characters);
    try {
        json::read(text, sink);
    } catch (const base::Error &error) {
        const std::string problem = std::string("no sound JSON: ") + error.status.detail;
        return {{unsound(kInvalidText, problem, text, tape), {}, false, true}};
    }
    return {record_of(sink, form, text, tape), sink.members() == 1 && sink.item(Member::kItem)};
}

// A line that is nothing but an item, or {"Item": and one, all of it as DynamoDB writes it.
std::optional<Record> scan(RecordParser::Form form, std::string_view text, dynamodb::Tape &tape)
{
    constexpr std::string_view kBegin = R"({"Item":)";
    const bool in_member = form == RecordParser::Form::kItemInMember;
    if (form == RecordParser::Form::kChange || (in_member && !text.starts_with(kBegin)) ||
        !text.substr(in_member ? kBegin.size() : 0).starts_with('{'))
        return std::nullopt;
    const std::size_t values = tape.values.size();
    std::string_view rest;
    const std::optional<ParsedItem> item = dynamodb::scan_item(text.substr(in_member ? kBegin.size() : 0), tape, &rest);
    if (item && rest == (in_member ? "}" : ""))
        return Record{*item, {}, false};
    tape.values.resize(values);
    return std::nullopt;
}

// Every item has at least its key.
bool is_item(const Record &record)
{
    return !record.item.problem.exists() && record.item.count > 0;
}

}  // namespace

Record RecordParser::parse(std::string_view text, dynamodb::Tape &tape)
{
    if (form_ == Form::kUnknown)
        return parse_first(text, tape);
    if (const std::optional<Record> record = scan(form_, text, tape))
        return *record;
    return read_as(form_, text, tape, nul_characters_).record;
}

void RecordParser::pass_over(std::string_view text)
{
    if (form_ != Form::kUnknown)
        return;
    dynamodb::Tape tape;
    (void)parse_first(text, tape);
}

// {"Item": {"S": "x"}} is an item, {"Item": {"a": {"S": "x"}}} an export's record: no line is sound both ways.
Record RecordParser::parse_first(std::string_view text, dynamodb::Tape &tape)
{
    const Reading in_member = read_as(Form::kItemInMember, text, tape, nul_characters_);
    if (in_member.only_item && is_item(in_member.record)) {
        form_ = Form::kItemInMember;
        return in_member.record;
    }
    const Reading whole = read_as(Form::kItem, text, tape, nul_characters_);
    if (is_item(whole.record))
        form_ = Form::kItem;
    return form_ == Form::kUnknown && in_member.only_item ? in_member.record : whole.record;
}

Record too_long_record(std::string_view beginning, dynamodb::Tape &tape)
{
    const std::string limit = std::to_string(kMostPieceBytes / 1024 / 1024);
    return {unsound(kTooLong, "line or item is longer than " + limit + " MB", beginning, tape), {}, false};
}

}  // namespace podyn::exports
