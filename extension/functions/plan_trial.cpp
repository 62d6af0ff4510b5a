// See plan_trial.h.
#include "functions/plan_trial.h"

#include "functions/ddl_recorder.h"
#include "setting_change.h"

namespace podyn {
namespace {

// Undoes what was done, without being an error.
constexpr int kPlanned = MAKE_SQLSTATE('R', 'B', 'A', 'C', 'K');

struct Trial {
    void (*action)(void *);
    void *argument;
};

// Ends with an error in any case: of the trial, or kPlanned.
void try_it(void *opaque)
{
    auto *trial = static_cast<Trial *>(opaque);
    set_for_transaction("client_min_messages", "error");  // rows tell it
    set_for_transaction("lock_timeout", "1s");
    trial->action(trial->argument);
    ereport(ERROR, (errcode(kPlanned), errmsg("planned")));
}

}  // namespace

void try_and_undo(PlanRows *rows, void (*trial)(void *), void *argument)
{
    RecordedDdl ddl = {CurrentMemoryContext, NIL};
    Trial action = {trial, argument};
    ErrorData *volatile error = nullptr;
    PG_TRY();
    {
        record_ddl(&ddl);
        error = attempt(try_it, &action);
    }
    PG_CATCH();
    {
        stop_recording_ddl();
        PG_RE_THROW();
    }
    PG_END_TRY();
    stop_recording_ddl();
    ListCell *cell;
    foreach (cell, ddl.statements)
        add_row(rows, "ddl", "%s", static_cast<const char *>(lfirst(cell)));
    if (error->sqlerrcode != kPlanned)
        add_error(rows, *error);
}

}  // namespace podyn
