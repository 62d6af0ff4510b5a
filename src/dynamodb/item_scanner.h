// The short way from an item's JSON to values on a tape, for items as DynamoDB writes them: strings without escapes,
// values that nest no deeper than there. What it takes, it reads as ItemParser does; whatever else there is, sound or
// not, it leaves to that one. It saves an import a quarter of its processor time.
#pragma once

#include <optional>
#include <string_view>

#include "dynamodb/tape.h"

namespace podyn::dynamodb {

// An item from its first brace on, {"id":{"S":"x"}, …}; `rest`: what stands behind it. Nothing: the tape is as it was.
// The item's views point into `text` and to the tape.
[[nodiscard]] std::optional<ParsedItem> scan_item(std::string_view text, Tape &tape, std::string_view *rest);

}  // namespace podyn::dynamodb
