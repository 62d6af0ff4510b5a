// See keys.h.
#include "engine/keys.h"

#include <algorithm>

#include "dynamodb/key_digest.h"
#include "engine/guard.h"

namespace podyn::engine {

Status key_digest(std::span<const Value> keys, std::uint8_t *digest) noexcept
{
    return guarded([&] {
        if (std::any_of(keys.begin(), keys.end(), [](const Value &key) { return key.had_nul; }))
            return make_status(Failure::kInvalid, "22P05", false, "key contains the character U+0000");
        const base::Sha256 computed = dynamodb::key_digest(keys, dynamodb::Tape{});
        std::copy(computed.begin(), computed.end(), digest);
        return Status{};
    });
}

}  // namespace podyn::engine
