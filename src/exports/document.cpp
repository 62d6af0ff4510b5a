// See document.h.
#include "exports/document.h"

#include <algorithm>
#include <utility>

#include "exports/corrupt.h"
#include "json/path_sink.h"
#include "json/reader.h"

namespace podyn::exports {

namespace {

constexpr std::string_view kItemsName = "\"Items\"";
constexpr std::string_view kWhiteSpace = " \t\r\n";

// Members beside "Items" are counters and keys.
constexpr std::size_t kMostMemberBytes = 1024 * 1024;

bool is_sound(std::string_view value)
{
    json::Ignore ignore;
    return base::guarded([&] {
               json::read("{\"value\":" + std::string(value) + "}", ignore);
               return base::Status{};
           })
        .ok();
}

}  // namespace

std::optional<std::size_t> ValueScanner::scan(std::string_view text)
{
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string_) {
            if (escaped_)
                escaped_ = false;
            else if (c == '\\')
                escaped_ = true;
            else if (c == '"') {
                in_string_ = false;
                if (kind_ == Kind::kString)
                    return i + 1;
            }
            continue;
        }
        if (kind_ == Kind::kUnknown)
            kind_ = c == '{' || c == '[' ? Kind::kNested : c == '"' ? Kind::kString : Kind::kOther;
        if (kind_ == Kind::kOther) {
            if (c == ',' || c == '}' || c == ']' || kWhiteSpace.find(c) != std::string_view::npos)
                return i;
        } else if (c == '"') {
            in_string_ = true;
        } else if (c == '{' || c == '[') {
            ++depth_;
        } else if ((c == '}' || c == ']') && --depth_ == 0) {
            return i + 1;
        }
    }
    return std::nullopt;
}

Found Document::next(Piece *piece)
{
    for (;;)
        if (const std::optional<Found> found = step(piece))
            return *found;
}

std::optional<Found> Document::step(Piece *piece)
{
    if (passing_over_)
        return take_item(piece);
    const std::optional<char> next = peek();
    if (!next)
        return wait();
    switch (place_) {
        case Place::kDocument:
            take('{', *next, Place::kFirstName);
            return std::nullopt;
        case Place::kFirstName:
            if (*next != '}')
                return take_name();
            take('}', *next, Place::kDocument);
            return std::nullopt;
        case Place::kName:
            return take_name();
        case Place::kColon:
            take(':', *next, Place::kValue);
            return std::nullopt;
        case Place::kValue:
            if (!at_items_)
                return take_member();
            take('[', *next, Place::kFirstItem);
            return std::nullopt;
        case Place::kAfterMember:
            take_either(*next, ',', Place::kName, '}', Place::kDocument);
            return std::nullopt;
        case Place::kFirstItem:
            if (*next != ']')
                return take_item(piece);
            take(']', *next, Place::kAfterMember);
            return std::nullopt;
        case Place::kItem:
            return take_item(piece);
        case Place::kAfterItem:
            take_either(*next, ',', Place::kItem, ']', Place::kAfterMember);
            return std::nullopt;
    }
    return std::nullopt;
}

// The next character that is no white space.
std::optional<char> Document::peek()
{
    for (;;) {
        const std::string_view text = window_.text();
        const std::size_t blank = std::min(text.find_first_not_of(kWhiteSpace), text.size());
        window_.pass(blank);
        if (blank < text.size())
            return text[blank];
        if (!window_.read_more())
            return std::nullopt;
    }
}

// When there is no more text, for now or for good.
std::optional<Found> Document::wait() const
{
    if (!window_.complete())
        return Found::kNothingYet;
    if (place_ != Place::kDocument)
        refuse("is cut off");
    return Found::kEnd;
}

void Document::take(char expected, char found, Place next)
{
    if (found != expected)
        refuse(std::string("has something else where ") + expected + " is expected");
    window_.pass(1);
    place_ = next;
}

