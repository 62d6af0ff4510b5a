// See column_name.h.
#include "replication/column_name.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/digest.h"
#include "base/guard.h"
#include "base/text.h"

namespace podyn::replication {

namespace {

constexpr std::size_t kMostBytes = sizeof(ColumnName::text) - 1;  // PostgreSQL's NAMEDATALEN, 64 with a terminator
constexpr std::size_t kDigestBytes = 4;                           // eight hex digits

// PostgreSQL documentation, section 5.5, system columns.
constexpr std::array<std::string_view, 6> kSystemColumns = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"};
constexpr std::string_view kOwnPrefix = "podyn_";

constexpr std::array<std::string_view, replication::kColumnTypes + 1> kTypeNames = {"text",  "numeric", "boolean",
                                                                                    "bytea", "jsonb",   ""};

bool equal_in_any_case(std::string_view a, std::string_view b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return base::to_lower(x) == base::to_lower(y); });
}

bool contains(std::span<const std::string_view> names, std::string_view name)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

// A name in the making.
class Name {
  public:
    void append(std::string_view text)
    {
        const std::size_t size = std::min(text.size(), kMostBytes - size_);
        std::copy_n(text.data(), size, text_ + size_);
        size_ += size;
        fits_ = fits_ && size == text.size();
    }

    void fold_case() { std::transform(text_, text_ + size_, text_, base::to_lower); }

    [[nodiscard]] std::string_view text() const { return {text_, size_}; }

    // Whether PostgreSQL can hold it, podyn does not keep it for itself, and nobody has it.
    [[nodiscard]] bool is_usable(std::span<const std::string_view> taken) const
    {
        return fits_ && size_ > 0 && text().find('\0') == std::string_view::npos && !contains(kSystemColumns, text()) &&
               !equal_in_any_case(text().substr(0, kOwnPrefix.size()), kOwnPrefix) && !contains(taken, text());
    }

    [[nodiscard]] ColumnName finish() const
    {
        ColumnName name;
        base::copy_text(name.text, sizeof name.text, text());
        return name;
    }

    // The name, cut at a character, with the digits behind it.
    [[nodiscard]] Name with_digits(std::string_view digits) const
    {
        char head[kMostBytes + 1];
        base::copy_text(head, kMostBytes - digits.size(), text());
        Name name;
        name.append(head);
        name.append("_");
        name.append(digits);
        return name;
    }

  private:
    char text_[kMostBytes];
    std::size_t size_ = 0;
    bool fits_ = true;
};

std::string first_digits(const base::Sha256 &digest)
{
    return base::hex(std::span(digest).first(kDigestBytes));
}

base::Sha256 digest_of_pair(std::string_view first, std::string_view second)
{
    const base::Sha256 digests[] = {base::sha256(first), base::sha256(second)};
    return base::sha256({reinterpret_cast<const char *>(digests), sizeof digests});
}

// The digits depend on what is named alone, so that it gets the same name each time; should that name be taken as well,
// another eight follow.
ColumnName usable_name(const Name &plain, const base::Sha256 &identity, std::span<const std::string_view> taken)
{
    if (plain.is_usable(taken))
        return plain.finish();
    Name name = plain.with_digits(first_digits(identity));
    for (std::uint32_t attempt = 1; contains(taken, name.text()); ++attempt) {
        const base::Sha256 more = digest_of_pair(base::as_text(identity), std::to_string(attempt));
        base::Sha256 digits = identity;
        std::copy_n(more.begin(), kDigestBytes, digits.begin() + kDigestBytes);
        name = plain.with_digits(base::hex(std::span(digits).first(2 * kDigestBytes)));
    }
    return name.finish();
}

}  // namespace

std::string_view type_name(ColumnType type)
{
    return kTypeNames[static_cast<std::size_t>(type)];
}

ColumnName column_name(std::string_view attribute, ColumnType type, bool typed, bool lower_case,
                       std::span<const std::string_view> taken)
{
    Name plain;
    plain.append(attribute);
    if (lower_case)
        plain.fold_case();
    if (typed) {
        plain.append("_");
        plain.append(type_name(type));
    }
    return usable_name(plain, digest_of_pair(attribute, type_name(type)), taken);
}

ColumnName index_name(std::string_view table, std::string_view index, std::span<const std::string_view> taken)
{
    Name plain;
    plain.append(table);
    plain.append("_");
    plain.append(index);
    return usable_name(plain, digest_of_pair(table, index), taken);
}

}  // namespace podyn::replication
