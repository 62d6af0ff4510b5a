// See item_scanner.h.
#include "dynamodb/item_scanner.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/base64.h"
#include "base/utf8.h"
#include "dynamodb/decimal.h"

namespace podyn::dynamodb {

namespace {

constexpr std::size_t kMostLevels = 32;      // DynamoDB's own limit (developer guide, constraints)
constexpr std::size_t kTopLevel = SIZE_MAX;  // in place of the map or list that a value lies in
constexpr std::size_t kMostShortDigits = 40;

bool is_space(char character)
{
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

// What a string cannot be passed over with: its end, an escape, what JSON does not allow in it. Characters beyond ASCII
// are noted.
bool is_special(char character)
{
    return character == '"' || character == '\\' || static_cast<unsigned char>(character) < 0x20;
}

const char *find_special(const char *at, const char *end, bool *beyond_ascii)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
    for (; end - at >= 16; at += 16) {
        const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i *>(at));
        const __m128i special = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(text, quote), _mm_cmpeq_epi8(text, backslash)),
                                             _mm_cmpeq_epi8(_mm_min_epu8(text, control), text));
        const auto specials = static_cast<unsigned>(_mm_movemask_epi8(special));
        const auto highs = static_cast<unsigned>(_mm_movemask_epi8(text));
        if (specials != 0) {
            *beyond_ascii |= (highs & ((specials & -specials) - 1)) != 0;
            return at + std::countr_zero(specials);
        }
        *beyond_ascii |= highs != 0;
    }
#endif
    for (; at != end && !is_special(*at); ++at)
        *beyond_ascii |= static_cast<unsigned char>(*at) >= 0x80;
    return at;
}

// [-]digits[.digits], not too many of them: the rest is parse_decimal's.
bool is_short_number(std::string_view text)
{
    if (text.size() > kMostShortDigits)
        return false;
    const char *at = text.data(), *end = at + text.size();
    if (at != end && *at == '-')
        ++at;
    const auto digits = [&] {
        const char *first = at;
        while (at != end && *at >= '0' && *at <= '9')
            ++at;
        return at != first;
    };
    if (!digits())
        return false;
    return at == end || (*at++ == '.' && digits() && at == end);
}

bool is_number(std::string_view text)
{
    if (is_short_number(text))
        return true;
    const std::optional<Decimal> decimal = parse_decimal(text);
    return decimal && fits_numeric(*decimal);
}

// Each function reads one thing and says whether it was what it should be.
class Scanner {
  public:
    Scanner(std::string_view text, Tape &tape) : at_(text.data()), end_(at_ + text.size()), tape_(tape) {}

    [[nodiscard]] bool item() { return take('{') && members(kTopLevel); }
    [[nodiscard]] const char *at() const { return at_; }

  private:
    bool take(char wanted)
    {
        while (at_ != end_ && is_space(*at_))
            ++at_;
        if (at_ == end_ || *at_ != wanted)
            return false;
        ++at_;
        return true;
    }

    bool string(std::string_view *text)
    {
        if (!take('"'))
            return false;
        const char *begin = at_;
        bool beyond_ascii = false;
        at_ = find_special(at_, end_, &beyond_ascii);
        if (at_ == end_ || *at_ != '"')
            return false;
        *text = {begin, static_cast<std::size_t>(at_++ - begin)};
        return !beyond_ascii || base::is_utf8(*text);
    }

    bool word(std::string_view wanted)
    {
        if (!take(wanted.front()) ||
            !std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(wanted.substr(1)))
            return false;
        at_ += wanted.size() - 1;
        return true;
    }

    // Behind the brace of the item, or of a map.
    bool members(std::size_t parent)
    {
        if (take('}'))
            return true;
        do {
            std::string_view name;
            if (!string(&name) || !take(':') || !value(name, parent))
                return false;
        } while (take(','));
        return take('}');
    }

