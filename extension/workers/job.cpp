// See job.h.
#include "workers/job.h"

#include "imports/place.h"
#include "source.h"

namespace podyn {
namespace {

Job *jobs = nullptr;

void invalidate_targets(Datum, Oid relation)
{
    for (Job *job = jobs; job != nullptr; job = job->next)
        if (!OidIsValid(relation) || job->replication->target == relation)
            job->target_valid = false;
}

// A schema was renamed, perhaps the target's: its qualified name is another one.
void invalidate_names(Datum, int, uint32)
{
    for (Job *job = jobs; job != nullptr; job = job->next)
        job->target_valid = false;
}

void invalidate_sessions(Datum, int, uint32)
{
    for (Job *job = jobs; job != nullptr; job = job->next)
        job->stale = true;
}

void unlink(Job *job)
{
    Job **link = &jobs;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
}

Job *find_job(int32 replication, const catalog::Standing &standing)
{
    for (Job *job = jobs; job != nullptr; job = job->next)
        if (job->replication->id == replication && is_current(*job, standing))
            return job;
    return nullptr;
}

// An import from the server's file system asks nobody.
bool reads_server_files(const catalog::Replication &replication)
{
    return replication.imports && parse_place(replication.source).bucket == nullptr;
}

Job *make_job(int32 id)
{
    // Below the transaction's context until it is complete, so that an error frees it.
    MemoryContext context = AllocSetContextCreate(CurTransactionContext, "podyn job", ALLOCSET_DEFAULT_SIZES);
    catalog::Replication *replication = catalog::find_replication(context, id);
    if (replication == nullptr)
        return nullptr;
    auto *job = static_cast<Job *>(MemoryContextAllocZero(context, sizeof(Job)));
    job->context = context;
    job->replication = replication;
    if (!reads_server_files(*replication))
        job->session = open_source(context, replication->server, replication->owner);
    job->live = shared::replication(id, replication->owner);
    MemoryContextSetParent(context, TopMemoryContext);
    job->next = jobs;
    jobs = job;
    return job;
}

}  // namespace

bool is_current(const Job &job, const catalog::Standing &standing)
{
    return !job.stale && job.replication->positions_at == standing.positions_at &&
           job.replication->revision == standing.revision;
}

Job *use_job(int32 replication, const catalog::Standing &standing)
{
    Job *job = find_job(replication, standing);
    if (job == nullptr)
        job = make_job(replication);
    if (job != nullptr)
        ++job->references;
    return job;
}

void release_job(Job *job)
{
    if (--job->references > 0)
        return;
    unlink(job);
    MemoryContextDelete(job->context);
}

Target *current_target(Job *job)
{
    // Locked first: what other sessions did to it before is known then, and later they wait.
    LockRelationOid(job->replication->target, RowExclusiveLock);
    AcceptInvalidationMessages();
    if (job->target != nullptr && job->target_valid)
        return job->target;
    if (job->target != nullptr) {
        MemoryContextDelete(job->target->context);
        job->target = nullptr;
    }
    job->target_valid = true;
    job->target = load_target(job->context, *job->replication);
    return job->target;
}

void watch_targets()
{
    CacheRegisterRelcacheCallback(invalidate_targets, 0);
    CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_names, 0);
    CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate_sessions, 0);
    CacheRegisterSyscacheCallback(USERMAPPINGOID, invalidate_sessions, 0);
}

}  // namespace podyn
