// podyn_repair: mends what the last podyn_verify found, from the source.
//
// It holds the replication until the end of the caller's transaction, so its workers write nothing meanwhile. Each key
// is read again, consistently, and what the item is now is written the way in which changes are. So what the workers
// have written before is not newer. What they write next may be older, until the stream has come to where the item was
// read: it brings the changes of a key in their order, and the last of them is what was read here, or newer.
#include "catalog/journal.h"
#include "catalog/profiles.h"
#include "engine/operations.h"
#include "functions/as_owner.h"
#include "functions/item_writer.h"
#include "imports/hooks.h"
#include "load/key_document.h"
#include "load/mark_column.h"
#include "locks.h"
#include "raise.h"

namespace podyn {
namespace {

// Some keys of podyn.difference.
struct Portion {
    int64 last;         // the number of the last one
    const char **keys;  // as they stand there, in the order of the writer's items
    int count;
    ItemWriter writer;
};

Portion read_portion(const catalog::Replication &replication, int64 after)
{
    MemoryContext context = CurrentMemoryContext;
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT min(id) AS first, key::text FROM podyn.difference WHERE name = $1 AND mendable GROUP BY key::text "
        "HAVING min(id) > $2 ORDER BY first LIMIT $3",
        {catalog::text(replication.name), catalog::int8(after),
         catalog::int4(static_cast<int32>(engine::kMostKeysOfBatchGet))});
    Portion portion = {};
    portion.count = static_cast<int>(rows);
    portion.keys = static_cast<const char **>(MemoryContextAlloc(context, sizeof(char *) * (rows + 1)));
    for (uint64 row = 0; row < rows; ++row) {
        portion.last = catalog::get_int8(row, 1);
        portion.keys[row] = catalog::string(context, row, 2);
    }
    catalog::leave(scope);
    return portion;
}

// As rows to be removed, unless the source has their items.
void take_keys(const catalog::Replication &replication, Portion *portion)
{
    auto *documents =
        static_cast<std::string_view *>(palloc(sizeof(std::string_view) * static_cast<size_t>(portion->count)));
    for (int i = 0; i < portion->count; ++i)
        documents[i] = portion->keys[i];
    engine::Items *handle = nullptr;
    std::span<const engine::Item> items;
    check(engine::parse_items({documents, static_cast<size_t>(portion->count)}, replication.nul_characters, &handle,
                              &items));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    ItemWriter *writer = &portion->writer;
    for (const engine::Item &key : items)
        writer->items[writer->count++] = {&key, {}, digest_of(*writer->target, key), true, 0};
}

// Whether an item that is gone was deleted by TTL nobody can tell: where either deletion is ignored, its row stays;
// where either is marked, it is marked.
void choose_removals(const catalog::Replication &replication, ItemWriter *writer)
{
    bool ignores = replication.deletes == Deletes::kIgnore || replication.ttl_deletes == Deletes::kIgnore;
    for (int i = 0; i < writer->count; ++i) {
        if (!writer->items[i].remove)
            continue;
        if (ignores)
            writer->items[i].item = nullptr;
        else if (marks_deletions(replication))
            writer->items[i].deleted_at = GetCurrentTimestamp();
    }
}

// As changes go through the profile. What it leaves out has no row.
void screen(const catalog::Replication &replication, ItemWriter *writer)
{
    if (replication.profile == nullptr)
        return;
    catalog::Profile *profile = catalog::get_profile(CurrentMemoryContext, replication.profile, replication.owner);
    (void)screen_rows({profile, nullptr, true, &replication}, replication.nul_characters, writer->items, writer->count);
}

// Those that are mended leave podyn.difference, the others get their reason. Returns how many have left.
int64 record_outcome(const catalog::Replication &replication, const Portion &portion)
{
    int64 mended = 0;
    catalog::Scope scope = catalog::enter();
    for (int i = 0; i < portion.writer.count; ++i) {
        const Reason &reason = portion.writer.reasons[i];
        if (reason.sqlstate == nullptr) {
            catalog::run(
                "DELETE FROM podyn.difference WHERE name = $1 "
                "AND hashtextextended(key::text, 0) = hashtextextended($2, 0) AND key::text = $2",
                {catalog::text(replication.name), catalog::text(portion.keys[i])});
            ++mended;
        } else {
            catalog::run(
                "UPDATE podyn.difference SET detail = $3 WHERE name = $1 "
                "AND hashtextextended(key::text, 0) = hashtextextended($2, 0) AND key::text = $2",
                {catalog::text(replication.name), catalog::text(portion.keys[i]), catalog::text(reason.message)});
        }
    }
    catalog::leave(scope);
    return mended;
}

struct Outcome {
    int64 mended;
    double read_units;
};

// Returns the number of the last one; 0: there is nothing behind `after`.
int64 repair_portion(const catalog::Replication &replication, const Source &source, int64 after, Outcome *outcome)
{
    Portion portion = read_portion(replication, after);
    if (portion.count == 0)
        return 0;
    LockRelationOid(replication.target, RowExclusiveLock);  // what other sessions did to it before is known then
    portion.writer = make_item_writer(replication, load_target(CurrentMemoryContext, replication), portion.count);
    take_keys(replication, &portion);
    read_current_items(&portion.writer, source, &outcome->read_units);
    choose_removals(replication, &portion.writer);
    screen(replication, &portion.writer);
    write_items(&portion.writer);
    outcome->mended += record_outcome(replication, portion);
    return portion.last;
}

void repair_portions(const catalog::Replication &replication, Outcome *outcome)
{
    Source source = connect(replication.server);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn repair", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    for (int64 after = 0; (after = repair_portion(replication, source, after, outcome)) > 0;) {
        CHECK_FOR_INTERRUPTS();
        MemoryContextReset(context);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
}

int64 count_differences(const char *name)
{
    return catalog::count("SELECT count(DISTINCT key::text) FROM podyn.difference WHERE name = $1",
                          {catalog::text(name)});
}

int64 repair(const char *name)
{
    locks::own_differences(catalog::get_own_replication(CurrentMemoryContext, name)->id);
    if (count_differences(name) == 0)
        return 0;
    catalog::Replication *replication = hold_own_replication(name);
    require_no_copy(*replication, "Newer changes of the items may wait until it has.");
    check_constraints_at_once();
    Outcome outcome = {};
    Identity caller = become_owner(*replication);
    if (marks_deletions(*replication))
        make_mark_column(*replication);
    repair_portions(*replication, &outcome);
    become_caller(caller);
    count_read_units(replication->id, outcome.read_units);
    catalog::record_event(replication->owner, name, "repaired",
                          psprintf(INT64_FORMAT " differences mended by podyn_repair, " INT64_FORMAT " left",
                                   outcome.mended, count_differences(name)));
    return outcome.mended;
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_repair);

Datum podyn_repair(PG_FUNCTION_ARGS)
{
    PreventCommandIfReadOnly("podyn_repair()");
    podyn::require_fresh_snapshots("podyn_repair");
    PG_RETURN_INT64(podyn::repair(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}
}
