// Why an item is rejected in a user's call.
#pragma once

#include <string_view>

namespace podyn {

struct Reason {
    const char *sqlstate;  // null: it is not
    std::string_view message;
    std::string_view detail;
};

}  // namespace podyn
