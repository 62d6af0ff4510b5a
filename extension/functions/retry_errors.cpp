// podyn_retry_errors: tries the rejected items of a replication or an import again, after its owner has mended what
// they were rejected for. All of it in the caller's transaction, which holds the replication: its workers wait.
//
//   an import       the stored item is written, as on_conflict says. Not where a later export of the same chain may
//                   have changed or removed the item since: nobody knows, so these are left
//   a replication   the stored item may be an old one, whose key has a newer row by now. Its key is read again,
//                   consistently, and what the item is now is written. As the workers wait, what they have written
//                   is not newer. What they write next may be older, until the stream has come to where the item was
//                   read
//
// Rows are written as the replication's owner, whoever calls: they run what the owner has put into triggers,
// constraints and types.
#include "catalog/journal.h"
#include "catalog/replications.h"
#include "engine/keys.h"
#include "functions/source_table.h"
#include "imports/hooks.h"
#include "imports/place.h"
#include "load/halving.h"
#include "locks.h"
#include "raise.h"
#include "settings.h"
#include "subtransaction.h"

namespace podyn {
namespace {

// A row of podyn.error.
struct StoredError {
    int64 id;
    TimestampTz at;
    bool remove;
    std::string_view document;  // DynamoDB JSON: of an import the item, else the key. Empty: it cannot be tried
    StoredError *next;          // of the same key; null: none
};

// Why an item is rejected again; `sqlstate` null: it is not.
struct Reason {
    const char *sqlstate;
    std::string_view message;
    std::string_view detail;
};

// Rejected items that are tried together.
struct Portion {
    const catalog::Replication *replication;
    const catalog::Profile *profile;  // of an import; null: none
    Target *target;
    OnConflict on_conflict;
    StoredError *errors;
    int count;
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

// Where rejected items come from: a file, or anything that a replication reads.
struct Origin {
    int64 task;          // of a file
    const char *source;  // null: any
    OnConflict on_conflict;
    const catalog::Profile *profile;  // null: none
};

struct Outcome {
    int64 taken;
    double read_units;
};

// ---- What is tried -------------------------------------------------------------------------------------------------

// Lines that are no items are kept as JSON strings. A key in which U+0000 is shown as U+2400 is another one.
constexpr char kSelect[] =
    "SELECT id, at, operation = 'remove', CASE WHEN json_typeof(coalesce(item, key)) <> 'object' THEN NULL "
    "WHEN strpos(key::text, '\u2400') > 0 AND (strpos(item::text, '\\u0000') > 0 "
    "OR item IS NULL AND sqlstate = '22P05') THEN NULL WHEN $6 THEN coalesce(item, key)::text ELSE key::text END "
    "FROM (SELECT *, sum(size) OVER (ORDER BY id) - size AS before FROM "
    "(SELECT *, octet_length(coalesce(item, key)::text) AS size FROM podyn.error "
    "WHERE name = $1 AND id > $2 AND ($3 IS NULL OR source = $3) ORDER BY id LIMIT $4 FOR UPDATE) AS portion) AS sized "
    "WHERE coalesce(before, 0) < $5 ORDER BY id";

template <typename Element>
Element *make_array(int count)
{
    return static_cast<Element *>(palloc0(sizeof(Element) * static_cast<size_t>(count + 1)));
}

// The next ones behind `after`: as many as a worker's transaction would write, and as one request can read.
Portion read_portion(const catalog::Replication &replication, const Origin &origin, int64 after)
{
    int most = settings::batch_rows;
    if (!replication.imports)
        most = Min(most, static_cast<int>(engine::kMostKeysOfBatchGet));
    MemoryContext context = CurrentMemoryContext;
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        kSelect, {catalog::text(replication.name), catalog::int8(after), catalog::text_or_null(origin.source),
                  catalog::int4(most), catalog::int8(static_cast<int64>(settings::batch_kilobytes) * 1024),
                  catalog::boolean(replication.imports)});
    MemoryContext spi = MemoryContextSwitchTo(context);
    Portion portion = {};
    portion.replication = &replication;
    portion.profile = origin.profile;
    portion.on_conflict = origin.on_conflict;
    portion.count = static_cast<int>(rows);
    portion.errors = make_array<StoredError>(portion.count);
    for (uint64 row = 0; row < rows; ++row)
        portion.errors[row] = {catalog::get_int8(row, 1), DatumGetTimestampTz(catalog::value(row, 2)),
                               catalog::get_boolean(row, 3), view(catalog::string(context, row, 4)), nullptr};
    portion.items = make_array<PageItem>(portion.count);
    portion.stored = make_array<StoredError *>(portion.count);
    portion.reasons = make_array<Reason>(portion.count);
    portion.numbers = make_array<int>(portion.count);
    MemoryContextSwitchTo(spi);
    catalog::leave(scope);
    return portion;
}

// What the documents say; an unsound item for one that is not there.
std::span<const engine::Item> parse(const Portion &portion)
{
    auto *documents = make_array<std::string_view>(portion.count);
    for (int i = 0; i < portion.count; ++i)
        documents[i] = portion.errors[i].document;
    engine::Items *handle = nullptr;
    std::span<const engine::Item> items;
    check(engine::parse_items({documents, static_cast<size_t>(portion.count)}, portion.replication->nul_characters,
                              &handle, &items));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    return items;
}

void try_item(Portion *portion, StoredError *stored, const PageItem &item)
{
    portion->stored[portion->tried] = stored;
    portion->items[portion->tried++] = item;
}

// Of an import. What its hooks and filter leave out has not to be written.
void try_stored_items(Portion *portion)
{
    std::span<const engine::Item> items = parse(*portion);
    for (int i = 0; i < portion->count; ++i)
        if (!items[static_cast<size_t>(i)].problem.exists())
            try_item(portion, &portion->errors[i],
                     {&items[static_cast<size_t>(i)], {}, nullptr, portion->errors[i].remove, 0});
    const catalog::Replication &replication = *portion->replication;
    for (int i = 0; i < portion->tried; ++i)
        if (screen_rows({portion->profile, replication.filter}, replication.nul_characters, &portion->items[i], 1) == 0)
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
    std::span<const engine::Item> keys = parse(*portion);
    for (int i = 0; i < portion->count; ++i) {
        const engine::Item &key = keys[static_cast<size_t>(i)];
        StoredError *stored = &portion->errors[i];
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

// ---- Outcome -------------------------------------------------------------------------------------------------------

// Those that are taken leave podyn.error, the others get their new reason. Returns how many have left.
int64 settle(const Portion &portion)
{
    int64 taken = 0;
    catalog::Scope scope = catalog::enter();
    for (int i = 0; i < portion.tried; ++i)
        for (const StoredError *stored = portion.stored[i]; stored != nullptr; stored = stored->next) {
            const Reason &reason = portion.reasons[i];
            if (reason.sqlstate == nullptr)
                taken += static_cast<int64>(
                    catalog::run("DELETE FROM podyn.error WHERE id = $1", {catalog::int8(stored->id)}));
            else
                catalog::run(
                    "UPDATE podyn.error SET at = clock_timestamp(), sqlstate = $2, message = $3, detail = $4 "
                    "WHERE id = $1",
                    {catalog::int8(stored->id), catalog::text(reason.sqlstate), catalog::text(reason.message),
                     catalog::text_or_null(reason.detail)});
        }
    catalog::leave(scope);
    return taken;
}

void count_items(int64 task, int64 written, int64 skipped)
{
    catalog::execute("UPDATE podyn.task SET items = items + $2, skipped = skipped + $3 WHERE id = $1",
                     {catalog::int8(task), catalog::int8(written), catalog::int8(skipped)});
}

void count_read_units(int32 replication, double read_units)
{
    catalog::execute("UPDATE podyn.replication SET read_units = read_units + $2 WHERE id = $1",
                     {catalog::int4(replication), catalog::float8(read_units)});
}

// ---- Portion by portion --------------------------------------------------------------------------------------------

// Returns the last number that it has come to; 0: there is nothing behind `after`.
int64 retry_portion(const catalog::Replication &replication, const Origin &origin, const Source *source, int64 after,
                    Outcome *outcome)
{
    Portion portion = read_portion(replication, origin, after);
    if (portion.count == 0)
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
    if (origin.task != 0)
        count_items(origin.task, portion.written, taken - portion.written);
    return portion.errors[portion.count - 1].id;
}

void retry_origin(const catalog::Replication &replication, const Origin &origin, const Source *source, Outcome *outcome)
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

// The import's files with rejected items, but for those that another export follows.
List *find_files_to_retry(const catalog::Replication &replication, int64 *followed)
{
    Place place = parse_place(replication.source);
    place.path = "";
    MemoryContext context = CurrentMemoryContext;
    catalog::Profile *profile = replication.profile == nullptr
                                    ? nullptr
                                    : catalog::get_profile(context, replication.profile, replication.owner);
    List *origins = NIL;
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT t.id, e.source, f.changes, e.count, EXISTS (SELECT FROM podyn.task AS later JOIN podyn.file AS l "
        "ON l.task = later.id WHERE later.replication = $1 AND l.stage > f.stage) FROM "
        "(SELECT source, count(*) FROM podyn.error WHERE name = $2 GROUP BY source) AS e "
        "JOIN podyn.task AS t ON t.replication = $1 AND t.kind = 'file' AND 'file ' || $3 || t.task = e.source "
        "JOIN podyn.file AS f ON f.task = t.id ORDER BY t.id",
        {catalog::int4(replication.id), catalog::text(replication.name), catalog::text(describe(place))});
    MemoryContext spi = MemoryContextSwitchTo(context);
    for (uint64 row = 0; row < rows; ++row) {
        if (catalog::get_boolean(row, 5)) {
            *followed += catalog::get_int8(row, 4);
            continue;
        }
        auto *origin = static_cast<Origin *>(palloc(sizeof(Origin)));
        *origin = {catalog::get_int8(row, 1), catalog::string(context, row, 2),
                   catalog::get_boolean(row, 3) ? OnConflict::kUpdate : replication.on_conflict, profile};
        origins = lappend(origins, origin);
    }
    MemoryContextSwitchTo(spi);
    catalog::leave(scope);
    return origins;
}

void retry_import(const catalog::Replication &replication, Outcome *outcome)
{
    int64 followed = 0;
    ListCell *cell;
    foreach (cell, find_files_to_retry(replication, &followed))
        retry_origin(replication, *static_cast<Origin *>(lfirst(cell)), nullptr, outcome);
    if (followed > 0)
        ereport(WARNING,
                (errmsg(INT64_FORMAT " rejected items are left: the exports that they are from are followed by others",
                        followed),
                 errdetail("What the later exports say of these items has been loaded, and would be overwritten."),
                 errhint("Load all of them again: podyn_reset('%s') and podyn_start('%s').", replication.name,
                         replication.name)));
}

void retry_replication(const catalog::Replication &replication, Outcome *outcome)
{
    Source source = connect(replication.server);
    retry_origin(replication, {0, nullptr, OnConflict::kUpdate, nullptr}, &source, outcome);
    if (outcome->read_units > 0)
        count_read_units(replication.id, outcome->read_units);
}

// ---- Whether, and as whom ------------------------------------------------------------------------------------------

// Held until the end of the transaction, so that no worker writes meanwhile; as it is then.
catalog::Replication *hold_own_replication(const char *name)
{
    for (;;) {
        catalog::Replication *found = catalog::get_own_replication(CurrentMemoryContext, name);
        locks::own_replication_soon(found->id);
        catalog::Replication *held = catalog::get_own_replication(CurrentMemoryContext, name);
        if (held->id == found->id)
            return held;
    }
}

// While changes go to the spool, what is newer than a row may wait there.
void require_no_copy(const catalog::Replication &replication)
{
    if (!replication.imports && catalog::replication_standing(replication.id).spooling)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("replication \"%s\" has not copied and merged everything yet", replication.name),
                        errdetail("Newer changes of the rejected items may wait until it has."),
                        errhint("Wait until it is streaming or completed; podyn_wait('%s', '%s') does.",
                                replication.name, replication.replay_changes ? "streaming" : "completed")));
}

// Groups are made of the items of a batch, which cannot be put together again from those of them that failed.
void require_rows(const catalog::Replication &replication)
{
    if (replication.profile == nullptr)
        return;
    if (catalog::get_profile(CurrentMemoryContext, replication.profile, replication.owner)->makes_records())
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("items of import \"%s\" are written by profile \"%s\"", replication.name, replication.profile),
                 errdetail("Its hooks take items in groups, of which podyn.error has only those that failed."),
                 errhint("Load all of them again: podyn_reset('%s') and podyn_start('%s').", replication.name,
                         replication.name)));
}

