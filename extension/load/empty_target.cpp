// See empty_target.h.
#include "load/empty_target.h"

#include "catalog/sql.h"
#include "load/target.h"

namespace podyn {

bool will_empty_target(const catalog::Replication &replication)
{
    return replication.copy_data && replication.on_existing != OnExisting::kUpsert &&
           (replication.target_is_ours || replication.on_existing == OnExisting::kTruncate);
}

bool wants_empty_target(const catalog::Replication &replication)
{
    return replication.copy_data && replication.on_existing == OnExisting::kError && !replication.target_is_ours;
}

bool has_rows(const char *relation_name)
{
    SPI_connect();
    SPI_execute(psprintf("SELECT FROM %s LIMIT 1", relation_name), false, 1);
    bool found = SPI_processed > 0;
    SPI_finish();
    return found;
}

void require_truncatable(const char *name, Oid target)
{
    catalog::Scope scope = catalog::enter();
    bool referenced =
        catalog::run(
            "SELECT conname, conrelid::regclass::text FROM pg_constraint "
            "WHERE contype = 'f' AND confrelid = $1 AND conrelid <> $1 AND conparentid = 0 ORDER BY conname LIMIT 1",
            {catalog::oid(target)}) > 0;
    const char *constraint = referenced ? catalog::string(CurTransactionContext, 0, 1) : nullptr;
    const char *table = referenced ? catalog::string(CurTransactionContext, 0, 2) : nullptr;
    catalog::leave(scope);
    if (referenced)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("the target of replication \"%s\" cannot be emptied: table %s refers to it", name, table),
                 errdetail("Foreign key constraint \"%s\".", constraint),
                 errhint("Drop the constraint, and add it again after the copy.")));
}

void empty_target(const catalog::Replication &replication)
{
    LockRelationOid(replication.target, AccessExclusiveLock);
    Target *target = load_target(CurrentMemoryContext, replication);  // refuses one that is another owner's now
    alter_target(*target, psprintf("TRUNCATE %s", target->relation_name));
}

}  // namespace podyn
