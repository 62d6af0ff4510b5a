// See exports.h.
#include "imports/exports.h"

#include "engine/files.h"
#include "event_loop.h"
#include "raise.h"

namespace podyn {
namespace {

constexpr size_t kMostSummaryBytes = 1 << 20;
constexpr size_t kMostManifestBytes = 512 << 20;  // some two million files
constexpr char kSummary[] = "manifest-summary.json";
constexpr char kFolder[] = "AWSDynamoDB";  // under an export's prefix

struct Export {
    Place place;
    engine::ExportSummary summary;
    // Microseconds since 1970 UTC: what it contains. Of a full export both are its time.
    int64 from;
    int64 to;
};

char *describe_time(int64 unix_us)
{
    return pstrdup(timestamptz_to_str(to_timestamp(unix_us)));
}

[[noreturn]] void refuse_unfinished(const Place &place)
{
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("export %s is not finished", describe(place)),
             errhint("Import it when its status is COMPLETED; podyn_exports shows it.")));
}

// Null: there is none.
Export *read_export(const Source &source, const Place &place)
{
    size_t length;
    char *text = read_beginning(source, inside(place, kSummary), kMostSummaryBytes, &length);
    if (text == nullptr)
        return nullptr;
    auto *found = static_cast<Export *>(palloc0(sizeof(Export)));
    found->place = place;
    engine::Summary *handle = nullptr;
    check(engine::parse_export_summary({text, length}, &handle, &found->summary),
          psprintf("%s of export %s", kSummary, describe(place)));
    own<engine::Summary>(CurrentMemoryContext, handle, engine::destroy);
    const engine::ExportSummary &summary = found->summary;
    found->from = summary.incremental ? summary.from_time_us : summary.export_time_us;
    found->to = summary.incremental ? summary.to_time_us : summary.export_time_us;
    if (!summary.finished)
        refuse_unfinished(place);
    return found;
}

// An export that is under way has written nothing but its mark.
void require_finished(const Source &source, const Place &place)
{
    StoredFile file;
    if (is_file(source, inside(place, "_started"), &file))
        refuse_unfinished(place);
}

List *read_exports_below(const Source &source, const Place &place)
{
    List *exports = NIL;
    ListCell *cell;
    foreach (cell, directories(source, place)) {
        Place below = inside(place, static_cast<char *>(lfirst(cell)));
        Export *found = read_export(source, below);
        if (found != nullptr)
            exports = lappend(exports, found);
        else
            require_finished(source, below);
    }
    return exports;
}

// The exports at a place: an export's own folder, the folder AWSDynamoDB, or the prefix above it.
List *read_exports(const Source &source, const Place &place)
{
    Export *own_folder = read_export(source, place);
    if (own_folder != nullptr)
        return list_make1(own_folder);
    require_finished(source, place);
    List *exports = read_exports_below(source, inside(place, kFolder));
    if (exports == NIL)
        exports = read_exports_below(source, place);
    if (exports == NIL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FILE), errmsg("no export found at %s", describe(place)),
                        errdetail("There is no file %s, neither there nor in folders below.", kSummary),
                        errhint("Give an export's own folder, <prefix>/%s/<export id>, the prefix that holds "
                                "exports, or a single file of items.",
                                kFolder)));
    return exports;
}

int by_period(const ListCell *left, const ListCell *right)
{
    auto *a = static_cast<const Export *>(lfirst(left));
    auto *b = static_cast<const Export *>(lfirst(right));
    if (a->summary.incremental != b->summary.incremental)
        return a->summary.incremental ? 1 : -1;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return a->to < b->to ? -1 : a->to > b->to ? 1 : 0;
}

void require_same_table(const Export &first, const Export &other)
{
    if (first.summary.table_arn == other.summary.table_arn && first.summary.table_id == other.summary.table_id)
        return;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the exports are of different tables"),
             errdetail("%s is of %s (%s), %s of %s (%s).", describe(first.place), copy_string(first.summary.table_arn),
                       copy_string(first.summary.table_id), describe(other.place), copy_string(other.summary.table_arn),
                       copy_string(other.summary.table_id)),
             errhint("Import each export by its own folder.")));
}

