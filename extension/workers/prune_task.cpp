// The prune task, of a copy that upserts (on_existing => 'upsert'): when the last segment is done, it removes, or
// marks, the rows whose keys neither the copy has met (podyn.seen) nor a change that came meanwhile (the spool, which
// the merge will apply). Only the backfill has written to the target until then, so nothing that is new can be lost.
//
// It begins when the stream has been read beyond the backfill's end: then each deletion that is to be ignored or marked
// is known. It goes through the target by key, a portion in each transaction, and its position is the last key looked
// at, as DynamoDB JSON. At last podyn.seen is emptied, in portions too.
#include "catalog/journal.h"
#include "load/mark_column.h"
#include "load/seen.h"
#include "raise.h"
#include "settings.h"
#include "transaction.h"
#include "workers/backfill_end.h"
#include "workers/page_writer.h"
#include "workers/running_task.h"

namespace podyn {
namespace {

constexpr int kMostRows = 1000;               // keys may have 3 KB (developer guide, Limits): that many fit
constexpr char kForgetting[] = "forgetting";  // the position once all rows have been looked at

struct Prune {
    bool begun;  // the stream has passed the backfill's end
    MemoryContext page_context;
    const char *last_key;  // of the portion
};

Prune *state_of(RunningTask *task)
{
    return static_cast<Prune *>(task->state);
}

// How a key column stands in DynamoDB JSON, and how it is found there.
struct KeyColumn {
    const char *column;
    const char *to_json;    // an expression over the row
    const char *from_json;  // an expression over $1, the position
};

KeyColumn key_column(const Target &target, int key)
{
    const TargetColumn &column = target.columns[target.keys[key]];
    const char *name = quote_identifier(column.name);
    const char *attribute = quote_literal_cstr(target.key_attributes[key]);
    if (column.converter != nullptr && !keeps_bytes(*column.converter)) {
        const char *kind = column.type == engine::ColumnType::kNumeric ? "N"
                           : column.type == engine::ColumnType::kBytea ? "B"
                                                                       : "S";
        return {name,
                psprintf("%s, json_build_object('%s', %s)", attribute, kind, key_expression(*column.converter, name)),
                psprintf("($1::json -> %s ->> '%s')::%s", attribute, kind, converted_type(*column.converter))};
    }
    switch (column.type) {
        case engine::ColumnType::kNumeric:
            return {name, psprintf("%s, json_build_object('N', %s::text)", attribute, name),
                    psprintf("($1::json -> %s ->> 'N')::numeric", attribute)};
        case engine::ColumnType::kBytea:
            return {
                name,
                psprintf("%s, json_build_object('B', translate(encode(%s, 'base64'), E'\\n', ''))", attribute, name),
                psprintf("decode($1::json -> %s ->> 'B', 'base64')", attribute)};
        default:
            return {name, psprintf("%s, json_build_object('S', %s::text)", attribute, name),
                    psprintf("($1::json -> %s ->> 'S')", attribute)};
    }
}

// The next keys in their order, as DynamoDB JSON: those that an item can have.
char *portion_statement(const Target &target, bool from_start, bool skip_marked, int most)
{
    StringInfoData columns, document, position, condition;
    for (StringInfo list : {&columns, &document, &position, &condition})
        initStringInfo(list);
    for (int i = 0; i < target.key_count; ++i) {
        KeyColumn key = key_column(target, i);
        const char *separator = i ? ", " : "";
        appendStringInfo(&columns, "%s%s", separator, key.column);
        appendStringInfo(&document, "%s%s", separator, key.to_json);
        appendStringInfo(&position, "%s%s", separator, key.from_json);
        appendStringInfo(&condition, "%s%s IS NOT NULL", i ? " AND " : "", key.column);
        if (target.columns[target.keys[i]].type == engine::ColumnType::kNumeric)
            appendStringInfo(&condition, " AND %s::text NOT IN ('NaN', 'Infinity', '-Infinity')", key.column);
    }
    if (!from_start)
        appendStringInfo(&condition, " AND (%s) > (%s)", columns.data, position.data);
    if (skip_marked && target.deleted_at != InvalidAttrNumber)
        appendStringInfo(&condition, " AND %s IS NULL", kDeletedAtColumn);
    return psprintf("SELECT json_build_object(%s)::text FROM %s WHERE %s ORDER BY %s LIMIT %d", document.data,
                    target.relation_name, condition.data, columns.data, most);
}

struct Portion {
    std::string_view *documents;
    int count;
};

// A row that has a mark stays as it is, where deletions of any kind are marked.
Portion read_portion(RunningTask *task, const Target &target)
{
    MemoryContext context = CurrentMemoryContext;
    const char *position = task->task->position;
    int most = Min(settings::batch_rows, kMostRows);
    char *statement = portion_statement(target, position == nullptr, marks_deletions(*task->job->replication), most);
    Oid types[] = {TEXTOID};
    Datum values[] = {position != nullptr ? CStringGetTextDatum(position) : Datum{0}};
    Portion portion = {};
    SPI_connect();
    if (SPI_execute_with_args(statement, position != nullptr ? 1 : 0, types, values, nullptr, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not read the keys of target %s", target.relation_name);
    portion.documents =
        static_cast<std::string_view *>(MemoryContextAlloc(context, sizeof(std::string_view) * (SPI_processed + 1)));
    for (uint64 row = 0; row < SPI_processed; ++row)
        portion.documents[portion.count++] = view(catalog::string(context, row, 1));
    SPI_finish();
    return portion;
}

void record(RunningTask *task, const WrittenCounts &counts)
{
    catalog::Progress progress = {};
    progress.position = state_of(task)->last_key;
    progress.changes = counts.written;
    catalog::save_progress(task->id, task->task->position, progress);
}

// Those of the portion's rows that have to go.
Page make_page(RunningTask *task, const Target &target, const Portion &portion)
{
    auto count = static_cast<size_t>(portion.count);
    engine::Items *handle = nullptr;
    std::span<const engine::Item> items;
    check(engine::parse_items({portion.documents, count}, engine::NulCharacters::kReplace, &handle, &items));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    const bool *unseen = find_unseen(task->replication, target, items);
    bool marking = task->job->replication->deletes == Deletes::kMark;
    Page page = {};
    page.items = static_cast<PageItem *>(palloc0(sizeof(PageItem) * (count + 1)));
    for (size_t i = 0; i < count; ++i)
        if (unseen[i])
            page.items[page.count++] = {&items[i], {}, nullptr, true, marking ? GetCurrentTimestamp() : 0};
    page.source = "prune";
    page.record = record;
    return page;
}

void move_to(RunningTask *task, const char *position)
{
    catalog::Progress progress = {};
    progress.position = position;
    catalog::save_progress(task->id, task->task->position, progress);
    commit_transaction();
    keep_position(task, position);
}

// One portion behind the position.
void prune_portion(RunningTask *task, const catalog::Standing &standing)
{
    Prune *prune = state_of(task);
    MemoryContextReset(prune->page_context);
    MemoryContext old = MemoryContextSwitchTo(prune->page_context);
    Target *target = current_target(task->job);
    Portion portion = read_portion(task, *target);
    if (portion.count > 0)
        prune->last_key = portion.documents[portion.count - 1].data();
    Page page = portion.count > 0 ? make_page(task, *target, portion) : Page();
    MemoryContextSwitchTo(old);
    if (portion.count == 0) {
        move_to(task, kForgetting);
        return;
    }
    if (!write_page_in_transaction(task, page, standing))
        return;  // once more: it needed a column, which is there now
    commit_transaction();
    keep_position(task, prune->last_key);
}

void forget_portion(RunningTask *task)
{
    if (forget_some_seen(task->replication)) {
        commit_transaction();
        return;
    }
    record_done(task);
    commit_finished(task);
}

bool is_forgetting(const RunningTask *task)
{
    return task->task->position != nullptr && strcmp(task->task->position, kForgetting) == 0;
}

void on_time(RunningTask *task)
{
    catalog::Standing standing;
    Turn turn = begin_turn(task, &standing);
    if (turn != Turn::kGo)
        return;
    const catalog::Replication &replication = *task->job->replication;
    Prune *prune = state_of(task);
    prune->begun = prune->begun || !replication.replay_changes || stream_has_passed_the_backfill(task->replication);
    wake_after(task, prune->begun ? 0 : kLookAtStream);
    if (!prune->begun)
        commit_transaction();
    else if (is_forgetting(task))
        forget_portion(task);
    else if (replication.deletes == Deletes::kIgnore)
        move_to(task, kForgetting);  // rows of deleted items stay
    else
        prune_portion(task, standing);
    task->failures = 0;
}

void begin(RunningTask *task)
{
    auto *prune = static_cast<Prune *>(MemoryContextAllocZero(task->run, sizeof(Prune)));
    prune->page_context = AllocSetContextCreate(task->run, "podyn portion", ALLOCSET_SMALL_SIZES);
    task->state = prune;
    wake_after(task, 0);
}

}  // namespace

const TaskMethods kPruneTask = {begin, nullptr, on_time, nullptr};

}  // namespace podyn
