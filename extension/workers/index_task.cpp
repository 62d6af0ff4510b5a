// The index task of an import into a table of podyn's own: when the last file of the full export is done, it builds the
// table's indexes (load/late_indexes.h).
//
// An export of one table holds each key once, and DynamoDB's keys fit into an index. Where it is not so all the same,
// the build fails, and nobody can tell any more which row came first: then the table is emptied and loaded again, with
// its indexes kept up, so that on_conflict and podyn.error get what is theirs.
#include "catalog/files.h"
#include "catalog/journal.h"
#include "load/halving.h"
#include "load/late_indexes.h"
#include "settings.h"
#include "subtransaction.h"
#include "transaction.h"
#include "workers/running_task.h"

namespace podyn {
namespace {

void build(void *argument)
{
    const auto *replication = static_cast<const catalog::Replication *>(argument);
    int workers = replication->workers > 0 ? replication->workers : settings::max_workers;
    build_indexes(*replication, Min(workers, settings::max_workers));
}

void load_again(const catalog::Replication &replication, const ErrorData &error)
{
    empty_and_index(replication);
    catalog::load_files_again(replication.id);
    catalog::execute("DELETE FROM podyn.error WHERE name = $1", {catalog::text(replication.name)});
    char *message = psprintf("the files are loaded again, as the table's indexes could not be built behind them: %s",
                             message_of(error));
    ereport(LOG, (errmsg("import \"%s\": %s", replication.name, message)));
    catalog::record_event(replication.owner, replication.name, "again", message);
}

void on_time(RunningTask *task)
{
    catalog::Standing standing;
    if (begin_turn(task, &standing) != Turn::kGo)
        return;
    catalog::Replication *replication = task->job->replication;
    ErrorData *error = attempt(build, replication);
    if (error != nullptr && !is_item_error(error->sqlerrcode))
        ReThrowError(error);
    if (error != nullptr)
        load_again(*replication, *error);
    else
        record_done(task);
    commit_finished(task);
}

}  // namespace

const TaskMethods kIndexTask = {begin_at_once, nullptr, on_time, nullptr};

}  // namespace podyn
