// The beginning of text that may be anything, as text that PostgreSQL can hold.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace podyn::exports {

// What is no UTF-8, or U+0000, becomes U+FFFD. At most `most_bytes` of the text are looked at.
[[nodiscard]] std::string shown_text(std::string_view text, std::size_t most_bytes);

}  // namespace podyn::exports