    // Behind the bracket of a list.
    bool elements(std::size_t parent)
    {
        if (take(']'))
            return true;
        do {
            if (!value({}, parent))
                return false;
        } while (take(','));
        return take(']');
    }

    // {"S":"x"}
    bool value(std::string_view name, std::size_t parent)
    {
        std::string_view letters;
        return take('{') && string(&letters) && take(':') && content(letters, name, parent) && take('}');
    }

    bool content(std::string_view letters, std::string_view name, std::size_t parent)
    {
        if (letters.size() == 1)
            switch (letters[0]) {
                case 'S':
                case 'N':
                case 'B':
                    return scalar(letters[0], name, parent);
                case 'M':
                    return container(ValueType::kMap, '{', &Scanner::members, name, parent);
                case 'L':
                    return container(ValueType::kList, '[', &Scanner::elements, name, parent);
                default:
                    return false;
            }
        if (letters == "BOOL")
            return boolean(name, parent);
        if (letters == "NULL")
            return word("true") && append(ValueType::kNull, name, parent);
        if (letters == "SS")
            return container(ValueType::kStringSet, '[', &Scanner::set<'S'>, name, parent);
        if (letters == "NS")
            return container(ValueType::kNumberSet, '[', &Scanner::set<'N'>, name, parent);
        return letters == "BS" && container(ValueType::kBinarySet, '[', &Scanner::set<'B'>, name, parent);
    }

    // Behind the bracket of a set.
    template <char kLetter>
    bool set(std::size_t parent)
    {
        if (take(']'))
            return true;
        do {
            if (!scalar(kLetter, {}, parent))
                return false;
        } while (take(','));
        return take(']');
    }

    bool boolean(std::string_view name, std::size_t parent)
    {
        const bool is_true = word("true");
        if (!is_true && !word("false"))
            return false;
        append(ValueType::kBool, name, parent);
        tape_.values.back().boolean = is_true;
        return true;
    }

    bool scalar(char letter, std::string_view name, std::size_t parent)
    {
        std::string_view text;
        if (!string(&text))
            return false;
        if (letter == 'S') {
            append(ValueType::kString, name, parent, text);
            return true;
        }
        if (letter == 'N')
            return is_number(text) && append(ValueType::kNumber, name, parent, text);
        if (!base::is_base64(text))
            return false;
        append(ValueType::kBinary, name, parent, parent == kTopLevel ? decoded(text) : text);
        return true;
    }

    std::string_view decoded(std::string_view text)
    {
        const std::size_t size = base::decoded_size(text);
        char *bytes = tape_.arena.allocate(size);
        base::decode_base64(text, bytes);
        return {bytes, size};
    }

    bool container(ValueType type, char bracket, bool (Scanner::*inside)(std::size_t), std::string_view name,
                   std::size_t parent)
    {
        const std::size_t index = tape_.values.size();
        if (level_ == kMostLevels || !take(bracket))
            return false;
        append(type, name, parent);
        ++level_;
        const bool sound = (this->*inside)(index);
        --level_;
        tape_.values[index].span = static_cast<std::uint32_t>(tape_.values.size() - index);
        return sound;
    }

    bool append(ValueType type, std::string_view name, std::size_t parent, std::string_view text = {})
    {
        if (parent != kTopLevel)
            ++tape_.values[parent].children;
        tape_.values.push_back({name, text, 1, 0, type, false, false});
        return true;
    }

    const char *at_;
    const char *end_;
    Tape &tape_;
    std::size_t level_ = 0;
};

}  // namespace

std::optional<ParsedItem> scan_item(std::string_view text, Tape &tape, std::string_view *rest)
{
    ParsedItem item;
    item.first = tape.values.size();
    Scanner scanner(text, tape);
    if (!scanner.item()) {
        tape.values.resize(item.first);
        return std::nullopt;
    }
    item.count = tape.values.size() - item.first;
    item.json = text.substr(0, static_cast<std::size_t>(scanner.at() - text.data()));
    *rest = text.substr(item.json.size());
    return item;
}

}  // namespace podyn::dynamodb
