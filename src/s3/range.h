// Which bytes of an object a response holds (RFC 9110, 14.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace podyn::s3 {

struct ContentRange {
    std::uint64_t first;
    std::uint64_t last;
    std::uint64_t object_size;
};

// "bytes 0-9/100"; nothing for what is no sound range, or of an object of unknown size.
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view header);

}  // namespace podyn::s3
