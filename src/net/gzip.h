// Inflates a gzip body that is in memory as a whole, under a cap: some kilobytes can inflate to gigabytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace podyn::net {

// Throws base::Error (kCorrupt) for what is no gzip, is cut off, or would exceed the cap.
[[nodiscard]] std::string gunzip(std::string_view compressed, std::size_t cap);

}  // namespace podyn::net
