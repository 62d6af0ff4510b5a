// See page_writer.h.
#include "workers/page_writer.h"

#include "catalog/journal.h"
#include "catalog/profiles.h"
#include "imports/hooks.h"
#include "imports/record_writer.h"
#include "load/halving.h"
#include "load/mark_column.h"
#include "load/seen.h"
#include "load/spool.h"
#include "raise.h"
#include "transaction.h"

namespace podyn {
namespace {

// A page whose columns vanish as fast as they are added is given up for a while.
constexpr int kMaxAttempts = 4;

struct Writing {
    RunningTask *task;
    const Page *page;
    WrittenCounts counts;
};

const char *operation(bool remove)
{
    return remove ? "remove" : "put";
}

void reject_problem(Writing *writing, const PageItem &item, const engine::Problem &problem)
{
    catalog::record_rejected(writing->task->job->replication->name, {writing->page->source,
                                                                     item.position,
                                                                     operation(item.remove),
                                                                     item.item->json,
                                                                     problem.sqlstate,
                                                                     problem.message,
                                                                     {}});
    ++writing->counts.rejected;
}

void reject_row(void *context, const Row &row, ErrorData *error)
{
    auto *writing = static_cast<Writing *>(context);
    catalog::record_rejected(writing->task->job->replication->name,
                             {writing->page->source, row.position, operation(row.remove), row.item->json,
                              unpack_sql_state(error->sqlerrcode), error->message, view(error->detail)});
    ++writing->counts.rejected;
}

// The page's sound items; the others are rejected here.
PageItem *sound_items(Writing *writing, const Target &target, int *count)
{
    const Page &page = *writing->page;
    auto *sound = static_cast<PageItem *>(palloc(sizeof(PageItem) * (page.count + 1)));
    *count = 0;
    for (int i = 0; i < page.count; ++i) {
        engine::Problem problem = check_item(target, *page.items[i].item);
        if (problem.exists())
            reject_problem(writing, page.items[i], problem);
        else
            sound[(*count)++] = page.items[i];
    }
    return sound;
}

// Whether the table had nothing when the copy began, so that no row is expected to be there.
bool began_empty(const catalog::Replication &replication)
{
    return replication.imports ? replication.loads_fresh : !replication.copy_upserts;
}

bool load(Writing *writing, const Batch &batch, Row *rows, int count)
{
    if (!writing->page->new_keys || !began_empty(*writing->task->job->replication) ||
        !load_rows(batch, rows, count, keep_network_moving))
        return false;
    writing->counts.written += count;
    return true;
}

void apply(Writing *writing, const Batch &batch, Target *target, Row *rows, int count)
{
    WrittenCounts &counts = writing->counts;
    int64 rejected = counts.rejected;
    int taken = apply_or_reject(batch, target, rows, count, reject_row, writing);
    counts.written += taken;
    counts.skipped += count - taken - (counts.rejected - rejected);
}

void write_to_target(Writing *writing, Target *target, const PageItem *items, int count)
{
    const Page &page = *writing->page;
    Batch batch = open_batch(*target, page.on_conflict);
    Row *rows = make_rows(batch, items, count);
    int most = page.batch_size > 0 ? page.batch_size : count;
    if (!load(writing, batch, rows, count))
        for (int done = 0; done < count; done += most)
            apply(writing, batch, target, rows + done, Min(most, count - done));
    close_batch(batch);
}

void write_to_spool(Writing *writing, const PageItem *items, int count)
{
    writing->counts.spooled += spool_changes(writing->task->replication, items, count);
    writing->counts.written += count;
}

// With items of its own.
Page copy_page(const Page &page)
{
    Page copy = page;
    size_t size = sizeof(PageItem) * static_cast<size_t>(page.count);
    copy.items = static_cast<PageItem *>(palloc(size + 1));
    memcpy(static_cast<void *>(copy.items), page.items, size);
    return copy;
}

// The page as a replication's profile has it. An item that it leaves out has no row: where there may be one already,
// that of an older image, it is removed.
Page screen_page(Writing *writing, const Page &page)
{
    const catalog::Replication &replication = *writing->task->job->replication;
    Page screened = copy_page(page);
    catalog::Profile *profile = catalog::get_profile(CurrentMemoryContext, replication.profile, replication.owner);
    screened.count = screen_rows({profile, nullptr, !page.new_keys, &replication}, replication.nul_characters,
                                 screened.items, page.count);
    writing->counts.skipped += page.count - screened.count;
    return screened;
}

// What the source has, or what shall stay though the source has it no longer, is not pruned after the copy.
void note_keys(const RunningTask *task, const Target &target, const Page &page, bool to_spool)
{
    if (page.backfill)
        note_seen_items(task->replication, target, page.items, page.count);
    if (to_spool)
        note_seen(task->replication, page.kept, page.kept_count);
}

// The column may be missing where marks were asked for later (podyn_alter), or its owner has dropped it.
bool lacks_mark_column(const Target &target, const Page &page)
{
    for (int i = 0; i < page.count && target.deleted_at == InvalidAttrNumber; ++i)
        if (page.items[i].deleted_at != 0)
            return true;
    return false;
}

void add_mark_column_instead(RunningTask *task)
{
    commit_transaction();
    add_mark_column(*task->job->replication);
}

// Ends the transaction and adds columns in another one. The list's views point into the page, which stays.
void add_columns_instead(RunningTask *task, const MissingColumns &missing)
{
    MemoryContext context = AllocSetContextCreate(task->run, "podyn new columns", ALLOCSET_SMALL_SIZES);
    size_t size = sizeof(MissingColumn) * static_cast<size_t>(missing.count);
    auto *columns = static_cast<MissingColumn *>(MemoryContextAlloc(context, size));
    memcpy(static_cast<void *>(columns), missing.columns, size);
    commit_transaction();
    add_columns(*task->job->replication, {columns, missing.count}, false);
    task->job->target_valid = false;  // a mapping without DDL invalidates nothing by itself
    MemoryContextDelete(context);
}

}  // namespace

void make_room_if_wanted(RunningTask *task)
{
    Target *target = task->job->target;
    if (target == nullptr || !target->wants_rest)
        return;
    target->wants_rest = false;  // should this fail, the row asks for it again
    add_columns(*task->job->replication, {}, true);
}

namespace {

struct RejectedRecords {
    const char *replication;
    const Page *page;
};

// Of a group, its first item. Items of a Scan have no position of their own.
std::string_view group_position(const PageItem &first)
{
    if (!first.position.empty())
        return first.position;
    std::string_view json = first.item->json;
    uint64 hash =
        hash_bytes_extended(reinterpret_cast<const unsigned char *>(json.data()), static_cast<int>(json.size()), 0);
    return view(psprintf(UINT64_FORMAT, hash));
}

void reject_record(void *context, int number, const Rejection &rejection)
{
    auto *rejected = static_cast<RejectedRecords *>(context);
    const PageItem *items = rejected->page->items;
    std::string_view group = rejection.group < 0 ? std::string_view{} : group_position(items[rejection.group]);
    catalog::record_rejected(rejected->replication,
                             {rejected->page->source, items[number].position, "put", items[number].item->json,
                              rejection.sqlstate, rejection.message, rejection.detail, group});
}

}  // namespace

Turn write_page_by_hooks(RunningTask *task, const catalog::Profile &profile, const Page &page)
{
    catalog::Standing standing;
    Turn turn = begin_turn(task, &standing);
    if (turn != Turn::kGo)
        return turn;
    const catalog::Replication &replication = *task->job->replication;
    auto *documents = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(page.count + 1)));
    Page screened = copy_page(page);
    screened.count = screen_items({&profile, replication.filter}, screened.items, page.count, documents);
    RejectedRecords rejected = {replication.name, &screened};
    WrittenCounts counts = write_records({&replication, &profile, screened.items, screened.count, documents, nullptr,
                                          reject_record, &rejected, keep_network_moving});
    counts.skipped += page.count - screened.count;
    page.record(task, counts);
    commit_transaction();
    return Turn::kGo;
}

