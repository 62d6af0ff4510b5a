// Which changes of a batch concern the same item: of each the last one counts, and leads to those before it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "streams/types.h"

namespace podyn::streams {

struct Collapsed {
    std::vector<std::uint32_t> last;      // indexes of the last change of each key, in the order of the stream
    std::vector<std::uint32_t> previous;  // of each change: the key's change before it, or kNoChange
};

[[nodiscard]] Collapsed collapse(std::span<const streams::Change> changes);

}  // namespace podyn::streams
