// As much XML as AWS STS's answers need: elements without attributes, each name of interest once.
#pragma once

#include <string>
#include <string_view>

namespace podyn::aws {

// The text of the first element of that name, entities resolved and without white space at its ends; empty where there
// is none, or where it is more than text.
[[nodiscard]] std::string xml_text(std::string_view document, std::string_view element);

}  // namespace podyn::aws
