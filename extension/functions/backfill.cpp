// See backfill.h.
#include "functions/backfill.h"

#include "functions/check_table.h"
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

}  // namespace podyn
