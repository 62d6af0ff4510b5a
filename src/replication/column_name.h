// What a column or index is called: the attribute's own name where PostgreSQL can take it, else one made from it.
// The rules of naming, as engine/columns.h tells them to callers.
#pragma once

#include <span>
#include <string_view>

#include "replication/column_types.h"

namespace podyn::replication {

[[nodiscard]] std::string_view type_name(replication::ColumnType type);

[[nodiscard]] replication::ColumnName column_name(std::string_view attribute, replication::ColumnType type, bool typed,
                                                  bool lower_case, std::span<const std::string_view> taken);

[[nodiscard]] replication::ColumnName index_name(std::string_view table, std::string_view index,
                                                 std::span<const std::string_view> taken);

}  // namespace podyn::replication
