// See reader.h. Numbers in brackets: sections of XML 1.0, fifth edition.
#include "xml/reader.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/guard.h"
#include "base/utf8.h"

namespace podyn::xml {

namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

constexpr std::pair<std::string_view, char> kEntities[] = {
    {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''},
};

// [2.2] Of the characters of UTF-8, all but these.
bool is_forbidden(std::uint32_t character)
{
    return (character < 0x20 && kSpace.find(static_cast<char>(character)) == std::string_view::npos) ||
           character == 0xfffe || character == 0xffff;
}

bool is_name_character(char c)
{
    return c != '<' && c != '>' && c != '/' && c != '=' && c != '&' && c != '"' && c != '\'' && c != '!' && c != '?' &&
           kSpace.find(c) == std::string_view::npos;
}

class Reader {
  public:
    Reader(std::string_view document, Sink &sink) : document_(document), sink_(sink) {}

    void read()
    {
        check_characters();
        (void)take(kByteOrderMark);
        while (at_ < document_.size()) {
            if (document_[at_] == '<')
                read_markup();
            else
                read_text();
        }
        if (!elements_.empty())
            refuse("it ends inside an element");
        if (!had_root_)
            refuse("it has no element");
    }

  private:
    struct Element {
        std::size_t path_length;  // before it
        std::size_t text_begin;
        std::string_view name;
    };

    [[noreturn]] void refuse(std::string_view why) const
    {
        const std::string detail = "unsound XML at byte " + std::to_string(at_) + ": " + std::string(why);
        throw base::Error{base::make_status(base::Failure::kCorrupt, "08P01", true,
                                            "response is not what the protocol says", detail,
                                            "Check the network, and the endpoints of the server.")};
    }

    void check_characters() const
    {
        if (!base::is_utf8(document_))
            refuse("it is not UTF-8");
        if (std::any_of(document_.begin(), document_.end(),
                        [](char c) { return is_forbidden(static_cast<unsigned char>(c)); }))
            refuse("it has a control character");
    }

    [[nodiscard]] bool take(std::string_view text)
    {
        const bool there = document_.substr(at_).starts_with(text);
        at_ += there ? text.size() : 0;
        return there;
    }

    void skip_space() { at_ = std::min(document_.find_first_not_of(kSpace, at_), document_.size()); }

    // What stands before `end`, which is passed, too.
    std::string_view take_until(std::string_view end)
    {
        const std::size_t begin = at_;
        const std::size_t found = document_.find(end, begin);
        if (found == std::string_view::npos)
            refuse("no " + std::string(end) + " follows");
        at_ = found + end.size();
        return document_.substr(begin, found - begin);
    }

    std::string_view take_name()
    {
        const std::size_t begin = at_;
        while (at_ < document_.size() && is_name_character(document_[at_]))
            ++at_;
        if (at_ == begin)
            refuse("a name is expected");
        return document_.substr(begin, at_ - begin);
    }

    void read_markup()
    {
        if (take("<!--"))
            (void)take_until("-->");
        else if (take("<![CDATA["))
            add_text(take_until("]]>"));
        else if (take("<?"))
            (void)take_until("?>");
        else if (take("</"))
            end_element();
        else if (take("<!"))
            refuse("document types are not accepted");
        else if (take("<"))
            begin_element();
    }

    void begin_element()
    {
        if (elements_.empty() && had_root_)
            refuse("a second root");
        if (elements_.size() >= kMaxDepth)
            refuse("elements nest too deeply");
        had_root_ = true;
        const std::string_view name = take_name();
        elements_.push_back({path_.size(), text_.size(), name});
        path_.append(path_.empty() ? "" : "/").append(name.substr(name.rfind(':') + 1));
        sink_.on_begin(path_);
        skip_attributes();
        if (take("/>"))
            return close_element();
        if (!take(">"))
            refuse("a tag does not end");
    }

    void skip_attributes()
    {
        for (skip_space(); at_ < document_.size() && is_name_character(document_[at_]); skip_space()) {
            (void)take_name();
            skip_space();
            if (!take("="))
                refuse("an attribute has no value");
            skip_space();
            const bool single = take("'");
            if (!single && !take("\""))
                refuse("an attribute's value has no quotes");
            if (take_until(single ? "'" : "\"").find('<') != std::string_view::npos)
                refuse("an attribute's value has a tag");
        }
    }

    void end_element()
    {
        const std::string_view name = take_name();
        skip_space();
        if (!take(">"))
            refuse("a tag does not end");
        if (elements_.empty() || elements_.back().name != name)
            refuse("an end tag without its beginning");
        close_element();
    }

    void close_element()
    {
        const Element element = elements_.back();
        sink_.on_end(path_, std::string_view(text_).substr(element.text_begin));
        path_.resize(element.path_length);
        text_.resize(element.text_begin);
        elements_.pop_back();
    }

    void read_text()
    {
        const std::size_t end = std::min(document_.find('<', at_), document_.size());
        while (at_ < end) {
            const std::size_t entity = std::min(document_.find('&', at_), end);
            add_text(document_.substr(at_, entity - at_));
            at_ = entity;
            if (at_ < end)
                read_entity();
        }
    }

    void add_text(std::string_view text)
    {
        if (!elements_.empty())
            text_.append(text);
        else if (text.find_first_not_of(kSpace) != std::string_view::npos)
            refuse("text outside of the root");
    }

    // [4.1]
    void read_entity()
    {
        constexpr std::size_t kLongest = 12;  // &#1114111; and some zeros
        const std::string_view text = document_.substr(at_ + 1, kLongest);
        const std::string_view name = text.substr(0, text.find(';'));
        if (name.size() == text.size())
            refuse("an entity does not end");
        if (name.starts_with('#')) {
            std::string character;
            base::append_utf8(character, character_of(name.substr(1)));
            add_text(character);
        } else {
            add_text(named_entity(name));
        }
        at_ += name.size() + 2;
    }

    std::string named_entity(std::string_view name) const
    {
        for (const auto &[known, character] : kEntities)
            if (known == name)
                return {character};
        refuse("an unknown entity");
    }

    std::uint32_t character_of(std::string_view number) const
    {
        const int base = number.starts_with('x') ? 16 : 10;
        number.remove_prefix(base == 16 ? 1 : 0);
        std::uint32_t character = 0;
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), character, base);
        if (error != std::errc() || end != number.data() + number.size() || !base::is_character(character) ||
            is_forbidden(character))
            refuse("no character has that number");
        return character;
    }

    std::string_view document_;
    Sink &sink_;
    std::size_t at_ = 0;
    bool had_root_ = false;
    std::string path_;
    std::string text_;  // of the elements that are open, one behind the other
    std::vector<Element> elements_;
};

class FirstText final : public Sink {
  public:
    explicit FirstText(std::string_view element) : element_(element) {}

    void on_begin(std::string_view) override { has_elements_ = false; }

    void on_end(std::string_view path, std::string_view text) override
    {
        if (!found && path.substr(path.rfind('/') + 1) == element_)
            found = has_elements_ ? std::string_view() : text;
        has_elements_ = true;
    }

    std::optional<std::string> found;

  private:
    std::string_view element_;
    bool has_elements_ = false;
};

}  // namespace

void read(std::string_view document, Sink &sink)
{
    Reader(document, sink).read();
}

std::string text_of(std::string_view document, std::string_view element)
{
    FirstText sink(element);
    try {
        read(document, sink);
    } catch (const base::Error &) {
        return {};
    }
    const std::string text = sink.found.value_or("");
    const std::size_t first = text.find_first_not_of(kSpace);
    return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

}  // namespace podyn::xml
