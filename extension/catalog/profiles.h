// Rows of podyn.profile: the hooks of imports, SQL functions of their owner. A hook is kept as its signature, every
// name with its schema, so that a dump can be restored; which function that is now is looked up whenever a profile is
// read.
#pragma once

#include "catalog/sql.h"
#include "compat.h"

namespace podyn::catalog {

enum class Hook : uint8 { kParse, kTransform, kUpsert, kOnComplete };
inline constexpr int kHooks = 4;
// As options and columns spell them, in the order of the enumerators.
inline constexpr const char *kHookNames[kHooks] = {"parse", "transform", "upsert", "on_complete"};

struct Profile {
    char *name;
    Oid owner;
    char *filter;             // SQL condition over item; null: none
    char **group_by;          // attributes
    int group_by_count;       // 0: each item is a group of its own
    char *functions[kHooks];  // by Hook: schema.function, quoted; null: none

    [[nodiscard]] const char *function(Hook hook) const { return functions[static_cast<int>(hook)]; }
    // Whether records are made or written by hooks, so that items do not become rows as they are.
    [[nodiscard]] bool makes_records() const
    {
        return function(Hook::kTransform) != nullptr || function(Hook::kUpsert) != nullptr;
    }
};

// The profile that an import of `user` names. Errors: there is none, it is another role's, one of its functions is
// gone. Inside a transaction.
Profile *get_profile(MemoryContext context, const char *name, Oid user);

}  // namespace podyn::catalog
