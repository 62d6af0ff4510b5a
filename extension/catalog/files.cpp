// See files.h.
#include "catalog/files.h"

#include "catalog/sql.h"
#include "catalog/tasks.h"

namespace podyn::catalog {

File *find_file(MemoryContext context, int64 task)
{
    Scope scope = enter();
    File *file = nullptr;
    if (run("SELECT f.changes, coalesce(f.size, -1), f.md5, coalesce(f.item_count, -1), t.items_read "
            "FROM podyn.file AS f JOIN podyn.task AS t ON t.id = f.task WHERE f.task = $1",
            {int8(task)}) == 1) {
        file = static_cast<File *>(MemoryContextAllocZero(context, sizeof(File)));
        *file = {get_boolean(0, 1), get_int8(0, 2), string(context, 0, 3), get_int8(0, 4), get_int8(0, 5)};
    }
    leave(scope);
    return file;
}

void forget_file(int64 task, const char *import, const char *source)
{
    forget_progress(task);
    execute("UPDATE podyn.file SET size = NULL WHERE task = $1", {int8(task)});
    execute("DELETE FROM podyn.error WHERE name = $1 AND source = $2", {text(import), text(source)});
}

void release_first_files(int32 replication)
{
    execute(
        "UPDATE podyn.task AS t SET state = 'ready' FROM podyn.file AS f "
        "WHERE t.replication = $1 AND f.task = t.id AND f.stage = 0",
        {int4(replication)});
}

void load_files_again(int32 replication)
{
    execute(
        "UPDATE podyn.task AS t SET state = CASE t.kind WHEN 'file' THEN 'ready' ELSE 'waiting' END, position = NULL, "
        "items = 0, items_read = 0, skipped = 0, done_at = NULL WHERE t.replication = $1 AND (t.kind = 'index' OR "
        "EXISTS (SELECT FROM podyn.file AS f WHERE f.task = t.id AND f.stage = 0))",
        {int4(replication)});
}

uint64 release_next_files()
{
    uint64 indexes = execute(
        "UPDATE podyn.task AS t SET state = 'ready' FROM podyn.replication AS r WHERE t.kind = 'index' "
        "AND t.state = 'waiting' AND r.id = t.replication AND r.phase = 'copying' AND NOT EXISTS (SELECT FROM "
        "podyn.task AS other JOIN podyn.file AS f ON f.task = other.id WHERE other.replication = t.replication "
        "AND f.stage = 0 AND other.state <> 'done')");
    uint64 files = execute(
        "UPDATE podyn.task AS t SET state = 'ready' FROM podyn.file AS f, podyn.replication AS r "
        "WHERE f.task = t.id AND t.state = 'waiting' AND r.id = t.replication AND r.phase = 'copying' AND NOT EXISTS "
        "(SELECT FROM podyn.task AS other JOIN podyn.file AS earlier ON earlier.task = other.id "
        "WHERE other.replication = t.replication AND earlier.stage < f.stage AND other.state <> 'done') "
        "AND NOT (f.stage > 0 AND EXISTS (SELECT FROM podyn.task AS late WHERE late.replication = t.replication "
        "AND late.kind = 'index' AND late.state <> 'done'))");
    return indexes + files +
           execute(
               "UPDATE podyn.task AS t SET state = 'ready' FROM podyn.replication AS r "
               "WHERE t.kind = 'complete' AND t.state = 'waiting' AND r.id = t.replication AND r.phase = 'copying' AND "
               "NOT "
               "EXISTS (SELECT FROM podyn.task AS other WHERE other.replication = t.replication AND other.kind IN "
               "('segment', 'export', 'file', 'prune') AND other.state <> 'done')");
}

}  // namespace podyn::catalog
