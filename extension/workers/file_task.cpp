// A file of an import, or of exports that a replication copies from: read, inflated and parsed in pages, each committed
// with the line that it has come to. Whoever goes on with it reads the file from its beginning, which the checksum
// needs anyway, and passes over those lines.
//
// The bytes come from the server's file system, or from S3 in parts: the next part is on its way while this one is
// parsed and written.
//
// Whether a file is the manifest's is known when all of it has been read, and rows of a damaged one could not be told
// from others later. So its checksum is taken before anything of it is written: a pass over the bytes as stored, which
// is left out where S3's own word, the ETag, shows the same. The load checks the number of items, and that nothing has
// changed since the pass. A file that fails begins anew when the import is started again.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "catalog/files.h"
#include "catalog/journal.h"
#include "catalog/profiles.h"
#include "engine/files.h"
#include "engine/s3.h"
#include "extension_identity.h"
#include "imports/hooks.h"
#include "imports/place.h"
#include "load/late_indexes.h"
#include "raise.h"
#include "settings.h"
#include "subtransaction.h"
#include "transaction.h"
#include "workers/page_writer.h"
#include "workers/running_task.h"

namespace podyn {
namespace {

constexpr size_t kChunkBytes = 1 << 20;  // read at once from the file system
constexpr size_t kPartBytes = 8 << 20;   // and from S3, where a request costs some 20 ms
constexpr size_t kPageBytes = 4 << 20;   // of text in a transaction; with a fourth of it, an import took 6 % longer

struct Load {
    catalog::File *file;
    Place place;
    catalog::Profile *profile;       // null: none
    engine::FileChecksum *checksum;  // of the pass before the load; null: that is over, or not needed
    engine::FileReader *reader;
    // the file system
    int descriptor;
    struct stat opened;  // as it was then
    bool verified;       // by the pass; bytes from the network may be damaged on their way, and are checked again
    char *chunk;
    // S3
    char *etag;             // of the object as the first part had it; null before
    MemoryContext fed;      // owns the part that the reader has
    MemoryContext taken;    // owns the part that it gets next
    std::string_view next;  // its bytes
    bool has_next;
    // both
    uint64 offset;  // where the next request or read begins
    bool all_read;  // nothing comes behind what has been read
    bool all_fed;
    MemoryContext page_context;  // owns the page's handle
    engine::FilePage page;
    int64 page_skipped;  // by the hooks and the filter
    int64 items_read;    // committed
};

Load *state_of(RunningTask *task)
{
    return static_cast<Load *>(task->state);
}

char *about(RunningTask *task)
{
    return psprintf("file %s", describe(state_of(task)->place));
}

// An import replaces what the file has given, but for rows whose keys are in no good file. A replication promises that
// there are none of these, so it begins anew if there can be any.
bool must_copy_anew(RunningTask *task)
{
    return !task->job->replication->imports && state_of(task)->items_read > 0;
}

void build(void *replication)
{
    build_indexes(*static_cast<const catalog::Replication *>(replication), 1);
}

// What the file has given comes again, and is told apart from other rows by an index. If that cannot be built, the
// index task will see to it.
void prepare_to_begin_anew(RunningTask *task)
{
    catalog::Replication *replication = task->job->replication;
    if (state_of(task)->items_read > 0 && has_unbuilt_indexes(replication->target))
        (void)attempt(build, replication);
    catalog::forget_file(task->id, replication->name, about(task));
}

// The file begins anew when the import is started again.
void fail(RunningTask *task, const char *reason)
{
    Load *load = state_of(task);
    bool anew = must_copy_anew(task);
    char *text =
        psprintf("%s: %s; it had given " INT64_FORMAT " items, which %s", about(task), reason, load->items_read,
                 anew ? "may be none of the source's: put a good one there, then podyn_reset and podyn_start "
                        "copy anew"
                      : "a good file in its place will replace: put one there and use podyn_start");
    text = MemoryContextStrdup(task->run, text);
    begin_transaction();
    if (lock_extension())
        prepare_to_begin_anew(task);
    commit_transaction();
    end_replication(task, anew ? "needs_resync" : "failed", text);
}

// ---- Bytes ---------------------------------------------------------------------------------------------------------

void close_descriptor(void *argument)
{
    close(static_cast<Load *>(argument)->descriptor);
}

// The file that was listed, and no other by way of a symbolic link that came since.
// False: it is not there, and the import has failed.
bool open_file(RunningTask *task)
{
    Load *load = state_of(task);
    begin_transaction();
    require_server_files(GetUserId());
    commit_transaction();
    const char *path = load->place.path;
    char resolved[PATH_MAX];
    load->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);  // nothing that waits for a writer
    if (load->descriptor < 0 && errno == ENOENT) {
        fail(task, "it does not exist");
        return false;
    }
    if (load->descriptor < 0)
        raise_file_error("open", path);
    auto *callback =
        static_cast<MemoryContextCallback *>(MemoryContextAllocZero(task->run, sizeof(MemoryContextCallback)));
    callback->func = close_descriptor;
    callback->arg = load;
    MemoryContextRegisterResetCallback(task->run, callback);
    if (realpath(path, resolved) == nullptr || strcmp(resolved, path) != 0 ||
        fstat(load->descriptor, &load->opened) != 0 || !S_ISREG(load->opened.st_mode))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not the file that was listed", path),
                        errhint("Put the file back, and use podyn_start.")));
    load->chunk = static_cast<char *>(MemoryContextAlloc(task->run, kChunkBytes));
    return true;
}

