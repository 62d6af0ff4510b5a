// See retry_rows.h.
#include "functions/retry_rows.h"

#include "catalog/journal.h"
#include "engine/keys.h"
#include "imports/hooks.h"
#include "load/halving.h"
#include "raise.h"
#include "settings.h"
#include "subtransaction.h"

namespace podyn {
namespace {

// Rejected items that are tried together.
struct Portion {
    const catalog::Replication *replication;
    const catalog::Profile *profile;  // null: none
    bool changes;                     // of an import: an incremental export's
    Target *target;
    OnConflict on_conflict;
    StoredErrors read;
    // What is tried of them, and its outcome
    PageItem *items;       // null: nothing has to be written
    StoredError **stored;  // whose items they are
    Reason *reasons;
    int tried;
    // What is written of that
    int *numbers;  // of each row, in `items`
    Row *rows;
    int64 written;
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
    portion.on_conflict = origin.on_conflict;
    portion.read = next_errors(replication, origin.source, after, most);
    portion.items = make_array<PageItem>(portion.read.count);
    portion.stored = make_array<StoredError *>(portion.read.count);
    portion.reasons = make_array<Reason>(portion.read.count);
    portion.numbers = make_array<int>(portion.read.count);
    return portion;
}

void try_item(Portion *portion, StoredError *stored, const PageItem &item)
{
    portion->stored[portion->tried] = stored;
    portion->items[portion->tried++] = item;
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
    for (int i = 0; i < portion->tried; ++i)
        if (screen_rows({portion->profile, replication.filter, portion->changes}, replication.nul_characters,
                        &portion->items[i], 1) == 0)
            portion->items[i].item = nullptr;
}

const engine::Value &key_value(const engine::Item &item, const char *attribute)
{
    size_t i = 0;
    while (item.values[i].name != attribute)
        i += item.values[i].span;
    return item.values[i];
}

const uint8 *digest_of(const catalog::Replication &replication, const engine::Item &key)
{
    engine::Value values[2];
    for (int i = 0; i < replication.key_count; ++i)
        values[i] = key_value(key, replication.keys[i]);
    auto *digest = make_array<uint8>(engine::kKeyDigestBytes);
    check(engine::key_digest({values, static_cast<size_t>(replication.key_count)}, digest));
    return digest;
}

// The number of the key in what is tried already; -1: it is new.
int find_key(const Portion &portion, const uint8 *digest)
{
    for (int i = 0; i < portion.tried; ++i)
        if (memcmp(portion.items[i].key_digest, digest, engine::kKeyDigestBytes) == 0)
            return i;
    return -1;
}

// Every sound key once.
void try_keys(Portion *portion)
{
    std::span<const engine::Item> keys = parse(portion->read, portion->replication->nul_characters);
    for (int i = 0; i < portion->read.count; ++i) {
        const engine::Item &key = keys[static_cast<size_t>(i)];
        StoredError *stored = &portion->read.errors[i];
        if (check_item(*portion->target, key).exists())
            continue;
        const uint8 *digest = digest_of(*portion->replication, key);
        int same = find_key(*portion, digest);
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
    if (!tried_before || !marks || applies || portion.target->deleted_at == InvalidAttrNumber)
        item.item = nullptr;
    return item;
}

// Of a replication: what the items are now.
void try_current_items(Portion *portion, const Source &source, double *read_units)
{
    try_keys(portion);
    auto *keys = make_array<std::string_view>(portion->tried);
    for (int i = 0; i < portion->tried; ++i)
        keys[i] = portion->items[i].item->json;
    List *current = read_items(source, *portion->replication, {keys, static_cast<size_t>(portion->tried)}, read_units);
    ListCell *cell;
    foreach (cell, current) {
        auto *item = static_cast<engine::CurrentItem *>(lfirst(cell));
        int number = find_key(*portion, item->key_digest);
        if (number < 0)
            ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
                            errmsg("response to BatchGetItem holds an item that was not asked for")));
        portion->items[number].item = &item->item;
        portion->items[number].remove = false;
    }
    for (int i = 0; i < portion->tried; ++i)
        if (portion->items[i].remove)
            portion->items[i] = removal(*portion, portion->items[i], portion->stored[i]);
    Screening screening = {portion->profile, nullptr, true, portion->replication};
    (void)screen_rows(screening, portion->replication->nul_characters, portion->items, portion->tried);
}

// ---- Writing -------------------------------------------------------------------------------------------------------

void reject_row(void *context, const Row &row, ErrorData *error)
{
    auto *portion = static_cast<Portion *>(context);
    portion->reasons[portion->numbers[&row - portion->rows]] = {pstrdup(unpack_sql_state(error->sqlerrcode)),
                                                                view(error->message), view(error->detail)};
}

// The items that can be rows; the others are rejected here.
PageItem *sound_items(Portion *portion, int *count)
{
    auto *sound = make_array<PageItem>(portion->tried);
    *count = 0;
    for (int i = 0; i < portion->tried; ++i) {
        portion->reasons[i] = {};
        if (portion->items[i].item == nullptr)
            continue;
        engine::Problem problem = check_item(*portion->target, *portion->items[i].item);
        if (problem.exists()) {
            portion->reasons[i] = {pstrdup(problem.sqlstate), problem.message, {}};
            continue;
        }
        portion->numbers[*count] = i;
        sound[(*count)++] = portion->items[i];
    }
    return sound;
}

void write(void *argument)
{
    auto *portion = static_cast<Portion *>(argument);
    int count;
    PageItem *sound = sound_items(portion, &count);
    Batch batch = open_batch(*portion->target, portion->on_conflict);
    portion->rows = make_rows(batch, sound, count);
    portion->written = 0;
    int most = portion->replication->batch_size > 0 ? portion->replication->batch_size : count;
    for (int done = 0; done < count; done += most)
        portion->written +=
            apply_or_reject(batch, portion->target, portion->rows + done, Min(most, count - done), reject_row, portion);
    close_batch(batch);
}

void make_columns(Portion *portion, const MissingColumns &missing, bool with_rest)
{
    map_columns(*portion->replication, missing, with_rest);
    portion->target = load_target(CurrentMemoryContext, *portion->replication);
}

PageItem *puts(const Portion &portion, int *count)
{
    auto *items = make_array<PageItem>(portion.tried);
    *count = 0;
    for (int i = 0; i < portion.tried; ++i)
        if (portion.items[i].item != nullptr)
            items[(*count)++] = portion.items[i];
    return items;
}

void write_portion(Portion *portion)
{
    int count;
    PageItem *items = puts(*portion, &count);
    MissingColumns missing = missing_columns(*portion->target, items, count);
    if (missing.count > 0)
        make_columns(portion, missing, false);
    ErrorData *error = attempt(write, portion);
    if (error != nullptr && portion->target->wants_rest) {
        make_columns(portion, {}, true);
        error = attempt(write, portion);
    }
    if (error != nullptr)
        ReThrowError(error);
}

// ---- Portion by portion --------------------------------------------------------------------------------------------

// Returns how many have left podyn.error.
int64 settle(const Portion &portion)
{
    int64 taken = 0;
    for (int i = 0; i < portion.tried; ++i)
        for (const StoredError *stored = portion.stored[i]; stored != nullptr; stored = stored->next)
            taken += settle(*stored, portion.reasons[i]);
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
    portion.target = load_target(CurrentMemoryContext, replication);
    if (source != nullptr)
        try_current_items(&portion, *source, &outcome->read_units);
    else
        try_stored_items(&portion);
    write_portion(&portion);
    int64 taken = settle(portion);
    outcome->taken += taken;
    count_items(origin, portion.written, taken - portion.written);
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
