// DynamoDB numbers as text: their form, whether PostgreSQL's numeric takes them, and one spelling for each value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace podyn::dynamodb {

// The parts of "-12.50E3": negative, integer 12, fraction 50, exponent 3.
struct Decimal {
    bool negative;
    std::string_view integer;
    std::string_view fraction;
    std::int64_t exponent;  // kept within plus or minus 10^9
};

// Nothing if `text` is no decimal number: an optional sign, digits with at most one point among them or at either end,
// an optional exponent; no blanks, no NaN.
[[nodiscard]] std::optional<Decimal> parse_decimal(std::string_view text);

[[nodiscard]] bool fits_numeric(const Decimal &decimal);

// What DynamoDB's numbers have at most (developer guide, Numbers): magnitudes go from 1E-130 to 9.9…E125.
inline constexpr std::size_t kMostDigits = 38;
inline constexpr std::int64_t kGreatestExponent = 125;
inline constexpr std::int64_t kLeastExponent = -130;

// Whether DynamoDB takes it.
[[nodiscard]] bool fits_dynamodb(const Decimal &decimal);

// The same text for equal numbers: 1, 1.0, 01, 1E0 and 10E-1 give one, as do 0 and -0.
[[nodiscard]] std::string canonical(const Decimal &decimal);

}  // namespace podyn::dynamodb
