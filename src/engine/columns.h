// From attribute to column: which PostgreSQL type an attribute type becomes, what the column is called, and where the
// column of an attribute stands. Pure rules; the extension keeps the outcome in podyn.column_map.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/item.h"
#include "engine/status.h"
#include "replication/column_types.h"

namespace podyn::engine {

using replication::ColumnName;
using replication::ColumnType;
using replication::kColumnTypes;
using replication::kNoColumn;

[[nodiscard]] ColumnType column_type(ValueType type) noexcept;
[[nodiscard]] std::string_view column_type_name(ColumnType type) noexcept;  // as in PostgreSQL: text, numeric, …

// Names the column for `attribute`. The plain name is the attribute's own (lower-cased, ASCII letters only, if asked);
// with `typed` (another type has that name already) it is <name>_<type>. A name that PostgreSQL cannot hold (empty,
// over 63 bytes, a system column), that podyn keeps for itself (podyn_…) or that is in `taken` is cut at a character
// and ends in _ and eight hex digits of the SHA-256 of attribute and type: the same attribute gets the same name each
// time.
[[nodiscard]] Status choose_column_name(std::string_view attribute, ColumnType type, bool typed, bool lower_case,
                                        std::span<const std::string_view> taken, ColumnName *name) noexcept;

// Names an index: <table>_<index>, under the same rules.
[[nodiscard]] Status choose_index_name(std::string_view table, std::string_view index,
                                       std::span<const std::string_view> taken, ColumnName *name) noexcept;

// Where the column of an attribute and type stands. Copies what it is given.
struct Layout;

[[nodiscard]] Status layout_create(Layout **layout) noexcept;
void destroy(Layout *layout) noexcept;
// `column`: any number of the caller's, not negative. A second entry for the same attribute and type replaces the
// first.
[[nodiscard]] Status layout_add(Layout *layout, std::string_view attribute, ColumnType type, int column) noexcept;
// The column, or kNoColumn.
[[nodiscard]] int layout_find(const Layout *layout, std::string_view attribute, ColumnType type) noexcept;
// Whether the attribute has a column of any type.
[[nodiscard]] bool layout_knows(const Layout *layout, std::string_view attribute) noexcept;

}  // namespace podyn::engine
