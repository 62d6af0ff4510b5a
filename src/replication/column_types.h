// The words of the rules from attribute to column.
#pragma once

#include <cstddef>
#include <cstdint>

namespace podyn::replication {

// The column types that attributes become (docs: type mapping). kNone: NULL makes no column.
enum class ColumnType : std::uint8_t { kText, kNumeric, kBoolean, kBytea, kJsonb, kNone };

inline constexpr std::size_t kColumnTypes = 5;  // without kNone

// A column name: at most 63 bytes of UTF-8 and a terminator.
struct ColumnName {
    char text[64];
};

// A layout's answer where an attribute has no column.
inline constexpr int kNoColumn = -1;

}  // namespace podyn::replication
