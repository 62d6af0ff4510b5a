// Inside the engine half only: how a Status is built, and how facade functions keep every exception to themselves.
#pragma once

#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace podyn::base {

// Copies `text` into a field of Status, cut at a UTF-8 character boundary.
void copy_text(char *field, std::size_t size, std::string_view text) noexcept;

[[nodiscard]] Status make_status(Failure failure, const char *sqlstate, bool retryable, std::string_view message,
                                 std::string_view detail = {}, std::string_view hint = {}) noexcept;

[[nodiscard]] Status out_of_memory() noexcept;
[[nodiscard]] Status internal_error(std::string_view what) noexcept;

// Thrown inside the engine where a Status is not the natural return; guarded() turns it into one.
struct Error {
    Status status;
};

// Runs `body` (which returns Status) and turns whatever it throws into a Status.
template <typename Body>
[[nodiscard]] Status guarded(Body &&body) noexcept
{
    try {
        return std::forward<Body>(body)();
    } catch (const Error &error) {
        return error.status;
    } catch (const std::bad_alloc &) {
        return out_of_memory();
    } catch (const std::exception &error) {
        return internal_error(error.what());
    } catch (...) {
        return internal_error("unknown exception");
    }
}

}  // namespace podyn::base
