// See collapse.h.
#include "streams/collapse.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace podyn::streams {

namespace {

std::string_view digest_of(const streams::Change &change)
{
    return {reinterpret_cast<const char *>(change.key_digest), dynamodb::kKeyDigestBytes};
}

// A digest's bytes are as good as random, so some of them make a hash.
struct FirstBytes {
    std::size_t operator()(std::string_view digest) const
    {
        std::size_t hash;
        std::memcpy(&hash, digest.data(), sizeof hash);
        return hash;
    }
};

}  // namespace

Collapsed collapse(std::span<const streams::Change> changes)
{
    std::unordered_map<std::string_view, std::uint32_t, FirstBytes> later;  // the key's change behind the one looked at
    later.reserve(changes.size());
    Collapsed collapsed;
    collapsed.previous.assign(changes.size(), kNoChange);
    for (std::size_t i = changes.size(); i-- > 0;) {
        const auto index = static_cast<std::uint32_t>(i);
        const auto [known, is_last] = later.try_emplace(digest_of(changes[i]), index);
        if (is_last)
            collapsed.last.push_back(index);
        else
            collapsed.previous[std::exchange(known->second, index)] = index;
    }
    std::reverse(collapsed.last.begin(), collapsed.last.end());
    return collapsed;
}

}  // namespace podyn::streams
