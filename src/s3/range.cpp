// See range.h.
#include "s3/range.h"

#include <charconv>

namespace podyn::s3 {

namespace {

// Takes a number and what has to follow it off the front of `text`.
bool take_number(std::string_view *text, std::string_view follows, std::uint64_t *number)
{
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
    if (error != std::errc())
        return false;
    text->remove_prefix(static_cast<std::size_t>(end - text->data()));
    if (!text->starts_with(follows))
        return false;
    text->remove_prefix(follows.size());
    return true;
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view header)
{
    constexpr std::string_view kUnit = "bytes ";
    if (!header.starts_with(kUnit))
        return std::nullopt;
    header.remove_prefix(kUnit.size());
    ContentRange range{};
    if (!take_number(&header, "-", &range.first) || !take_number(&header, "/", &range.last) ||
        !take_number(&header, "", &range.object_size) || !header.empty())
        return std::nullopt;
    if (range.first > range.last || range.last >= range.object_size)
        return std::nullopt;
    return range;
}

}  // namespace podyn::s3
