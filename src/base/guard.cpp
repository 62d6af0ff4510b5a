// See guard.h.
#include "base/guard.h"

#include <algorithm>
#include <cstring>

namespace podyn::base {

void copy_text(char *field, std::size_t size, std::string_view text) noexcept
{
    std::size_t length = std::min(size - 1, text.size());
    if (length < text.size())
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80)
            --length;
    if (length > 0)
        std::memcpy(field, text.data(), length);
    field[length] = '\0';
}

Status make_status(Failure failure, const char *sqlstate, bool retryable, std::string_view message,
                   std::string_view detail, std::string_view hint) noexcept
{
    Status status;
    status.failure = failure;
    status.retryable = retryable;
    copy_text(status.sqlstate, sizeof status.sqlstate, sqlstate);
    copy_text(status.message, sizeof status.message, message);
    copy_text(status.detail, sizeof status.detail, detail);
    copy_text(status.hint, sizeof status.hint, hint);
    return status;
}

Status out_of_memory() noexcept
{
    return make_status(Failure::kMemory, "53200", true, "out of memory");
}

Status internal_error(std::string_view what) noexcept
{
    return make_status(Failure::kInternal, "XX000", true, "unexpected error in podyn's engine", what);
}

}  // namespace podyn::base
