// See as_owner.h.
#include "functions/as_owner.h"

#include "locks.h"
#include "setting_change.h"

namespace podyn {

void require_fresh_snapshots(const char *function)
{
    if (IsolationUsesXactSnapshot())
        ereport(ERROR,
                (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("%s needs isolation level READ COMMITTED", function),
                 errhint("Begin the transaction with: BEGIN ISOLATION LEVEL READ COMMITTED.")));
}

catalog::Replication *hold_own_replication(const char *name)
{
    for (;;) {
        catalog::Replication *found = catalog::get_own_replication(CurrentMemoryContext, name);
        locks::own_replication_soon(found->id);
        catalog::Replication *held = catalog::get_own_replication(CurrentMemoryContext, name);
        if (held->id == found->id)
            return held;
    }
}

void require_no_copy(const catalog::Replication &replication, const char *detail)
{
    if (!replication.imports && catalog::replication_standing(replication.id).spooling)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("replication \"%s\" has not copied and merged everything yet", replication.name),
                        errdetail("%s", detail),
                        errhint("Wait until it is streaming or completed; podyn_wait('%s', '%s') does.",
                                replication.name, replication.replay_changes ? "streaming" : "completed")));
}

void check_constraints_at_once()
{
    SPI_connect();
    SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
    SPI_finish();
}

Identity become_owner(const catalog::Replication &replication)
{
    Identity caller;
    GetUserIdAndSecContext(&caller.user, &caller.security_context);
    if (caller.user != replication.owner)
        SetUserIdAndSecContext(replication.owner,
                               caller.security_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    caller.guc_level = NewGUCNestLevel();
    set_for_a_while("search_path", "pg_catalog, pg_temp");
    set_for_a_while("row_security", "on");
    set_for_a_while("standard_conforming_strings", "on");
    return caller;
}

void become_caller(const Identity &caller)
{
    AtEOXact_GUC(false, caller.guc_level);
    SetUserIdAndSecContext(caller.user, caller.security_context);
}

}  // namespace podyn
