// Where the column of each attribute and type stands in the target's rows.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "replication/column_types.h"

namespace podyn::replication {

class Layout {
  public:
    // A second column for the same attribute and type replaces the first.
    void add(std::string_view attribute, replication::ColumnType type, int column);
    // The column, or kNoColumn.
    [[nodiscard]] int find(std::string_view attribute, replication::ColumnType type) const;
    [[nodiscard]] bool knows(std::string_view attribute) const;

  private:
    using Columns = std::array<int, replication::kColumnTypes>;

    // Lets views be looked up without making a string of them.
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };

    std::unordered_map<std::string, Columns, Hash, std::equal_to<>> attributes_;
};

}  // namespace podyn::replication