void check_gap(const Export &before, const Export &next, Gaps gaps)
{
    if (next.from <= before.to)
        return;
    ereport(
        gaps == Gaps::kAllowed ? NOTICE : ERROR,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
         errmsg("no export contains the changes from %s to %s", describe_time(before.to), describe_time(next.from)),
         errdetail("%s ends at the one time, %s begins at the other.", describe(before.place), describe(next.place)),
         gaps == Gaps::kAllowed      ? 0
         : gaps == Gaps::kNotAllowed ? errhint("Export that period too, or give allow_gaps => true.")
                                     : errhint("Export that period too.")));
}

// The exports that belong together, in the order in which they have to be loaded.
List *order_chain(List *exports, Gaps gaps, List **left_out)
{
    list_sort(exports, by_period);
    auto *first = static_cast<Export *>(linitial(exports));
    List *chain = list_make1(first);
    const Export *last = first;
    for (int i = 1; i < list_length(exports); ++i) {
        auto *next = static_cast<Export *>(list_nth(exports, i));
        require_same_table(*first, *next);
        if (!next->summary.incremental)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is more than one full export"),
                            errdetail("%s is of %s, %s of %s.", describe(first->place), describe_time(first->to),
                                      describe(next->place), describe_time(next->to)),
                            errhint("Import one by its own folder.")));
        if (next->to <= last->to) {
            *left_out = lappend(*left_out, describe(next->place));
            ereport(NOTICE, (errmsg("export %s is left out: all its changes are older than %s", describe(next->place),
                                    describe_time(last->to))));
            continue;
        }
        check_gap(*last, *next, gaps);
        chain = lappend(chain, next);
        last = next;
    }
    return chain;
}

// The folder of a key, with its slash; null at the top.
char *folder_of(const char *key)
{
    size_t length = strlen(key);
    if (length > 0 && key[length - 1] == '/')
        --length;
    while (length > 0 && key[length - 1] != '/')
        --length;
    return length == 0 ? nullptr : pnstrdup(key, length);
}

// The key's part behind the folder; null: it is not in there.
const char *below(const char *folder, const char *key)
{
    size_t length = folder == nullptr ? 0 : strlen(folder);
    return length > 0 && strncmp(key, folder, length) == 0 ? key + length : nullptr;
}

// A data file's place relative to its export's folder: data/… of a full one, ../data/… of an incremental one. The
// files may have been copied elsewhere since, so only that is taken from the manifest.
const char *relative_name(const Export &from, const char *key)
{
    char *folder = folder_of(copy_string(from.summary.manifest_files_key));
    const char *inner = below(folder, key);
    const char *beside = folder == nullptr ? nullptr : below(folder_of(folder), key);
    const char *name = inner != nullptr ? inner : beside;
    if (name == nullptr || strstr(name, "..") != nullptr)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("export %s names a file outside of it: \"%s\"", describe(from.place), key),
                        errhint("Compare %s with the original.", "manifest-files.json")));
    return inner != nullptr ? inner : psprintf("../%s", beside);
}

// The folder in which the last file was looked for: an export has one for all of them.
struct Folder {
    const char *path;  // null: none yet
    Listing listing;
};

const StoredFile *find_stored(const Source &source, const Place &place, Folder *folder)
{
    const char *slash = strrchr(place.path, '/');
    const char *path = slash == nullptr ? "" : pnstrdup(place.path, static_cast<size_t>(slash - place.path));
    if (folder->path == nullptr || strcmp(folder->path, path) != 0)
        *folder = {path, list_files(source, {place.bucket, path})};
    return find_file(folder->listing, slash == nullptr ? place.path : slash + 1);
}

ImportFile make_file(const Source &source, const Export &from, const engine::ExportFile &listed, int stage,
                     Folder *folder)
{
    const char *relative = relative_name(from, copy_string(listed.key));
    Place place = inside(from.place, relative);
    const StoredFile *stored = find_stored(source, place, folder);
    if (stored == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FILE),
                        errmsg("file %s of export %s is missing", describe(place), describe(from.place)),
                        errhint("Copy it there, or export anew.")));
    char *name = place.bucket != nullptr ? pstrdup(place.path) : resolve_file(place, inside(from.place, "../"));
    return {name, stage, from.summary.incremental, stored->size, copy_string(listed.md5), listed.item_count};
}

