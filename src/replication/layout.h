// Where the column of each attribute and type stands in the target's rows.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

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
    struct Entry;
    using Attribute = std::pair<const std::string, Entry>;
    struct Entry {
        Entry() { columns.fill(kNoColumn); }

        std::array<int, replication::kColumnTypes> columns;
        mutable const Attribute *next = nullptr;  // that was asked for after this one
    };

    // Lets views be looked up without making a string of them.
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };

    [[nodiscard]] const Attribute *find(std::string_view attribute) const;

    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> attributes_;
    // Most items of a table have the same attributes in the same order: which one follows is guessed, and seldom has to
    // be looked up.
    mutable const Attribute *last_ = nullptr;
};

}  // namespace podyn::replication