void feed(RunningTask *task, std::string_view bytes)
{
    Load *load = state_of(task);
    load->all_fed = load->all_read;
    check(engine::file_feed(load->reader, bytes, load->all_fed), about(task));
}

// The next bytes from the file system.
std::string_view read_chunk(RunningTask *task)
{
    Load *load = state_of(task);
    ssize_t count = pread(load->descriptor, load->chunk, kChunkBytes, static_cast<off_t>(load->offset));
    if (count < 0)
        raise_file_error("read", load->place.path);
    load->offset += static_cast<uint64>(count);
    load->all_read = count == 0;
    return {load->chunk, static_cast<size_t>(count)};
}

// What has been loaded would take the place of what the server's queries read.
void leave_page_cache(const Load &load, uint64 loaded)
{
    if (loaded > 0)  // 0 is the whole file
        (void)posix_fadvise(load.descriptor, 0, static_cast<off_t>(loaded), POSIX_FADV_DONTNEED);
}

void request_part(RunningTask *task)
{
    Load *load = state_of(task);
    if (load->all_read || load->has_next || task->call != nullptr)
        return;
    if (load->file->size == 0) {  // no range of it can be asked for
        load->all_read = load->has_next = true;
        load->next = {};
        return;
    }
    check(engine::start_get_object(worker_loop()->client, task->job->session, load->place.bucket, load->place.path,
                                   load->offset, kPartBytes, view(load->etag), now(), &task->call));
}

void take_part(RunningTask *task)
{
    Load *load = state_of(task);
    engine::Call *finished = own<engine::Call>(load->taken, task->call, engine::call_destroy);
    task->call = nullptr;
    engine::ObjectPart *handle = nullptr;
    engine::S3Part part;
    check(engine::take_object_part(finished, &handle, &part));
    own<engine::ObjectPart>(load->taken, handle, engine::destroy);
    if (load->etag == nullptr) {
        MemoryContext old = MemoryContextSwitchTo(task->run);
        load->etag = copy_string(part.etag);
        MemoryContextSwitchTo(old);
    }
    load->offset += part.bytes.size();
    load->all_read = load->offset >= part.object_size;
    load->next = part.bytes;
    load->has_next = true;
}

