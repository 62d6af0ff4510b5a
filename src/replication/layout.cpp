// See layout.h.
#include "replication/layout.h"

namespace podyn::replication {

void Layout::add(std::string_view attribute, ColumnType type, int column)
{
    auto entry = attributes_.find(attribute);
    if (entry == attributes_.end())
        entry = attributes_.try_emplace(std::string(attribute)).first;
    entry->second.columns[static_cast<std::size_t>(type)] = column;
}

int Layout::find(std::string_view attribute, ColumnType type) const
{
    const Attribute *found = find(attribute);
    return found == nullptr || type == ColumnType::kNone ? kNoColumn
                                                         : found->second.columns[static_cast<std::size_t>(type)];
}

const Layout::Attribute *Layout::find(std::string_view attribute) const
{
    const Attribute *guess = last_ != nullptr ? last_->second.next : nullptr;
    if (guess != nullptr && guess->first == attribute)
        return last_ = guess;
    const auto entry = attributes_.find(attribute);
    if (entry == attributes_.end())
        return nullptr;
    if (last_ != nullptr)
        last_->second.next = &*entry;
    return last_ = &*entry;
}

bool Layout::knows(std::string_view attribute) const
{
    return attributes_.contains(attribute);
}

}  // namespace podyn::replication