void Document::take_either(char found, char first, Place after_first, char second, Place after_second)
{
    if (found == first)
        take(first, found, after_first);
    else
        take(second, found, after_second);
}

std::optional<Found> Document::take_name()
{
    if (window_.text().front() != '"')
        refuse("has something else where a member's name is expected");
    const std::optional<std::size_t> size = find_value_end(kMostMemberBytes);
    if (!size)
        return wait();
    const std::string_view name = window_.text().substr(0, *size);
    at_items_ = name == kItemsName;
    if (!is_sound(name))
        refuse("has a member whose name is not sound JSON");
    pass_value(*size, Place::kColon);
    return std::nullopt;
}

std::optional<Found> Document::take_member()
{
    const std::optional<std::size_t> size = find_value_end(kMostMemberBytes);
    if (!size)
        return wait();
    if (!is_sound(window_.text().substr(0, *size)))
        refuse("has a member that is not sound JSON");
    pass_value(*size, Place::kAfterMember);
    return std::nullopt;
}

std::optional<Found> Document::take_item(Piece *piece)
{
    if (!passing_over_ && window_.text().front() != '{')
        refuse("has something else where an item is expected");
    place_ = Place::kItem;
    const std::optional<std::size_t> size = find_value_end(kMostPieceBytes);
    if (!size)
        return wait();
    const bool too_long = std::exchange(passing_over_, false);
    *piece = {too_long ? std::string_view(kept_) : window_.text().substr(0, *size), ++items_, too_long};
    pass_value(*size, Place::kAfterItem);
    return Found::kPiece;
}

// How much of the window's text the value takes that it begins with, or is in the middle of. Nothing: there is not
// enough text.
std::optional<std::size_t> Document::find_value_end(std::size_t most_bytes)
{
    for (;;) {
        const std::optional<std::size_t> end = scanner_.scan(window_.text().substr(scanned_));
        const std::size_t size = end ? scanned_ + *end : window_.text().size();
        if (size > most_bytes && !passing_over_)
            begin_to_pass_over();
        if (end)
            return size;
        scanned_ = size;
        if (passing_over_)
            drop_text();
        if (!window_.read_more())
            return std::nullopt;
    }
}

void Document::begin_to_pass_over()
{
    if (place_ != Place::kItem)
        refuse("has a member of more than a megabyte beside \"Items\"");
    kept_ = window_.text().substr(0, kKeptBytes);
    passing_over_ = true;
}

void Document::drop_text()
{
    window_.pass(window_.text().size());
    scanned_ = 0;
}

void Document::pass_value(std::size_t size, Place next)
{
    window_.pass(size);
    scanner_ = {};
    scanned_ = 0;
    place_ = next;
}

void Document::refuse(std::string_view what) const
{
    throw corrupt_file("file is not a sound JSON document",
                       "The document " + std::string(what) + ", behind item " + std::to_string(items_) + ".");
}

Beginning look_at_beginning(std::string_view text)
{
    const auto pass_blank = [&] { text.remove_prefix(std::min(text.find_first_not_of(kWhiteSpace), text.size())); };
    const auto pass_value = [&] {
        const std::optional<std::size_t> end = ValueScanner().scan(text);
        const std::string_view value = text.substr(0, end.value_or(0));
        text.remove_prefix(end.value_or(text.size()));
        return value;
    };
    pass_blank();
    for (char expected = '{';; expected = ',') {  // before a member
        if (text.empty())
            return Beginning::kUndecided;
        if (text.front() != expected)
            return Beginning::kOther;
        text.remove_prefix(1);
        pass_blank();
        if (!text.empty() && text.front() != '"')
            return Beginning::kOther;
        const std::string_view name = pass_value();
        pass_blank();
        if (!text.empty() && text.front() != ':')
            return Beginning::kOther;
        text.remove_prefix(std::min<std::size_t>(1, text.size()));
        pass_blank();
        if (name == kItemsName && text.starts_with('['))
            return Beginning::kDocument;
        pass_value();
        pass_blank();
    }
}

}  // namespace podyn::exports
