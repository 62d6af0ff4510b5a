// See locks.h.
#include "locks.h"

namespace podyn::locks {
namespace {

// Fourth tag field: SQL's functions use 1 and 2 (lockfuncs.c).
enum class Class : uint16 { kReplication = 0x7031, kSchema, kTask, kGrants };

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

}  // namespace

bool try_share_replication(int32 replication)
{
    return acquire(Class::kReplication, replication, ShareLock, false, true);
}

void own_replication(int32 replication)
{
    acquire(Class::kReplication, replication, ExclusiveLock, false, false);
}

void own_schema(int32 replication)
{
    acquire(Class::kSchema, replication, ExclusiveLock, false, false);
}

void own_grants()
{
    acquire(Class::kGrants, 0, ExclusiveLock, false, false);
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
