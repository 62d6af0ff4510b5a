// Which changes of a batch count: of each item only the last one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "streams/types.h"

namespace podyn::streams {

// Indexes of the last change of each key, in the order of the stream.
[[nodiscard]] std::vector<std::uint32_t> collapse(std::span<const streams::Change> changes);

}  // namespace podyn::streams
