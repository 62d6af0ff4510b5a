// See lock_holder.h.
#include "workers/lock_holder.h"

#include "catalog/sql.h"
#include "extension_identity.h"
#include "transaction.h"

namespace podyn {
namespace {

// Of several, the oldest transaction: the others wait for it, too.
const char *look(MemoryContext context, Oid relation)
{
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT format('process %s (%s) holds %s on %s', l.pid, a.usename, l.mode, l.relation::regclass) "
        "FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid WHERE l.locktype = 'relation' "
        "AND l.database = $1 AND l.relation = $2 AND l.granted AND a.backend_type NOT LIKE 'podyn %' "
        "ORDER BY a.xact_start, l.mode = 'AccessExclusiveLock' DESC LIMIT 1",
        {catalog::oid(MyDatabaseId), catalog::oid(relation)});
    const char *holder = rows == 1 ? catalog::string(context, 0, 1) : "";
    catalog::leave(scope);
    return holder;
}

}  // namespace

const char *describe_lock_holder(Oid relation)
{
    MemoryContext context = CurrentMemoryContext;
    begin_transaction();
    const char *holder = lock_extension() ? look(context, relation) : "";
    commit_transaction();
    MemoryContextSwitchTo(context);
    return holder;
}

}  // namespace podyn
