// See profiles.h.
#include "catalog/profiles.h"

namespace podyn::catalog {
namespace {

constexpr int kFirstHookColumn = 5;

void read_group_by(MemoryContext context, Profile *profile)
{
    if (is_null(0, 4))
        return;
    Datum *names;
    bool *nulls;
    deconstruct_array(DatumGetArrayTypeP(value(0, 4)), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls,
                      &profile->group_by_count);
    auto count = static_cast<size_t>(profile->group_by_count);
    profile->group_by = static_cast<char **>(MemoryContextAllocZero(context, sizeof(char *) * (count + 1)));
    for (size_t i = 0; i < count; ++i)
        profile->group_by[i] = MemoryContextStrdup(
            context, text_to_cstring(reinterpret_cast<struct varlena *>(DatumGetPointer(names[i]))));
}

// Each hook has two columns: its signature, and the function that it is now.
char *read_hook(MemoryContext context, const char *name, int hook)
{
    int column = kFirstHookColumn + 2 * hook;
    if (is_null(0, column))
        return nullptr;
    const char *signature = string(CurrentMemoryContext, 0, column);
    if (is_null(0, column + 1))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("function %s, which is %s of profile \"%s\", does not exist", signature,
                               kHookNames[hook], name),
                        errhint("Make it again, or name another one with podyn_create_profile.")));
    Oid function = get_oid(0, column + 1);
    const char *quoted =
        quote_qualified_identifier(get_namespace_name(get_func_namespace(function)), get_func_name(function));
    return MemoryContextStrdup(context, quoted);
}

Profile *read(MemoryContext context)
{
    auto *profile = static_cast<Profile *>(MemoryContextAllocZero(context, sizeof(Profile)));
    profile->name = string(context, 0, 1);
    profile->owner = get_oid(0, 2);
    profile->filter = string(context, 0, 3);
    read_group_by(context, profile);
    for (int hook = 0; hook < kHooks; ++hook)
        profile->functions[hook] = read_hook(context, profile->name, hook);
    return profile;
}

}  // namespace

Profile *get_profile(MemoryContext context, const char *name, Oid user)
{
    Scope scope = enter();
    uint64 rows =
        run("SELECT name, owner::oid, filter, group_by, parse, to_regprocedure(parse)::oid, "
            "transform, to_regprocedure(transform)::oid, upsert, to_regprocedure(upsert)::oid, "
            "on_complete, to_regprocedure(on_complete)::oid FROM podyn.profile WHERE name = $1",
            {text(name)});
    // Whose hooks are another role's would run what that role makes of them, with rights of its own.
    if (rows == 0 || get_oid(0, 2) != user)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("role \"%s\" has no profile \"%s\"", GetUserNameFromId(user, false), name),
                        errhint("The table podyn.profile lists your profiles; podyn_create_profile makes one.")));
    Profile *profile = read(context);
    leave(scope);
    return profile;
}

}  // namespace podyn::catalog
