// The complete task of an import or a copy with a profile: when everything else is done, it runs hook on_complete, if
// there is one, in a transaction that also says that it has. An error ends the replication; podyn_start tries again.
#include "catalog/profiles.h"
#include "raise.h"
#include "subtransaction.h"
#include "transaction.h"
#include "workers/running_task.h"

namespace podyn {
namespace {

struct Call {
    const char *function;
    const char *import;
};

void call_hook(void *argument)
{
    auto *call = static_cast<Call *>(argument);
    Oid types[] = {TEXTOID};
    Datum values[] = {CStringGetTextDatum(call->import)};
    char *statement = psprintf("SELECT %s($1)", call->function);
    SPI_connect();
    if (SPI_execute_with_args(statement, 1, types, values, nullptr, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not execute: %s", statement);
    SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
    SPI_finish();
}

// Null: it has succeeded, or there is none.
ErrorData *run_hook(const RunningTask *task)
{
    const catalog::Replication &replication = *task->job->replication;
    catalog::Profile *profile = catalog::get_profile(CurrentMemoryContext, replication.profile, replication.owner);
    Call call = {profile->function(catalog::Hook::kOnComplete), replication.name};
    return call.function == nullptr ? nullptr : attempt(call_hook, &call);
}

void on_time(RunningTask *task)
{
    catalog::Standing standing;
    if (begin_turn(task, &standing) != Turn::kGo)
        return;
    ErrorData *error = run_hook(task);
    if (error != nullptr && is_passing(error->sqlerrcode))
        ReThrowError(error);
    if (error != nullptr) {
        char *reason = MemoryContextStrdup(task->run, psprintf("on_complete failed: %s", message_of(*error)));
        commit_transaction();
        end_replication(task, "failed", reason);
        return;
    }
    record_done(task);
    commit_finished(task);
}

}  // namespace

const TaskMethods kCompleteTask = {begin_at_once, nullptr, on_time, nullptr};

}  // namespace podyn
