// Arguments of functions that are options: read by their place, checked, refused by their name.
#pragma once

#include <span>

#include "catalog/options.h"
#include "compat.h"

namespace podyn {

// The arguments of a call from `first` on.
struct Arguments {
    FunctionCallInfo call;
    int first;

    [[nodiscard]] bool null(int i) const { return call->args[first + i].isnull; }
    [[nodiscard]] Datum datum(int i) const { return call->args[first + i].value; }
    [[nodiscard]] char *string(int i) const { return null(i) ? nullptr : TextDatumGetCString(datum(i)); }
};

[[noreturn]] void refuse_null(const char *option);
bool boolean(const Arguments &arguments, int i, const char *option);
// The place of an option's value among the words that it knows.
int word(const Arguments &arguments, int i, const char *option, std::span<const char *const> words);

// An option that several functions have. 0: podyn.max_workers.
int32 read_workers(const Arguments &arguments, int i);

}  // namespace podyn
