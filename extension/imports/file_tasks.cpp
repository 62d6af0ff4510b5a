// See file_tasks.h.
#include "imports/file_tasks.h"

#include "catalog/sql.h"

namespace podyn {

void add_file_tasks(int32 replication, const ImportFiles &files, int ready_stages)
{
    catalog::Scope scope = catalog::enter();
    for (int i = 0; i < files.count; ++i) {
        const ImportFile &file = files.files[i];
        catalog::run(
            "WITH added AS (INSERT INTO podyn.task (replication, kind, task, state) VALUES ($1, 'file', $2, "
            "CASE WHEN $3 < $8 THEN 'ready' ELSE 'waiting' END) RETURNING id) "
            "INSERT INTO podyn.file (task, stage, changes, size, md5, item_count) "
            "SELECT id, $3, $4, $5, $6, nullif($7, -1) FROM added",
            {catalog::int4(replication), catalog::text(file.name), catalog::int4(file.stage),
             catalog::boolean(file.changes), catalog::int8(file.size), catalog::text_or_null(file.md5),
             catalog::int8(file.item_count), catalog::int4(ready_stages)});
    }
    catalog::leave(scope);
}

void refuse_removals(const ImportFiles &files, const char *profile)
{
    for (int i = 0; i < files.count; ++i)
        if (files.files[i].changes)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("profile \"%s\" cannot apply the deletions of an incremental export", profile),
                            errdetail("It tells the key of a deleted item, but not which records transform or upsert "
                                      "made of it, alone or in a group."),
                            errhint("Load a full export of the later time, or use a profile without these two.")));
}

char *describe_files(const ImportFiles &files)
{
    if (files.exports == 0)
        return pstrdup("one file");
    return psprintf("%d %s, %d %s, %lld items", files.exports, files.exports == 1 ? "export" : "exports", files.count,
                    files.count == 1 ? "file" : "files", static_cast<long long>(files.item_count));
}

}  // namespace podyn
