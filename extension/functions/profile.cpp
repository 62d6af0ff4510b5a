// podyn_create_profile and podyn_drop_profile. Hooks are checked here for their signature and the caller's right to
// call them; an import looks them up again when it begins.
#include "catalog/profiles.h"
#include "compat.h"
#include "functions/arguments.h"
#include "functions/replicate.h"
#include "load/filter.h"

namespace podyn {
namespace {

// In the order of the SQL declaration.
enum Argument : int { kName, kParse, kGroupBy, kFilter, kTransform, kUpsert, kOnComplete };

// What a hook takes and gives.
struct Signature {
    Argument argument;
    const char *declaration;
    int argument_count;
    Oid arguments[2];
    Oid result;  // InvalidOid: whatever it likes
    bool returns_set;
};

// In the order of catalog::Hook.
constexpr Signature kSignatures[catalog::kHooks] = {
    {kParse, "(item jsonb) RETURNS jsonb", 1, {JSONBOID}, JSONBOID, false},
    {kTransform, "(items jsonb[]) RETURNS SETOF jsonb", 1, {JSONBARRAYOID}, JSONBOID, true},
    {kUpsert, "(target regclass, records jsonb[]) RETURNS bigint", 2, {REGCLASSOID, JSONBARRAYOID}, INT8OID, false},
    {kOnComplete, "(name text)", 1, {TEXTOID}, InvalidOid, false},
};

bool fits(const FormData_pg_proc &function, const Signature &signature)
{
    bool same = function.prokind == PROKIND_FUNCTION && function.pronargs == signature.argument_count;
    for (int i = 0; same && i < signature.argument_count; ++i)
        same = function.proargtypes.values[i] == signature.arguments[i];
    if (!same || !OidIsValid(signature.result))
        return same;
    return function.prorettype == signature.result && function.proretset == signature.returns_set;
}

// The function's signature as it is kept; null: none is given.
const char *read_hook(const Arguments &arguments, int hook)
{
    const Signature &signature = kSignatures[hook];
    if (arguments.null(signature.argument))
        return nullptr;
    Oid function = DatumGetObjectId(arguments.datum(signature.argument));
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("function %u, which is to be %s, does not exist", function, catalog::kHookNames[hook])));
    bool right = fits(*reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple)), signature);
    ReleaseSysCache(tuple);
    const char *text = format_procedure_qualified(function);
    if (!right)
        ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
                        errmsg("function %s cannot be %s", text, catalog::kHookNames[hook]),
                        errhint("It has to be a function %s%s.", catalog::kHookNames[hook], signature.declaration)));
    if (!may(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function %s", text),
                        errhint("Imports call it as their owner: grant EXECUTE on it.")));
    return text;
}

Datum checked_group_by(const Arguments &arguments)
{
    Datum *names;
    bool *nulls;
    int count;
    Datum array = arguments.datum(kGroupBy);
    deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &count);
    bool sound = count > 0;
    for (int i = 0; sound && i < count; ++i)
        sound = !nulls[i];
    if (!sound)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("group_by must name attributes"),
                        errhint("Give an array such as ARRAY['customer'], or leave it out.")));
    if (arguments.null(kTransform))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("group_by needs transform"),
                        errhint("transform makes records from the items of a group; without it there is nothing to "
                                "group for.")));
    return array;
}

[[noreturn]] void refuse_unknown(const char *name)
{
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("profile \"%s\" does not exist", name),
                    errhint("The table podyn.profile lists your profiles.")));
}

// Whoever replaces a profile owns it from then on: a role that has lost it cannot change what others' imports run.
void save(const char *name, const Arguments &arguments, const char *const *hooks)
{
    catalog::Argument group_by = {TEXTARRAYOID, 0, true};
    if (!arguments.null(kGroupBy))
        group_by = catalog::datum(TEXTARRAYOID, checked_group_by(arguments));
    Oid user = GetUserId();
    uint64 saved = catalog::execute(
        "INSERT INTO podyn.profile AS p (name, owner, parse, group_by, filter, transform, upsert, on_complete) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO UPDATE SET owner = EXCLUDED.owner, "
        "parse = EXCLUDED.parse, group_by = EXCLUDED.group_by, filter = EXCLUDED.filter, "
        "transform = EXCLUDED.transform, upsert = EXCLUDED.upsert, on_complete = EXCLUDED.on_complete "
        "WHERE pg_has_role($2, p.owner, 'USAGE')",
        {catalog::text(name), catalog::regrole(user),
         catalog::text_or_null(hooks[static_cast<int>(catalog::Hook::kParse)]), group_by,
         catalog::text_or_null(arguments.string(kFilter)),
         catalog::text_or_null(hooks[static_cast<int>(catalog::Hook::kTransform)]),
         catalog::text_or_null(hooks[static_cast<int>(catalog::Hook::kUpsert)]),
         catalog::text_or_null(hooks[static_cast<int>(catalog::Hook::kOnComplete)])});
    if (saved == 0)
        ereport(ERROR,
                (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("profile \"%s\" exists and belongs to another role", name),
                 errhint("Give another name.")));
}

void drop(const char *name)
{
    Oid user = GetUserId();
    catalog::Scope scope = catalog::enter();
    if (catalog::run("SELECT FROM podyn.profile WHERE name = $1 AND pg_has_role($2, owner, 'USAGE') FOR UPDATE",
                     {catalog::text(name), catalog::oid(user)}) == 0)
        refuse_unknown(name);
    if (catalog::run("SELECT name FROM podyn.replication WHERE profile = $1 AND phase <> 'completed' ORDER BY id",
                     {catalog::text(name)}) > 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                        errmsg("profile \"%s\" is that of \"%s\", which is not complete", name,
                               catalog::string(CurrentMemoryContext, 0, 1)),
                        errhint("Wait for its end, or use podyn_drop on it first.")));
    catalog::run("DELETE FROM podyn.profile WHERE name = $1", {catalog::text(name)});
    catalog::leave(scope);
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_create_profile);
PG_FUNCTION_INFO_V1(podyn_drop_profile);

Datum podyn_create_profile(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    char *name = required_text(fcinfo, kName, "name");
    Arguments arguments = {fcinfo, 0};
    PreventCommandIfReadOnly("podyn_create_profile()");
    const char *hooks[catalog::kHooks];
    for (int hook = 0; hook < catalog::kHooks; ++hook)
        hooks[hook] = read_hook(arguments, hook);
    if (!arguments.null(kFilter))
        try_filter(arguments.string(kFilter));
    save(name, arguments, hooks);
    grant_reading(GetUserId());
    PG_RETURN_VOID();
}

Datum podyn_drop_profile(PG_FUNCTION_ARGS)
{
    podyn::drop(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    PG_RETURN_VOID();
}
}