void feed_part(RunningTask *task)
{
    Load *load = state_of(task);
    MemoryContextReset(load->fed);
    MemoryContext empty = load->fed;
    load->fed = load->taken;
    load->taken = empty;
    load->has_next = false;
    feed(task, load->next);
    request_part(task);
}

// True: the reader has bytes again, or there are no more.
bool feed_more(RunningTask *task)
{
    Load *load = state_of(task);
    if (load->all_fed)
        return true;
    if (load->place.bucket == nullptr) {
        leave_page_cache(*load, load->offset);
        feed(task, read_chunk(task));
        return true;
    }
    request_part(task);
    if (!load->has_next)
        return false;
    feed_part(task);
    return true;
}

// ---- The pass before the load --------------------------------------------------------------------------------------

void begin_checksum(RunningTask *task)
{
    Load *load = state_of(task);
    if (load->file->md5 == nullptr)
        return;
    check(engine::file_checksum_create(&load->checksum));
    own<engine::FileChecksum>(task->run, load->checksum, engine::destroy);
}

// The file is the manifest's: it is loaded from its beginning.
void begin_load(Load *load)
{
    load->checksum = nullptr;
    load->offset = 0;
    load->all_read = false;
    load->verified = load->place.bucket == nullptr;
    if (load->verified)
        engine::file_leave_out_md5(load->reader);
}

// The part that has come first is the load's first one, if the ETag leaves nothing to find out.
bool etag_shows_md5(const Load &load)
{
    bool shows = false;
    if (load.has_next && load.etag != nullptr && load.next.size() == load.offset)
        check(engine::etag_shows_md5(load.etag, load.file->md5, &shows));
    return shows;
}

// The part's bytes are added while the next one is on its way.
void add_part(RunningTask *task)
{
    Load *load = state_of(task);
    load->has_next = false;
    std::string_view bytes = load->next;
    request_part(task);
    check(engine::file_checksum_add(load->checksum, bytes));
    MemoryContextReset(load->taken);
}

// Adds what comes next to the checksum. False: it has to come from the network first.
bool add_to_checksum(RunningTask *task)
{
    Load *load = state_of(task);
    if (load->place.bucket == nullptr) {
        check(engine::file_checksum_add(load->checksum, read_chunk(task)));
        return true;
    }
    request_part(task);
    if (!load->has_next)
        return false;
    add_part(task);
    return true;
}

const char *wrong_md5(const Load &load, std::string_view md5)
{
    if (view(load.file->md5) == md5)
        return nullptr;
    return psprintf("its MD5 is %s, and its manifest says %s", copy_string(md5), load.file->md5);
}

// False: the file is not the manifest's, and the import has failed.
bool finish_checksum(RunningTask *task)
{
    Load *load = state_of(task);
    std::string_view md5;
    check(engine::file_checksum_finish(load->checksum, &md5));
    const char *wrong = wrong_md5(*load, md5);
    if (wrong != nullptr)
        fail(task, wrong);
    else
        begin_load(load);
    return wrong == nullptr;
}

// A step of the pass; on_time or on_response come for the next one.
void go_on_with_checksum(RunningTask *task)
{
    Load *load = state_of(task);
    if (etag_shows_md5(*load))
        load->checksum = nullptr;
    else if (!add_to_checksum(task) || (load->all_read && !finish_checksum(task)))
        return;
    wake_after(task, 0);
}

// ---- Items ---------------------------------------------------------------------------------------------------------

// Leaves out what an import's hooks and filter skip. A page that turns into rows as it is gets its columns in
// transactions of their own, so this is done before.
void screen_page(RunningTask *task, Page *page)
{
    Load *load = state_of(task);
    MemoryContext context = CurrentMemoryContext;
    begin_transaction();
    MemoryContextSwitchTo(context);
    int count = page->count;
    page->count = screen_rows({load->profile, task->job->replication->filter, load->file->changes},
                              task->job->replication->nul_characters, page->items, count);
    load->page_skipped += count - page->count;
    commit_transaction();
    MemoryContextSwitchTo(context);
}

