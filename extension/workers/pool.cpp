// See pool.h.
#include "workers/pool.h"

#include "settings.h"
#include "shared.h"

namespace podyn {
namespace {

bool wake_pending = false;
bool callback_registered = false;

void wake_on_commit(XactEvent event, void *)
{
    // Nobody would wake them at COMMIT PREPARED.
    if (wake_pending && event == XACT_EVENT_PRE_PREPARE)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot PREPARE a transaction that has started a replication"), errhint("Use COMMIT.")));
    if (!wake_pending || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT))
        return;
    wake_pending = false;
    if (event == XACT_EVENT_ABORT)
        return;
    shared::wake(MyDatabaseId);
    // The supervisor may have gone for lack of work since start_processes looked.
    if (shared::count_processes(shared::Role::kSupervisor, MyDatabaseId, InvalidOid) == 0)
        (void)shared::launch(shared::Role::kSupervisor, MyDatabaseId, InvalidOid);
}

void warn_if_not_preloaded()
{
    if (shared::count_processes(shared::Role::kLauncher, InvalidOid, InvalidOid) == 0)
        ereport(WARNING, (errmsg("podyn is not preloaded: its workers will not survive a restart of the server"),
                          errhint("Add podyn to \"shared_preload_libraries\" and restart the server.")));
}

void launch_or_raise(shared::Role role, Oid owner)
{
    if (shared::launch(role, MyDatabaseId, owner) == shared::Launch::kNoServerSlot)
        ereport(ERROR,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("no background worker slot is free"),
                 errdetail("podyn needs one for its supervisor in each database and one for each worker."),
                 errhint("Raise \"max_worker_processes\" (now %d) and restart the server.", max_worker_processes)));
}

}  // namespace

void start_processes(Oid owner)
{
    shared::attach();
    warn_if_not_preloaded();
    if (shared::count_processes(shared::Role::kSupervisor, MyDatabaseId, InvalidOid) == 0)
        launch_or_raise(shared::Role::kSupervisor, InvalidOid);
    // The supervisor gives the owner a worker later if the pool is full now.
    if (shared::count_processes(shared::Role::kWorker, MyDatabaseId, owner) == 0)
        launch_or_raise(shared::Role::kWorker, owner);
    wake_at_commit();
}

void wake_at_commit()
{
    shared::attach();
    if (!callback_registered) {
        RegisterXactCallback(wake_on_commit, nullptr);
        callback_registered = true;
    }
    wake_pending = true;
}

}  // namespace podyn
