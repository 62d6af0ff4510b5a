// See layout.h.
#include "replication/layout.h"

namespace podyn::replication {

void Layout::add(std::string_view attribute, ColumnType type, int column)
{
    auto entry = attributes_.find(attribute);
    if (entry == attributes_.end()) {
        entry = attributes_.try_emplace(std::string(attribute)).first;
        entry->second.fill(kNoColumn);
    }
    entry->second[static_cast<std::size_t>(type)] = column;
}

int Layout::find(std::string_view attribute, ColumnType type) const
{
    const auto entry = attributes_.find(attribute);
    if (entry == attributes_.end() || type == ColumnType::kNone)
        return kNoColumn;
    return entry->second[static_cast<std::size_t>(type)];
}

bool Layout::knows(std::string_view attribute) const
{
    return attributes_.contains(attribute);
}

}  // namespace podyn::replication
