// The failures of files that are not what their format says.
#pragma once

#include <string_view>

#include "base/guard.h"

namespace podyn::exports {

// 22P04: bad copy file format. The file stays as it is: reading it again gives the same.
[[nodiscard]] inline base::Error corrupt_file(std::string_view message, std::string_view detail,
                                              std::string_view hint = "Fetch or export the file again.")
{
    return {base::make_status(base::Failure::kCorrupt, "22P04", false, message, detail, hint)};
}

}  // namespace podyn::exports
