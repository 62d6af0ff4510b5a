// See item_parser.h.
#include "dynamodb/item_parser.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/guard.h"
#include "dynamodb/decimal.h"

namespace podyn::dynamodb {

namespace {

constexpr std::string_view kNulReplacement = "\xE2\x90\x80";  // U+2400, symbol for null

constexpr std::string_view kInvalidText = "22P02";
constexpr std::string_view kUntranslatable = "22P05";
constexpr std::string_view kOutOfRange = "22003";
constexpr std::string_view kTooComplex = "54001";

constexpr std::array<std::string_view, 10> kLetters = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"};

std::string_view letters_of(ValueType type)
{
    return kLetters[static_cast<std::size_t>(type)];
}

std::optional<ValueType> type_of(std::string_view letters)
{
    const auto found = std::find(kLetters.begin(), kLetters.end(), letters);
    if (found == kLetters.end())
        return std::nullopt;
    return static_cast<ValueType>(found - kLetters.begin());
}

// A name or text as a message shows it: quoted, and cut where it is long.
std::string quoted(std::string_view text)
{
    constexpr std::size_t kMostBytes = 128;
    char shown[kMostBytes];
    base::copy_text(shown, sizeof shown, text);
    return '"' + std::string(shown) + (text.size() < kMostBytes ? "\"" : "…\"");
}

}  // namespace

void ItemParser::begin(std::size_t offset, NulCharacters nul_characters)
{
    item_ = {};
    nul_characters_ = nul_characters;
    item_.first = tape_.values.size();
    offset_ = offset;
    open_ = 0;
    attribute_ = {};
    push(Place::kMap, ValueType::kMap, item_.first);
}

ParsedItem ItemParser::finish(std::size_t end)
{
    if (item_.problem.exists())
        tape_.values.resize(item_.first);
    item_.count = tape_.values.size() - item_.first;
    item_.json = body_.substr(offset_, end - offset_);
    return item_;
}

ParsedItem ItemParser::give_up(std::string_view why)
{
    item_.problem = {};
    offset_ = 0;
    set_problem(kInvalidText, "item is not sound JSON: " + std::string(why));
    return finish(body_.size());
}

json::Sink *ItemParser::start_object(std::size_t)
{
    if (item_.problem.exists())
        return this;
    switch (top().place) {
        case Place::kMap:
        case Place::kList:
            open_wrapper();
            break;
        case Place::kWrapper:
            if (expects(Place::kWrapper, ValueType::kMap))
                open_container(Place::kMap, ValueType::kMap, ValueType::kMap);
            else
                fail_wrong_content("an object");
            break;
        case Place::kSet:
            fail_wrong_content("an object");
            break;
    }
    return this;
}

void ItemParser::end_object(std::size_t)
{
    if (item_.problem.exists())
        return;
    if (top().place == Place::kMap)
        close_container();
    else if (top().has_type)
        --open_;
    else
        fail(kInvalidText, "has no type");
}

void ItemParser::start_array()
{
    if (item_.problem.exists())
        return;
    if (expects(Place::kWrapper, ValueType::kList))
        open_container(Place::kList, ValueType::kList, ValueType::kList);
    else if (expects(Place::kWrapper, ValueType::kStringSet))
        open_container(Place::kSet, ValueType::kStringSet, ValueType::kString);
    else if (expects(Place::kWrapper, ValueType::kNumberSet))
        open_container(Place::kSet, ValueType::kNumberSet, ValueType::kNumber);
    else if (expects(Place::kWrapper, ValueType::kBinarySet))
        open_container(Place::kSet, ValueType::kBinarySet, ValueType::kBinary);
    else
        fail_wrong_content("an array");
}

void ItemParser::end_array()
{
    if (!item_.problem.exists())
        close_container();
}

void ItemParser::key(json::Text name)
{
    if (item_.problem.exists())
        return;
    if (top().place == Place::kWrapper)
        set_type(name.text);
    else
        set_name(name);
}

void ItemParser::string(json::Text value)
{
    if (item_.problem.exists())
        return;
    const Frame &frame = top();
    const bool takes_text = frame.place == Place::kSet || expects(Place::kWrapper, ValueType::kString) ||
                            expects(Place::kWrapper, ValueType::kNumber) ||
                            expects(Place::kWrapper, ValueType::kBinary);
    if (takes_text)
        append_scalar(frame.type, value);
    else
        fail_wrong_content("a string");
}

void ItemParser::number(std::string_view)
{
    if (!item_.problem.exists())
        fail_wrong_content("a number");
}

void ItemParser::boolean(bool value)
{
    if (item_.problem.exists())
        return;
    if (expects(Place::kWrapper, ValueType::kBool))
        append(ValueType::kBool).boolean = value;
    else if (expects(Place::kWrapper, ValueType::kNull) && value)
        append(ValueType::kNull);
    else
        fail_wrong_content(value ? "true" : "false");
}

void ItemParser::null()
{
    if (!item_.problem.exists())
        fail_wrong_content("null");
}

bool ItemParser::expects(Place place, ValueType type)
{
    return top().place == place && top().type == type;
}

void ItemParser::push(Place place, ValueType type, std::size_t value)
{
    frames_[open_++] = {place, type, false, false, value};
}

void ItemParser::open_wrapper()
{
    if (open_ > 2 * kMaxNesting - 1)
        return fail(kTooComplex, "lies more than " + std::to_string(kMaxNesting) + " levels deep");
    push(Place::kWrapper, ValueType::kNull, 0);
}

void ItemParser::open_container(Place place, ValueType type, ValueType member_type)
{
    const std::size_t value = tape_.values.size();
    append(type);
    push(place, member_type, value);
}

void ItemParser::close_container()
{
    if (top().nul_in_names)
        check_names();
    if (item_.problem.exists())
        return;
    const std::size_t value = top().value;
    tape_.values[value].span = static_cast<std::uint32_t>(tape_.values.size() - value);
    --open_;
}

void ItemParser::set_type(std::string_view letters)
{
    if (top().has_type)
        return fail(kInvalidText, "has more than one type");
    const std::optional<ValueType> type = type_of(letters);
    if (!type)
        return fail(kInvalidText, "is of unknown type " + quoted(replace_nul(letters)));
    top().type = *type;
    top().has_type = true;
}

void ItemParser::set_name(json::Text name)
{
    name_ = keep(name);
    const bool had_nul = name_.size() != name.text.size();
    if (open_ == 1) {
        attribute_ = name_;
        if (had_nul)
            set_problem(kUntranslatable,
                        "the name of attribute " + quoted(replace_nul(name.text)) + " contains U+0000");
    } else if (had_nul && nul_characters_ == NulCharacters::kReject) {
        set_problem(kUntranslatable, "a name inside attribute " + quoted(attribute_) + " contains U+0000");
    } else if (had_nul) {
        top().nul_in_names = true;
    }
}

Value &ItemParser::append(ValueType type)
{
    const Frame &parent = top().place == Place::kSet ? top() : frames_[open_ - 2];
    if (&parent != &frames_.front())
        ++tape_.values[parent.value].children;
    Value &value = tape_.values.emplace_back();
    value.name = std::exchange(name_, {});
    value.span = 1;
    value.type = type;
    return value;
}

void ItemParser::append_scalar(ValueType type, json::Text content)
{
    if (type == ValueType::kString)
        append_string(content);
    else if (type == ValueType::kNumber)
        append_number(content);
    else
        append_binary(content);
}

void ItemParser::append_string(json::Text content)
{
    Value &value = append(ValueType::kString);
    value.text = keep(content);
    value.had_nul = value.text.size() != content.text.size();
    if (value.had_nul && nul_characters_ == NulCharacters::kReject)
        fail(kUntranslatable, "contains U+0000");
    else if (value.had_nul)
        tape_.originals.emplace(value.text.data(), tape_.arena.copy(content.text));
}

void ItemParser::append_number(json::Text content)
{
    const std::optional<Decimal> decimal = parse_decimal(content.text);
    if (!decimal)
        return fail(kInvalidText, "is not a number: " + quoted(replace_nul(content.text)));
    if (!fits_numeric(*decimal))
        return fail(kOutOfRange, "is out of numeric's range: " + quoted(content.text));
    append(ValueType::kNumber).text = keep(content);
}

void ItemParser::append_binary(json::Text content)
{
    if (!base::is_base64(content.text))
        return fail(kInvalidText, "is not base64: " + quoted(replace_nul(content.text)));
    if (is_nested() || top().place == Place::kSet) {
        append(ValueType::kBinary).text = keep(content);
        return;
    }
    const std::size_t size = base::decoded_size(content.text);
    char *bytes = tape_.arena.allocate(size);
    base::decode_base64(content.text, bytes);
    append(ValueType::kBinary).text = {bytes, size};
}

std::string_view ItemParser::keep(json::Text text)
{
    if (text.in_body)
        return text.text;
    const std::string_view copy = tape_.arena.copy(text.text);
    return nul_characters_ == NulCharacters::kStrip ? strip_nul(copy) : replace_nul(copy);
}

// U+0000 can only come from an escape.
std::string_view ItemParser::replace_nul(std::string_view text)
{
    const auto count = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\0'));
    if (count == 0)
        return text;
    const std::size_t size = text.size() + count * (kNulReplacement.size() - 1);
    char *replaced = tape_.arena.allocate(size);
    char *next = replaced;
    for (const char character : text) {
        if (character == '\0')
            next = std::copy(kNulReplacement.begin(), kNulReplacement.end(), next);
        else
            *next++ = character;
    }
    return {replaced, size};
}

// Even what becomes empty keeps an address of its own, by which its original is found.
std::string_view ItemParser::strip_nul(std::string_view text)
{
    if (text.find('\0') == std::string_view::npos)
        return text;
    char *stripped = tape_.arena.allocate(text.size());
    const char *end = std::remove_copy(text.begin(), text.end(), stripped, '\0');
    return {stripped, static_cast<std::size_t>(end - stripped)};
}

// Two names of the map that ends may have become one.
void ItemParser::check_names()
{
    const std::size_t map = top().value;
    std::vector<std::string_view> names;
    for (std::size_t i = map + 1; i < tape_.values.size(); i += tape_.values[i].span)
        names.push_back(tape_.values[i].name);
    std::sort(names.begin(), names.end());
    const auto twin = std::adjacent_find(names.begin(), names.end());
    if (twin != names.end())
        set_problem(kUntranslatable,
                    "attribute " + quoted(attribute_) + " holds a map with names that are equal once U+0000 is " +
                        (nul_characters_ == NulCharacters::kStrip ? "stripped: " : "replaced: ") + quoted(*twin));
}

// Whether what is being read lies inside a map or list of a top-level attribute.
bool ItemParser::is_nested() const
{
    return open_ > 3 || (open_ == 3 && frames_[2].place != Place::kSet);
}

void ItemParser::fail(std::string_view sqlstate, std::string_view what)
{
    const std::string where = (is_nested() ? "a value inside attribute " : "attribute ") + quoted(attribute_);
    set_problem(sqlstate, where + ' ' + std::string(what));
}

void ItemParser::fail_wrong_content(std::string_view found)
{
    const Frame &frame = top();
    const std::string content(found);
    if (frame.place == Place::kWrapper)
        fail(kInvalidText, "has " + content + " for type " + std::string(letters_of(frame.type)));
    else if (frame.place == Place::kSet)
        fail(kInvalidText, "has " + content + " in its " + std::string(letters_of(frame.type)) + "S");
    else
        fail(kInvalidText, "is " + content + " without a type");
}

void ItemParser::set_problem(std::string_view sqlstate, std::string_view message)
{
    base::copy_text(item_.problem.sqlstate, sizeof item_.problem.sqlstate, sqlstate);
    item_.problem.message = tape_.arena.copy(message);
}

}  // namespace podyn::dynamodb
