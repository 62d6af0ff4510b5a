// The rows of podyn_plan, collected while the plan goes on, whatever is rolled back meanwhile.
#pragma once

#include "subtransaction.h"

namespace podyn {

struct PlanRow {
    const char *step;  // a constant
    char *detail;
};

struct PlanRows {
    MemoryContext context;
    List *rows;  // of PlanRow
    int errors;
    int warnings;
};

void add_row(PlanRows *rows, const char *step, const char *format, ...) pg_attribute_printf(3, 4);
// What an error says, as a row of step 'error'.
void add_error(PlanRows *rows, const ErrorData &error);

// What the caller lacks to call this function of the schema, and what the server lacks to go on after a restart.
void add_rights(PlanRows *rows, Oid schema, const char *function);
// The last row.
void add_result(PlanRows *rows, const char *function);

// attempt() for a caller who turns the error into a row. True: the action has succeeded.
template <typename Argument>
bool attempt(PlanRows *rows, void (*action)(Argument *), Argument *argument)
{
    struct Call {
        void (*action)(Argument *);
        Argument *argument;
    } call = {action, argument};
    ErrorData *error = attempt(
        [](void *opaque) {
            auto *its = static_cast<Call *>(opaque);
            its->action(its->argument);
        },
        &call);
    if (error != nullptr)
        add_error(rows, *error);
    return error == nullptr;
}

}  // namespace podyn
