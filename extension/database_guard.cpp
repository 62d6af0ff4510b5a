// See database_guard.h. PostgreSQL counts background workers as sessions of their database and does not end them, so
// podyn does it before such a command. If the database is still there afterwards, the launcher gives it a supervisor
// again; without a launcher (podyn is not preloaded), the supervisor that left has seen to a successor.
#include "database_guard.h"

#include <csignal>

#include "compat.h"
#include "event_loop.h"
#include "shared.h"

namespace podyn {
namespace {

constexpr int kMaxWaits = 200;  // of 10 ms

ProcessUtility_hook_type previous_hook = nullptr;

const char *database_to_free(Node *statement)
{
    switch (nodeTag(statement)) {
        case T_DropdbStmt:
            return reinterpret_cast<DropdbStmt *>(statement)->dbname;
        case T_AlterDatabaseStmt: {
            ListCell *cell;
            foreach (cell, reinterpret_cast<AlterDatabaseStmt *>(statement)->options)
                if (strcmp(static_cast<DefElem *>(lfirst(cell))->defname, "tablespace") == 0)
                    return reinterpret_cast<AlterDatabaseStmt *>(statement)->dbname;
            return nullptr;
        }
        case T_RenameStmt: {
            auto *rename = reinterpret_cast<RenameStmt *>(statement);
            return rename->renameType == OBJECT_DATABASE ? rename->subname : nullptr;
        }
        case T_CreatedbStmt: {
            ListCell *cell;
            foreach (cell, reinterpret_cast<CreatedbStmt *>(statement)->options) {
                auto *option = static_cast<DefElem *>(lfirst(cell));
                if (strcmp(option->defname, "template") == 0 && option->arg != nullptr)
                    return defGetString(option);
            }
            return nullptr;
        }
        default:
            return nullptr;
    }
}

void free_database(Oid database)
{
    for (int i = 0; i < kMaxWaits && shared::signal_processes(database, SIGTERM) > 0; ++i) {
        (void)WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10, PG_WAIT_EXTENSION);
        CHECK_FOR_INTERRUPTS();
    }
}

void call_next(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
               ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver,
               QueryCompletion *completion)
{
    if (previous_hook != nullptr)
        previous_hook(statement, text, read_only, context, parameters, environment, receiver, completion);
    else
        standard_ProcessUtility(statement, text, read_only, context, parameters, environment, receiver, completion);
}

void process_utility(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
                     ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver,
                     QueryCompletion *completion)
{
    const char *name = database_to_free(statement->utilityStmt);
    Oid database = name != nullptr && shared::is_attached() ? get_database_oid(name, true) : InvalidOid;
    // Who may not drop the database may not stop its replications either.
    if (!OidIsValid(database) || database == MyDatabaseId || !owns_database(database, GetUserId()) ||
        shared::count_processes(shared::Role::kSupervisor, database, InvalidOid) +
                shared::count_processes(shared::Role::kWorker, database, InvalidOid) ==
            0) {
        call_next(statement, text, read_only, context, parameters, environment, receiver, completion);
        return;
    }
    shared::hold_database(database);
    free_database(database);
    call_next(statement, text, read_only, context, parameters, environment, receiver, completion);
}

// The lock of a session that is about to connect (InitPostgres) conflicts with those of the commands, and with no
// other. They wait for no lock of ours, so it is enough to look who holds one.
bool is_held_against_new_sessions(Oid database)
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
    int holders = 0;
    pfree(GetLockConflicts(&tag, RowExclusiveLock, &holders));
    return holders > 0;
}

}  // namespace

bool somebody_needs_our_database()
{
    static int64 next_look = 0;
    static bool needed = false;
    int64 time = now().monotonic_us;
    if (needed || time < next_look)
        return needed;
    next_look = time + kLookAtDatabase * 1000;
    return needed = is_held_against_new_sessions(MyDatabaseId);
}

void guard_databases()
{
    previous_hook = ProcessUtility_hook;
    ProcessUtility_hook = process_utility;
}

}  // namespace podyn
