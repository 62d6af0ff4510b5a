// From the engine's Status to PostgreSQL's error, after the engine has returned.
#pragma once

#include <string_view>

#include "compat.h"
#include "engine/status.h"

namespace podyn {

// Raises an error for a status that is not ok; returns otherwise.
void check(const engine::Status &status);
// The same; `about` stands before the message.
void check(const engine::Status &status, const char *about);

// Of a system call that has failed, errno says why: could not <action> file "<path>": ….
[[noreturn]] void raise_file_error(const char *action, const char *path);

// A palloc'ed, terminated copy.
char *copy_string(std::string_view text);

inline std::string_view view(const char *text)
{
    return text ? std::string_view(text) : std::string_view();
}

// Ties a handle of the engine to a memory context: it is destroyed when the context is reset or deleted.
template <typename Handle>
Handle *own(MemoryContext context, Handle *handle, void (*destroy)(Handle *) noexcept)
{
    struct Owned {
        MemoryContextCallback callback;
        Handle *handle;
        void (*destroy)(Handle *) noexcept;
    };
    auto *owned = static_cast<Owned *>(MemoryContextAllocExtended(context, sizeof(Owned), MCXT_ALLOC_NO_OOM));
    if (owned == nullptr) {
        destroy(handle);
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    }
    owned->handle = handle;
    owned->destroy = destroy;
    owned->callback.arg = owned;
    owned->callback.func = [](void *argument) {
        auto *self = static_cast<Owned *>(argument);
        self->destroy(self->handle);
    };
    MemoryContextRegisterResetCallback(context, &owned->callback);
    return handle;
}

}  // namespace podyn