void add_files(const Source &source, const Export &from, int stage, ImportFiles *files)
{
    const char *key = copy_string(from.summary.manifest_files_key);
    const char *slash = strrchr(key, '/');
    Place manifest = inside(from.place, slash == nullptr ? key : slash + 1);
    size_t length;
    char *text = read_beginning(source, manifest, kMostManifestBytes, &length);
    if (text == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FILE), errmsg("file %s is missing", describe(manifest)),
                        errhint("Copy it there, or export anew.")));
    engine::FileList *handle = nullptr;
    std::span<const engine::ExportFile> listed;
    check(engine::parse_export_files({text, length}, &handle, &listed), describe(manifest));
    own<engine::FileList>(CurrentMemoryContext, handle, engine::destroy);

    size_t size = sizeof(ImportFile) * (static_cast<size_t>(files->count) + listed.size() + 1);
    files->files = static_cast<ImportFile *>(files->files == nullptr ? palloc_extended(size, MCXT_ALLOC_HUGE)
                                                                     : repalloc_huge(files->files, size));
    int64 sum = 0;
    Folder folder = {};
    for (const engine::ExportFile &file : listed) {
        files->files[files->count++] = make_file(source, from, file, stage, &folder);
        sum += file.item_count;
    }
    if (sum != from.summary.item_count)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("the manifests of export %s contradict each other", describe(from.place)),
                        errdetail("%s says %lld items, its files have %lld.", kSummary,
                                  static_cast<long long>(from.summary.item_count), static_cast<long long>(sum)),
                        errhint("Copy both files from the original again, or export anew.")));
    files->item_count += sum;
}

ImportExport describe_export(const Export &from)
{
    const engine::ExportSummary &summary = from.summary;
    return {describe(from.place), summary.incremental,      copy_string(summary.output_view), from.from, from.to,
            summary.item_count,   summary.billed_size_bytes};
}

int by_stage_and_size(const void *left, const void *right)
{
    auto *a = static_cast<const ImportFile *>(left), *b = static_cast<const ImportFile *>(right);
    if (a->stage != b->stage)
        return a->stage < b->stage ? -1 : 1;
    return a->size > b->size ? -1 : a->size < b->size ? 1 : strcmp(a->name, b->name);
}

ImportFiles one_plain_file(const Place &place, const StoredFile &stored)
{
    ImportFiles files = {};
    files.files = static_cast<ImportFile *>(palloc0(sizeof(ImportFile)));
    char *name = place.bucket != nullptr ? pstrdup(place.path) : resolve_file(place, {nullptr, "/"});
    files.files[files.count++] = {name, 0, false, stored.size, nullptr, -1};
    files.item_count = -1;
    return files;
}

}  // namespace

ImportFiles find_files(const Source &source, const Place &place, Gaps gaps)
{
    StoredFile stored;
    if (is_file(source, place, &stored))
        return one_plain_file(place, stored);
    ImportFiles files = {};
    // Whoever names a link means what it leads to; links inside of that are another matter.
    List *chain = order_chain(read_exports(source, without_links(place)), gaps, &files.left_out);
    ListCell *cell;
    files.chain = static_cast<ImportExport *>(palloc0(sizeof(ImportExport) * static_cast<size_t>(list_length(chain))));
    foreach (cell, chain) {
        auto *from = static_cast<Export *>(lfirst(cell));
        files.chain[files.exports] = describe_export(*from);
        add_files(source, *from, files.exports++, &files);
    }
    qsort(files.files, static_cast<size_t>(files.count), sizeof(ImportFile), by_stage_and_size);
    auto *first = static_cast<Export *>(linitial(chain));
    files.table_arn = copy_string(first->summary.table_arn);
    files.full = !first->summary.incremental;
    files.until_us = static_cast<Export *>(llast(chain))->to;
    return files;
}

}  // namespace podyn
