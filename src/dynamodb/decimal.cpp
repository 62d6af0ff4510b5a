// See decimal.h.
#include "dynamodb/decimal.h"

#include <algorithm>

namespace podyn::dynamodb {

namespace {

// PostgreSQL documentation, table 8.2: numeric has up to 131072 digits before the point, 16383 after it.
constexpr std::int64_t kMostIntegerDigits = 131072;
constexpr std::int64_t kMostFractionDigits = 16383;
constexpr std::int64_t kMostExponent = 1'000'000'000;

bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

bool take_sign(std::string_view &text)
{
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+'))
        text.remove_prefix(1);
    return negative;
}

std::string_view take_digits(std::string_view &text)
{
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(digits.size());
    return digits;
}

std::int64_t to_exponent(bool negative, std::string_view digits)
{
    std::int64_t exponent = 0;
    for (const char digit : digits)
        exponent = std::min(exponent * 10 + (digit - '0'), kMostExponent);
    return negative ? -exponent : exponent;
}

std::size_t leading_zeros(std::string_view digits)
{
    return std::min(digits.find_first_not_of('0'), digits.size());
}

// The place of the first digit that is not zero, seen from the point: 1 for 3, 3 for 100, 0 for 0.5. Nothing for zero.
std::optional<std::int64_t> magnitude(const Decimal &decimal)
{
    std::size_t zeros = leading_zeros(decimal.integer);
    if (zeros == decimal.integer.size()) {
        const std::size_t more = leading_zeros(decimal.fraction);
        if (more == decimal.fraction.size())
            return std::nullopt;
        zeros += more;
    }
    return static_cast<std::int64_t>(decimal.integer.size()) - static_cast<std::int64_t>(zeros) + decimal.exponent;
}

// Of a number that is not zero.
std::string significant_digits(const Decimal &decimal)
{
    std::string digits;
    digits.append(decimal.integer).append(decimal.fraction);
    digits.erase(0, leading_zeros(digits));
    digits.erase(digits.find_last_not_of('0') + 1);
    return digits;
}

}  // namespace

std::optional<Decimal> parse_decimal(std::string_view text)
{
    Decimal decimal{};
    decimal.negative = take_sign(text);
    decimal.integer = take_digits(text);
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        decimal.fraction = take_digits(text);
    }
    if (decimal.integer.empty() && decimal.fraction.empty())
        return std::nullopt;
    if (text.starts_with('e') || text.starts_with('E')) {
        text.remove_prefix(1);
        const bool negative = take_sign(text);
        const std::string_view digits = take_digits(text);
        if (digits.empty())
            return std::nullopt;
        decimal.exponent = to_exponent(negative, digits);
    }
    if (!text.empty())
        return std::nullopt;
    return decimal;
}

bool fits_numeric(const Decimal &decimal)
{
    const std::int64_t scale = static_cast<std::int64_t>(decimal.fraction.size()) - decimal.exponent;
    return scale <= kMostFractionDigits && magnitude(decimal).value_or(decimal.exponent) <= kMostIntegerDigits;
}

bool fits_dynamodb(const Decimal &decimal)
{
    const std::optional<std::int64_t> place = magnitude(decimal);
    if (!place)
        return true;
    return *place > kLeastExponent && *place <= kGreatestExponent + 1 &&
           significant_digits(decimal).size() <= kMostDigits;
}

std::string canonical(const Decimal &decimal)
{
    const std::optional<std::int64_t> place = magnitude(decimal);
    if (!place)
        return "0";
    return (decimal.negative ? "-" : "") + significant_digits(decimal) + "E" + std::to_string(*place);
}

}  // namespace podyn::dynamodb
