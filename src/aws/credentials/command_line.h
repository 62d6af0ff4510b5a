// Splits a command line as a POSIX shell splits words and takes quotation marks away, and does nothing else that shells
// do (botocore, compat_shell_split).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace podyn::aws {

// False where a quotation mark is not closed.
[[nodiscard]] bool split_command_line(std::string_view line, std::vector<std::string> &words);

}  // namespace podyn::aws
