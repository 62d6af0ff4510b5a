// The launcher: one process for the server. At start it gives every database a supervisor, which leaves at once where
// there is nothing to do; later it replaces supervisors that ended though they had work.
#include "compat.h"
#include "shared.h"
#include "workers/process.h"

namespace podyn {
namespace {

constexpr long kBetweenLaunches = 100;   // milliseconds: many databases must not take all slots of the server at once
constexpr long kBetweenRestarts = 1000;  // and a supervisor that always fails must not keep the server busy

List *connectable_databases(MemoryContext context)
{
    List *databases = NIL;
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection))) {
        auto *database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        if (!database->datallowconn)
            continue;
        MemoryContext old = MemoryContextSwitchTo(context);
        databases = lappend_oid(databases, database->oid);
        MemoryContextSwitchTo(old);
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
    CommitTransactionCommand();
    return databases;
}

bool still_exists(Oid database)
{
    List *databases = connectable_databases(CurrentMemoryContext);
    bool exists = list_member_oid(databases, database);
    list_free(databases);
    return exists;
}

// Goes on until the database has a supervisor or is gone.
void launch_supervisor(Oid database)
{
    bool told = false;
    while (still_exists(database) && shared::count_processes(shared::Role::kSupervisor, database, InvalidOid) == 0) {
        shared::Launch launch = shared::launch(shared::Role::kSupervisor, database, InvalidOid);
        if (launch == shared::Launch::kLaunched)
            return;
        if (launch == shared::Launch::kNoServerSlot && !told)
            ereport(LOG, (errmsg("podyn launcher found no free background worker slot for a supervisor"),
                          errhint("Raise \"max_worker_processes\" (now %d).", max_worker_processes)));
        told = launch == shared::Launch::kNoServerSlot;
        wait_for_latch(kBetweenRestarts);
    }
}

void run()
{
    ListCell *cell;
    foreach (cell, connectable_databases(TopMemoryContext)) {
        launch_supervisor(lfirst_oid(cell));
        wait_for_latch(kBetweenLaunches);
    }
    for (;;) {
        for (Oid database; OidIsValid(database = shared::next_orphaned_database());) {
            wait_for_latch(kBetweenRestarts);
            launch_supervisor(database);
        }
        wait_for_latch(-1);
    }
}

}  // namespace
}  // namespace podyn

extern "C" PGDLLEXPORT void podyn_launcher_main(Datum)
{
    podyn::set_up_signals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    podyn::shared::attach_launcher();
    podyn::run();
}
