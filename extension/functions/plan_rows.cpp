// See plan_rows.h.
#include "functions/plan_rows.h"

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

}  // namespace podyn
