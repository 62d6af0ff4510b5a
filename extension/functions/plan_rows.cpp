// See plan_rows.h.
#include "functions/plan_rows.h"

#include "catalog/sql.h"
#include "shared.h"

namespace podyn {

void add_row(PlanRows *rows, const char *step, const char *format, ...)
{
    MemoryContext old = MemoryContextSwitchTo(rows->context);
    StringInfoData detail;
    initStringInfo(&detail);
    for (;;) {
        va_list arguments;
        va_start(arguments, format);
        int needed = appendStringInfoVA(&detail, format, arguments);
        va_end(arguments);
        if (needed == 0)
            break;
        enlargeStringInfo(&detail, needed);
    }
    auto *row = static_cast<PlanRow *>(palloc(sizeof(PlanRow)));
    *row = {step, detail.data};
    rows->rows = lappend(rows->rows, row);
    rows->errors += strcmp(step, "error") == 0;
    rows->warnings += strcmp(step, "warning") == 0;
    MemoryContextSwitchTo(old);
}

void add_error(PlanRows *rows, const ErrorData &error)
{
    add_row(rows, "error", "%s%s%s%s%s (SQLSTATE %s)", error.message, error.detail ? ": " : "",
            error.detail ? error.detail : "", error.hint ? "; " : "", error.hint ? error.hint : "",
            unpack_sql_state(error.sqlerrcode));
}

void add_rights(PlanRows *rows, Oid schema, const char *function)
{
    bool may_call = catalog::execute(
                        "SELECT FROM pg_proc WHERE proname = $3 AND pronamespace = $1 AND "
                        "has_function_privilege($2, oid, 'EXECUTE')",
                        {catalog::oid(schema), catalog::oid(GetUserId()), catalog::text(function)}) > 0;
    const char *role = quote_identifier(GetUserNameFromId(GetUserId(), false));
    if (!may_call)
        add_row(rows, "error", "role %s may not execute %s; GRANT EXECUTE ON FUNCTION %s TO %s (SQLSTATE 42501)", role,
                function, function, role);
    shared::attach();
    if (shared::count_processes(shared::Role::kLauncher, InvalidOid, InvalidOid) == 0)
        add_row(rows, "warning",
                "podyn is not preloaded: a restart of the server would end the work; add podyn "
                "to shared_preload_libraries");
}

void add_result(PlanRows *rows, const char *function)
{
    if (rows->errors > 0)
        add_row(rows, "result", "%s would fail: errors %d, warnings %d", function, rows->errors, rows->warnings);
    else
        add_row(rows, "result", "%s would succeed: warnings %d", function, rows->warnings);
}

}  // namespace podyn
