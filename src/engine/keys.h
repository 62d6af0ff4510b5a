// One digest for each item: SHA-256 over its key in a canonical form, the same as Change::key_digest of that key.
#pragma once

#include <cstdint>
#include <span>

#include "engine/item.h"
#include "engine/status.h"

namespace podyn::engine {

// `keys`: the key attributes, each a string, number or binary of an item without a problem; writes kKeyDigestBytes.
// An error of class 22 if one of them had U+0000, which is not to be seen any more.
[[nodiscard]] Status key_digest(std::span<const Value> keys, std::uint8_t *digest) noexcept;

}  // namespace podyn::engine
