// What a column or index is called: the attribute's own name where PostgreSQL can take it, else one made from it.
// The rules stand in engine/columns.h.
#pragma once

#include <span>
#include <string_view>

#include "engine/columns.h"

namespace podyn::replication {

[[nodiscard]] std::string_view type_name(engine::ColumnType type);

[[nodiscard]] engine::ColumnName column_name(std::string_view attribute, engine::ColumnType type, bool typed,
                                             bool lower_case, std::span<const std::string_view> taken);

[[nodiscard]] engine::ColumnName index_name(std::string_view table, std::string_view index,
                                            std::span<const std::string_view> taken);

}  // namespace podyn::replication
