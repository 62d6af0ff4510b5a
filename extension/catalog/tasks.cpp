// See tasks.h.
#include "catalog/tasks.h"

namespace podyn::catalog {
namespace {

constexpr const char *kKindNames[] = {"setup", "segment", "export", "file",     "stream",
                                      "shard", "merge",   "prune",  "complete", "index"};

constexpr int64 kMostPieces = 128;  // of one replication; podyn.max_workers is at most 64

constexpr char kColumns[] =
    "t.id, t.replication, t.kind, t.task, t.position, t.read_through, "
    "coalesce(t.retry_at <= clock_timestamp(), true), r.revision, coalesce(r.workers, 0)";

TaskKind kind_of(const char *name)
{
    int kind = 0;
    while (strcmp(kKindNames[kind], name) != 0)
        ++kind;
    return static_cast<TaskKind>(kind);
}

void read(MemoryContext context, uint64 row, Task *task)
{
    task->id = get_int8(row, 1);
    task->replication = get_int4(row, 2);
    task->kind = kind_of(string(CurrentMemoryContext, row, 3));
    task->name = string(context, row, 4);
    task->position = string(context, row, 5);
    task->read_through = is_null(row, 6) ? 0 : DatumGetTimestampTz(value(row, 6));
    task->may_begin = get_boolean(row, 7);
    task->revision = get_int4(row, 8);
    task->workers = get_int4(row, 9);
}

}  // namespace

const char *task_kind_name(TaskKind kind)
{
    return kKindNames[static_cast<int>(kind)];
}

TaskList ready_tasks(MemoryContext context, Oid owner)
{
    Scope scope = enter();
    char *statement = psprintf(
        "WITH mine AS (SELECT * FROM podyn.replication WHERE owner = $1 AND enabled AND failure IS NULL) "
        "SELECT %s FROM mine AS r JOIN podyn.task AS t ON t.replication = r.id WHERE t.state = 'ready' "
        "AND t.kind NOT IN ('segment', 'file') UNION ALL "
        "SELECT %s FROM mine AS r CROSS JOIN LATERAL (SELECT * FROM podyn.task AS s WHERE s.replication = r.id "
        "AND s.state = 'ready' AND s.kind IN ('segment', 'file') ORDER BY s.id LIMIT $2) AS t WHERE r.phase = "
        "'copying' "
        "ORDER BY 1",
        kColumns, kColumns);
    uint64 rows = run(statement, {regrole(owner), int8(kMostPieces)});
    TaskList list = {};
    list.tasks = static_cast<Task *>(MemoryContextAllocZero(context, sizeof(Task) * (rows + 1)));
    for (uint64 row = 0; row < rows; ++row)
        read(context, row, &list.tasks[list.count++]);
    leave(scope);
    return list;
}

Task *find_task(MemoryContext context, int64 id)
{
    Scope scope = enter();
    char *statement = psprintf(
        "SELECT %s FROM podyn.task AS t JOIN podyn.replication AS r ON r.id = t.replication "
        "WHERE t.id = $1 AND t.state = 'ready'",
        kColumns);
    Task *task = nullptr;
    if (run(statement, {int8(id)}) == 1) {
        task = static_cast<Task *>(MemoryContextAllocZero(context, sizeof(Task)));
        read(context, 0, task);
    }
    leave(scope);
    return task;
}

void save_progress(int64 task, const char *from, const Progress &progress)
{
    uint64 rows = execute(
        "UPDATE podyn.task SET position = coalesce($2, position), "
        "state = CASE WHEN $3 THEN 'done' ELSE state END, done_at = CASE WHEN $3 THEN clock_timestamp() END, "
        "items = items + $4, items_read = items_read + $12, skipped = skipped + $13, changes = changes + $5, spooled = "
        "spooled + $6, read_units = read_units + $7, "
        "throttled = throttled + $8, read_through = coalesce($9, read_through), "
        "last_change_at = coalesce($10, last_change_at), retry_at = NULL, last_error = NULL, last_error_at = NULL "
        "WHERE id = $1 AND state = 'ready' AND position IS NOT DISTINCT FROM $11",
        {int8(task), text_or_null(progress.position), boolean(progress.done), int8(progress.items),
         int8(progress.changes), int8(progress.spooled), float8(progress.read_units), int8(progress.throttled),
         timestamp_or_null(progress.read_through), timestamp_or_null(progress.last_change_at), text_or_null(from),
         int8(progress.items_read), int8(progress.skipped)});
    if (rows != 1)
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("the task has been taken away meanwhile")));
}

void forget_progress(int64 task)
{
    execute("UPDATE podyn.task SET position = NULL, items = 0, items_read = 0, skipped = 0 WHERE id = $1",
            {int8(task)});
}

void save_retry(int64 task, TimestampTz retry_at, const char *error, int64 throttled)
{
    execute(
        "UPDATE podyn.task SET retry_at = $2, last_error = $3, last_error_at = clock_timestamp(), "
        "throttled = throttled + $4 WHERE id = $1 AND state = 'ready'",
        {int8(task), timestamp_or_null(retry_at), text(error), int8(throttled)});
}

void add_task(int32 replication, TaskKind kind, std::string_view name, std::string_view parent, const char *state,
              TimestampTz read_through)
{
    execute(
        "INSERT INTO podyn.task (replication, kind, task, parent, state, read_through, done_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $5 = 'done' THEN clock_timestamp() END)",
        {int4(replication), text(task_kind_name(kind)), text(name), text_or_null(parent), text(state),
         timestamp_or_null(read_through)});
}

void release_children(int32 replication, const char *shard, TimestampTz read_through)
{
    execute(
        "UPDATE podyn.task SET state = 'ready', read_through = $3 "
        "WHERE replication = $1 AND kind = 'shard' AND parent = $2 AND state = 'waiting'",
        {int4(replication), text(shard), timestamp_or_null(read_through)});
}

uint64 release_missed_children()
{
    return execute(
        "UPDATE podyn.task AS child SET state = 'ready', read_through = parent.read_through FROM podyn.task AS parent "
        "WHERE child.kind = 'shard' AND child.state = 'waiting' AND parent.replication = child.replication "
        "AND parent.kind = 'shard' AND parent.task = child.parent AND parent.state = 'done'");
}

}  // namespace podyn::catalog