// A complete import's target may be another's by now.
void require_own_target(const catalog::Replication &replication)
{
    MemoryContext context = CurrentMemoryContext;
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT name FROM podyn.replication WHERE target = $1 AND id <> $2 AND (NOT imports OR phase <> 'completed')",
        {catalog::regclass(replication.target), catalog::int4(replication.id)});
    const char *other = rows > 0 ? catalog::string(context, 0, 1) : nullptr;
    catalog::leave(scope);
    if (replication.imports && other != nullptr)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the target of import \"%s\" is that of \"%s\" by now", replication.name, other),
                        errdetail("What \"%s\" writes there is newer than the rejected items.", other)));
}

// A transaction's only snapshot does not show what the workers have written since.
void require_fresh_snapshots()
{
    if (IsolationUsesXactSnapshot())
        ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
                        errmsg("podyn_retry_errors needs isolation level READ COMMITTED"),
                        errhint("Begin the transaction with: BEGIN ISOLATION LEVEL READ COMMITTED.")));
}

// Deferred triggers that wait by now are the caller's, and fail as such; those to come are to run before the identity
// changes again.
void check_constraints_at_once()
{
    SPI_connect();
    SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
    SPI_finish();
}

struct Identity {
    Oid user;
    int security_context;
    int guc_level;
};

