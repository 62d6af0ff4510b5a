// See collapse.h.
#include "streams/collapse.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <unordered_set>

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

std::vector<std::uint32_t> collapse(std::span<const streams::Change> changes)
{
    std::unordered_set<std::string_view, FirstBytes> seen;
    seen.reserve(changes.size());
    std::vector<std::uint32_t> last;
    for (std::size_t i = changes.size(); i-- > 0;)
        if (seen.insert(digest_of(changes[i])).second)
            last.push_back(static_cast<std::uint32_t>(i));
    std::reverse(last.begin(), last.end());
    return last;
}

}  // namespace podyn::streams
