// See retry_rows.h.
#include "functions/retry_rows.h"

#include "arrays.h"
#include "catalog/journal.h"
#include "functions/item_writer.h"
#include "imports/hooks.h"
#include "load/key_document.h"
#include "settings.h"

namespace podyn {
namespace {

// Rejected items that are tried together.
struct Portion {
    const catalog::Replication *replication;
    const catalog::Profile *profile;  // null: none
    bool changes;                     // of an import: an incremental export's
    StoredErrors read;
    ItemWriter tried;
    StoredError **stored;  // whose items are tried
};

// ---- What is tried -------------------------------------------------------------------------------------------------

// The next ones behind `after`: as many as a worker's transaction would write, and as one request can read.
Portion read_portion(const catalog::Replication &replication, const Origin &origin, int64 after)
{
    int most = settings::batch_rows;
    if (!replication.imports)
        most = Min(most, static_cast<int>(engine::kMostKeysOfBatchGet));
    Portion portion = {};
    portion.replication = &replication;
    portion.profile = origin.profile;
    portion.changes = origin.changes;
    portion.read = next_errors(replication, origin.source, after, most);
    portion.stored = make_array<StoredError *>(portion.read.count);
    return portion;
}

void try_item(Portion *portion, StoredError *stored, const PageItem &item)
{
    portion->stored[portion->tried.count] = stored;
    portion->tried.items[portion->tried.count++] = item;
}

// Of an import. What its hooks and filter leave out has not to be written.
void try_stored_items(Portion *portion)
{
    const catalog::Replication &replication = *portion->replication;
    std::span<const engine::Item> items = parse(portion->read, replication.nul_characters);
    for (int i = 0; i < portion->read.count; ++i)
        if (!items[static_cast<size_t>(i)].problem.exists())
            try_item(portion, &portion->read.errors[i],
                     {&items[static_cast<size_t>(i)], {}, nullptr, portion->read.errors[i].remove, 0});
    for (int i = 0; i < portion->tried.count; ++i)
        if (screen_rows({portion->profile, replication.filter, portion->changes}, replication.nul_characters,
                        &portion->tried.items[i], 1) == 0)
            portion->tried.items[i].item = nullptr;
}

// Every sound key once.
void try_keys(Portion *portion)
{
    std::span<const engine::Item> keys = parse(portion->read, portion->replication->nul_characters);
    for (int i = 0; i < portion->read.count; ++i) {
        const engine::Item &key = keys[static_cast<size_t>(i)];
        StoredError *stored = &portion->read.errors[i];
        if (check_item(*portion->tried.target, key).exists())
            continue;
        const uint8 *digest = digest_of(*portion->tried.target, key);
        int same = find_key(portion->tried, digest);
        if (same < 0) {
            try_item(portion, stored, {&key, {}, digest, true, 0});
            continue;
        }
        stored->next = portion->stored[same];
        portion->stored[same] = stored;
    }
}

// What a key's removal does that nobody has seen: whether it was TTL's is known only where that makes no difference, or
// where it has been tried already.
PageItem removal(const Portion &portion, const PageItem &key, const StoredError *stored)
{
    Deletes one = portion.replication->deletes, other = portion.replication->ttl_deletes;
    while (stored != nullptr && !stored->remove)
        stored = stored->next;
    bool tried_before = stored != nullptr;
    bool marks = one == Deletes::kMark || other == Deletes::kMark;
    bool applies = one == Deletes::kApply || other == Deletes::kApply;
    PageItem item = key;
    if ((one == Deletes::kApply && other == Deletes::kApply) || (tried_before && applies && !marks))
        return item;
    item.deleted_at = tried_before ? stored->at : 0;
    if (!tried_before || !marks || applies || portion.tried.target->deleted_at == InvalidAttrNumber)
        item.item = nullptr;
    return item;
}

// Of a replication: what the items are now.
void try_current_items(Portion *portion, const Source &source, double *read_units)
{
    try_keys(portion);
    read_current_items(&portion->tried, source, read_units);
    for (int i = 0; i < portion->tried.count; ++i)
        if (portion->tried.items[i].remove)
            portion->tried.items[i] = removal(*portion, portion->tried.items[i], portion->stored[i]);
    Screening screening = {portion->profile, nullptr, true, portion->replication};
    (void)screen_rows(screening, portion->replication->nul_characters, portion->tried.items, portion->tried.count);
}

// ---- Portion by portion --------------------------------------------------------------------------------------------

// Returns how many have left podyn.error.
int64 settle(const Portion &portion)
{
    int64 taken = 0;
    for (int i = 0; i < portion.tried.count; ++i)
        for (const StoredError *stored = portion.stored[i]; stored != nullptr; stored = stored->next)
            taken += settle(*stored, portion.tried.reasons[i]);
    return taken;
}

// Returns the last number that it has come to; 0: there is nothing behind `after`.
int64 retry_portion(const catalog::Replication &replication, const Origin &origin, const Source *source, int64 after,
                    Outcome *outcome)
{
    Portion portion = read_portion(replication, origin, after);
    if (portion.read.count == 0)
        return 0;
    LockRelationOid(replication.target, RowExclusiveLock);  // what other sessions did to it before is known then
    portion.tried = make_item_writer(replication, load_target(CurrentMemoryContext, replication), portion.read.count);
    portion.tried.on_conflict = origin.on_conflict;
    if (source != nullptr)
        try_current_items(&portion, *source, &outcome->read_units);
    else
        try_stored_items(&portion);
    write_items(&portion.tried);
    int64 taken = settle(portion);
    outcome->taken += taken;
    count_items(origin, portion.tried.written, taken - portion.tried.written);
    return portion.read.errors[portion.read.count - 1].id;
}

}  // namespace

void retry_rows(const catalog::Replication &replication, const Origin &origin, const Source *source, Outcome *outcome)
{
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn rejected items", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    for (int64 after = 0; (after = retry_portion(replication, origin, source, after, outcome)) > 0;) {
        CHECK_FOR_INTERRUPTS();
        MemoryContextReset(context);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
}

}  // namespace podyn
