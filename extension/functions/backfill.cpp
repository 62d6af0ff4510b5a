// See backfill.h.
#include "functions/backfill.h"

#include "functions/export.h"
#include "imports/continuity.h"
#include "imports/sample.h"
#include "raise.h"

namespace podyn {
namespace {

void require_full_export(const ImportFiles &files, const ReplicateOptions &options)
{
    if (files.exports > 0 && files.full)
        return;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             files.exports == 0 ? errmsg("\"%s\" is a file, and no export", options.files_at)
                                : errmsg("there is no full export at \"%s\"", options.files_at),
             files.exports == 0 ? errhint("Nobody knows of which table and of what time it is: use podyn_import.")
                                : errhint("An incremental export holds changes only. Put the full export that they "
                                          "follow below the same prefix, or use podyn_import.")));
}

void require_exports_of(const engine::TableDescription &table, const ImportFiles &files)
{
    if (table.arn != files.table_arn)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the exports are of another table"),
                        errdetail("They are of %s, and the source is %s.", files.table_arn, copy_string(table.arn)),
                        errhint("Name the table that was exported, or another export.")));
}

void require_continuity(const Source &source, const engine::TableDescription &table, const ImportFiles &files)
{
    TimestampTz created = table.stream_enabled ? stream_creation_time(source, table) : GetCurrentTimestamp();
    Discontinuity gap = find_discontinuity(source.session, to_timestamp(files.until_us), created);
    if (gap.message != nullptr)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s", gap.message),
                        errdetail("%s", gap.detail), errhint("%s", gap.hint)));
}

ImportFiles find_exports(const Source &source, const engine::TableDescription &table, const ReplicateOptions &options)
{
    Place place = parse_place(options.files_at);
    if (place.bucket == nullptr)
        require_server_files(GetUserId());
    ImportFiles files = find_files(source, place, Gaps::kRefused);
    require_full_export(files, options);
    require_exports_of(table, files);
    if (options.changes)
        require_continuity(source, table, files);
    return files;
}

void report_unused_options(const ReplicateOptions &options)
{
    if (!options.reads_as_default)
        ereport(NOTICE, (errmsg("scan_rate, segments and consistent_read are not used: nothing is scanned"),
                         errhint("Leave them out, or give backfill => 'scan'.")));
}

}  // namespace

ImportFiles check_backfill(const Source &source, const engine::TableDescription &table, const ReplicateOptions &options,
                           engine::ScanPage *sample)
{
    if (options.backfill == Backfill::kScan)
        return {};
    report_unused_options(options);
    if (options.backfill == Backfill::kExport) {
        char *name = copy_string(table.name);
        require_recovery(describe_backups(source, name), name);
        return {};
    }
    ImportFiles files = find_exports(source, table, options);
    sample->items = read_sample(source, parse_place(options.files_at), files, options.nul_characters, kFewItems).items;
    return files;
}

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
