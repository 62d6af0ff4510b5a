// See arena.h.
#include "base/arena.h"

#include <algorithm>
#include <cstring>

namespace podyn::base {

namespace {

constexpr std::size_t kBlockBytes = 64 * 1024;

}  // namespace

std::string_view Arena::copy(std::string_view text)
{
    if (text.empty())
        return {};
    char *bytes = allocate(text.size());
    std::memcpy(bytes, text.data(), text.size());
    return {bytes, text.size()};
}

void Arena::add_block(std::size_t at_least)
{
    const std::size_t size = std::max(at_least, kBlockBytes);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    next_ = blocks_.back().get();
    free_ = size;
}

}  // namespace podyn::base