void set_for_a_while(const char *name, const char *value)
{
    (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// From here on the owner's triggers, functions and policies run, with no more than the owner's rights and as in a
// worker. They leave nothing behind that would run as the caller. An error undoes it with the transaction.
Identity become_owner(const catalog::Replication &replication)
{
    Identity caller;
    GetUserIdAndSecContext(&caller.user, &caller.security_context);
    if (caller.user != replication.owner)
        SetUserIdAndSecContext(replication.owner,
                               caller.security_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    caller.guc_level = NewGUCNestLevel();
    set_for_a_while("search_path", "pg_catalog, pg_temp");
    set_for_a_while("row_security", "on");
    set_for_a_while("standard_conforming_strings", "on");
    return caller;
}

void become_caller(const Identity &caller)
{
    AtEOXact_GUC(false, caller.guc_level);
    SetUserIdAndSecContext(caller.user, caller.security_context);
}

int64 count_errors(const char *name)
{
    catalog::Scope scope = catalog::enter();
    catalog::run("SELECT count(*) FROM podyn.error WHERE name = $1", {catalog::text(name)});
    int64 count = catalog::get_int8(0, 1);
    catalog::leave(scope);
    return count;
}

int64 retry_errors(const char *name)
{
    catalog::Replication *replication = hold_own_replication(name);
    require_no_copy(*replication);
    require_own_target(*replication);
    require_rows(*replication);
    if (count_errors(name) == 0)
        return 0;
    check_constraints_at_once();
    Outcome outcome = {};
    Identity caller = become_owner(*replication);
    if (replication->imports)
        retry_import(*replication, &outcome);
    else
        retry_replication(*replication, &outcome);
    become_caller(caller);
    catalog::record_event(replication->owner, name, "retried",
                          psprintf(INT64_FORMAT " rejected items taken by podyn_retry_errors, " INT64_FORMAT " left",
                                   outcome.taken, count_errors(name)));
    return outcome.taken;
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_retry_errors);

Datum podyn_retry_errors(PG_FUNCTION_ARGS)
{
    PreventCommandIfReadOnly("podyn_retry_errors()");
    podyn::require_fresh_snapshots();
    PG_RETURN_INT64(podyn::retry_errors(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}
}