Turn write_page(RunningTask *task, const Page &page)
{
    make_room_if_wanted(task);
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
        catalog::Standing standing;
        Turn turn = begin_turn(task, &standing);
        if (turn != Turn::kGo)
            return turn;
        if (write_page_in_transaction(task, page, standing)) {
            commit_transaction();
            return Turn::kGo;
        }
    }
    ereport(ERROR,
            (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
             errmsg("columns of the target of replication \"%s\" change all the time", task->job->replication->name)));
}

bool write_page_in_transaction(RunningTask *task, const Page &given, const catalog::Standing &standing)
{
    Writing writing = {task, &given, {}};
    Target *target = current_target(task->job);
    bool to_spool = given.may_spool && standing.spooling;
    // An import's file task has asked the profile before.
    bool screens = !to_spool && !task->job->replication->imports && task->job->replication->profile != nullptr;
    const Page page = screens ? screen_page(&writing, given) : given;
    writing.page = &page;
    if (!to_spool) {
        MissingColumns missing = missing_columns(*target, page.items, page.count);
        if (missing.count > 0) {
            add_columns_instead(task, missing);
            return false;
        }
        if (lacks_mark_column(*target, page)) {
            add_mark_column_instead(task);
            return false;
        }
    }
    if (task->job->replication->copy_upserts)
        note_keys(task, *target, page, to_spool);
    int count;
    PageItem *items = sound_items(&writing, *target, &count);
    if (to_spool)
        write_to_spool(&writing, items, count);
    else
        write_to_target(&writing, target, items, count);
    page.record(task, writing.counts);
    return true;
}

}  // namespace podyn