Turn write_rows(RunningTask *task, Page *page)
{
    const catalog::Replication &replication = *task->job->replication;
    if (replication.imports && (replication.filter != nullptr || replication.profile != nullptr))
        screen_page(task, page);
    return write_page(task, *page);
}

char *line_number(uint64 line)
{
    return psprintf(UINT64_FORMAT, line);
}

void record(RunningTask *task, const WrittenCounts &counts)
{
    const Load &load = *state_of(task);
    catalog::Progress progress = {};
    progress.position = line_number(load.page.lines);
    progress.done = load.page.ended;
    progress.items = counts.written;
    progress.items_read = static_cast<int64>(load.page.items.size());
    progress.skipped = load.page_skipped + counts.skipped;
    progress.throttled = task->throttled;
    catalog::save_progress(task->id, task->task->position, progress);
    if (load.page.ended)
        catalog::record_event(
            task->job->replication->owner, task->job->replication->name, "file_complete",
            psprintf("%s: " INT64_FORMAT " items", about(task), load.items_read + progress.items_read));
}

// What an incremental export removes is gone already, by TTL or otherwise: a replication's option deletes says what
// becomes of its row.
bool keeps_removed(const catalog::Replication &replication)
{
    return !replication.imports && replication.deletes == Deletes::kIgnore;
}

bool marks_removed(const catalog::Replication &replication)
{
    return !replication.imports && replication.deletes == Deletes::kMark;
}

Page make_page(RunningTask *task)
{
    Load *load = state_of(task);
    const catalog::Replication &replication = *task->job->replication;
    Page page = {};
    page.items = static_cast<PageItem *>(palloc0(sizeof(PageItem) * (load->page.items.size() + 1)));
    TimestampTz mark = marks_removed(replication) ? GetCurrentTimestamp() : 0;
    for (const engine::FileItem &item : load->page.items)
        if (!item.remove || !keeps_removed(replication))
            page.items[page.count++] = {&item.item, view(line_number(item.line)), nullptr, item.remove,
                                        item.remove ? mark : 0};
    load->page_skipped = static_cast<int64>(load->page.items.size()) - page.count;
    page.source = about(task);
    page.backfill = true;
    page.new_keys = !load->file->changes;
    page.on_conflict = load->file->changes ? OnConflict::kUpdate : replication.on_conflict;
    page.batch_size = replication.batch_size;
    page.record = record;
    return page;
}

// ---- The file's end ------------------------------------------------------------------------------------------------

// Since its checksum was taken.
bool has_changed(const Load &load)
{
    struct stat now;
    return fstat(load.descriptor, &now) != 0 || now.st_size != load.opened.st_size ||
           now.st_mtim.tv_sec != load.opened.st_mtim.tv_sec || now.st_mtim.tv_nsec != load.opened.st_mtim.tv_nsec;
}

// Null: it is what the manifest says.
const char *what_is_wrong(const Load &load)
{
    int64 items = load.items_read + static_cast<int64>(load.page.items.size());
    const char *wrong = nullptr;
    if (load.verified && has_changed(load))
        wrong = "it was changed while it was loaded";
    else if (load.file->md5 != nullptr && !load.verified)
        wrong = wrong_md5(load, engine::file_md5(load.reader));
    if (wrong != nullptr)
        return wrong;
    if (load.file->item_count >= 0 && load.file->item_count != items)
        return psprintf("it has " INT64_FORMAT " items, and its manifest says " INT64_FORMAT, items,
                        load.file->item_count);
    return nullptr;
}

// ---- Events --------------------------------------------------------------------------------------------------------

