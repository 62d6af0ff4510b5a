// See locks.h.
#include "locks.h"

#include "catalog/sql.h"
#include "shared.h"

namespace podyn::locks {
namespace {

// Fourth tag field: SQL's functions use 1 and 2 (lockfuncs.c).
enum class Class : uint16 { kReplication = 0x7031, kSchema, kTask, kGrants, kDifferences };

LOCKTAG tag(Class kind, int64 id)
{
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(id >> 32), static_cast<uint32>(id),
                         static_cast<uint16>(kind));
    return tag;
}

bool acquire(Class kind, int64 id, LOCKMODE mode, bool session, bool do_not_wait)
{
    LOCKTAG lock = tag(kind, id);
    return LockAcquire(&lock, mode, session, do_not_wait) != LOCKACQUIRE_NOT_AVAIL;
}

constexpr int kPatience = 500;  // milliseconds
constexpr int kTryAgain = 10;

// Only podyn's workers: another user who holds it is to be waited for.
void cancel_holders(Class kind, int64 id)
{
    LOCKTAG lock = tag(kind, id);
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT pid::int8 FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = $1 "
        "AND classid::int8 = $2 AND objid::int8 = $3 AND objsubid = $4",
        {catalog::oid(MyDatabaseId), catalog::int8(lock.locktag_field2), catalog::int8(lock.locktag_field3),
         catalog::int4(lock.locktag_field4)});
    for (uint64 row = 0; row < rows; ++row)
        shared::cancel_worker(static_cast<pid_t>(catalog::get_int8(row, 1)));
    catalog::leave(scope);
}

}  // namespace

bool try_share_replication(int32 replication)
{
    return acquire(Class::kReplication, replication, ShareLock, false, true);
}

void own_replication(int32 replication)
{
    acquire(Class::kReplication, replication, ExclusiveLock, false, false);
}

void own_replication_soon(int32 replication)
{
    for (int waited = 0; waited < kPatience; waited += kTryAgain) {
        if (acquire(Class::kReplication, replication, ExclusiveLock, false, true))
            return;
        (void)WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kTryAgain, PG_WAIT_EXTENSION);
        CHECK_FOR_INTERRUPTS();
    }
    cancel_holders(Class::kReplication, replication);
    own_replication(replication);
}

void own_schema(int32 replication)
{
    acquire(Class::kSchema, replication, ExclusiveLock, false, false);
}

void own_grants()
{
    acquire(Class::kGrants, 0, ExclusiveLock, false, false);
}

void own_differences(int32 replication)
{
    acquire(Class::kDifferences, replication, ExclusiveLock, false, false);
}

bool try_own_differences(int32 replication)
{
    return acquire(Class::kDifferences, replication, ExclusiveLock, false, true);
}

bool try_claim_task(int64 task)
{
    return acquire(Class::kTask, task, ExclusiveLock, true, true);
}

void release_task(int64 task)
{
    LOCKTAG lock = tag(Class::kTask, task);
    LockRelease(&lock, ExclusiveLock, true);
}

}  // namespace podyn::locks
