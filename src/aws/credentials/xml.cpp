// See xml.h.
#include "aws/credentials/xml.h"

#include <utility>

namespace podyn::aws {

namespace {

constexpr std::pair<std::string_view, char> kEntities[] = {
    {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&#39;", '\''}, {"&#34;", '"'},
};

std::string resolved(std::string_view text)
{
    std::string result;
    while (!text.empty()) {
        std::size_t taken = 1;
        char c = text[0];
        for (const auto &[entity, character] : kEntities)
            if (text.starts_with(entity))
                c = character, taken = entity.size();
        result += c;
        text.remove_prefix(taken);
    }
    return result;
}

}  // namespace

std::string xml_text(std::string_view document, std::string_view element)
{
    const std::string opening = "<" + std::string(element) + ">";
    const std::size_t begin = document.find(opening);
    if (begin == std::string_view::npos)
        return {};
    std::string_view text = document.substr(begin + opening.size());
    const std::size_t end = text.find('<');
    if (end == std::string_view::npos || !text.substr(end).starts_with("</" + std::string(element) + ">"))
        return {};
    text = text.substr(0, end);
    constexpr std::string_view kSpace = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kSpace);
    return first == std::string_view::npos ? std::string()
                                           : resolved(text.substr(first, text.find_last_not_of(kSpace) + 1 - first));
}

}  // namespace podyn::aws