void write(RunningTask *task)
{
    Load *load = state_of(task);
    Page page = make_page(task);
    bool by_hooks = load->profile != nullptr && load->profile->makes_records();
    if ((by_hooks ? write_page_by_hooks(task, *load->profile, page) : write_rows(task, &page)) != Turn::kGo)
        return;
    auto count = static_cast<int64>(load->page.items.size());
    shared::count(task->job->live, count, 0);
    keep_position(task, view(line_number(load->page.lines)));
    load->items_read += count;
    task->failures = 0;
    task->throttled = 0;
    task->page_pending = false;
    bool ended = load->page.ended;
    MemoryContextReset(load->page_context);
    if (ended || task->leaving)
        task->finished = true;
    else if (task->outdated)
        begin_again(task);
    else
        wake_after(task, 0);
}

// Takes the next page. False: bytes have to come first.
bool take_page(RunningTask *task)
{
    Load *load = state_of(task);
    for (;;) {
        engine::FileItems *handle = nullptr;
        engine::Status status = engine::take_file_page(load->reader, static_cast<uint32>(settings::batch_rows),
                                                       kPageBytes, &handle, &load->page);
        if (status.failure == engine::Failure::kCorrupt) {
            fail(task, psprintf("%s%s%s", status.message, status.detail[0] ? ": " : "", status.detail));
            return false;
        }
        check(status, about(task));
        own<engine::FileItems>(load->page_context, handle, engine::destroy);
        if (!load->page.items.empty() || load->page.ended)
            return true;
        MemoryContextReset(load->page_context);
        if (!feed_more(task))
            return false;
    }
}

void advance(RunningTask *task)
{
    task->due = -1;
    if (state_of(task)->checksum != nullptr) {
        go_on_with_checksum(task);
        return;
    }
    if (!take_page(task))
        return;
    const char *wrong = state_of(task)->page.ended ? what_is_wrong(*state_of(task)) : nullptr;
    if (wrong != nullptr) {
        fail(task, wrong);
        return;
    }
    task->page_pending = true;
    write(task);
}

void begin(RunningTask *task)
{
    auto *load = static_cast<Load *>(MemoryContextAllocZero(task->run, sizeof(Load)));
    task->state = load;
    load->page_context = AllocSetContextCreate(task->run, "podyn page", ALLOCSET_SMALL_SIZES);
    load->fed = AllocSetContextCreate(task->run, "podyn part", ALLOCSET_SMALL_SIZES);
    load->taken = AllocSetContextCreate(task->run, "podyn next part", ALLOCSET_SMALL_SIZES);
    begin_transaction();
    load->file = catalog::find_file(task->run, task->id);
    if (task->job->replication->profile != nullptr)
        load->profile = catalog::get_profile(task->run, task->job->replication->profile, task->job->replication->owner);
    commit_transaction();
    if (load->file == nullptr) {
        task->finished = true;
        return;
    }
    load->items_read = load->file->items_read;
    MemoryContext old = MemoryContextSwitchTo(task->run);
    load->place = {parse_place(task->job->replication->files_at).bucket, task->task->name};
    MemoryContextSwitchTo(old);
    engine::FileFormat format = load->file->changes ? engine::FileFormat::kChanges : engine::FileFormat::kItems;
    check(engine::file_reader_create(format, task->job->replication->nul_characters, &load->reader));
    own<engine::FileReader>(task->run, load->reader, engine::destroy);
    if (task->task->position != nullptr)
        engine::file_skip_lines(load->reader, strtoull(task->task->position, nullptr, 10));
    if (load->place.bucket == nullptr && !open_file(task))
        return;
    begin_checksum(task);
    wake_after(task, 0);
}

void on_response(RunningTask *task)
{
    take_part(task);
    if (engine::file_wants_bytes(state_of(task)->reader))
        advance(task);
}

void on_time(RunningTask *task)
{
    if (task->page_pending)
        write(task);
    else
        advance(task);
}

}  // namespace

const TaskMethods kFileTask = {begin, on_response, on_time, nullptr};

}  // namespace podyn
