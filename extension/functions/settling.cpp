// See settling.h.
#include "functions/settling.h"

#include "functions/item_writer.h"
#include "functions/wait.h"
#include "load/key_document.h"
#include "raise.h"

namespace podyn {
namespace {

constexpr int kLooks = 3, kLooksWithoutVersion = 5;
constexpr int kMostLooks = 20;
constexpr int64 kBytesAtOnce = 4 * 1024 * 1024;  // of items
constexpr int64 kTick = USECS_PER_SEC;

struct Key {
    const char *document;
    uint8 digest[engine::kKeyDigestBytes];
    // Of the last look
    bool row;
    uint64 version;
    int same_looks;  // in a row
    bool settled;
};

struct Keys {
    Settling *settling;
    Key *keys;
    int count;
    int unsettled;
};

std::span<const engine::Item> parse(const Settling &settling, const char *const *documents, int count)
{
    auto *views = static_cast<std::string_view *>(palloc(sizeof(std::string_view) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i)
        views[i] = view(documents[i]);
    engine::Items *handle = nullptr;
    std::span<const engine::Item> items;
    check(engine::parse_items({views, static_cast<size_t>(count)}, settling.replication->nul_characters, &handle,
                              &items));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    return items;
}

// ---- Which keys ----------------------------------------------------------------------------------------------------

// No item can have such a key, so nothing has to be asked for.
void tell_impossible(const Settling &settling, const char *document)
{
    if (settling.replication->deletes == Deletes::kIgnore || settling.replication->ttl_deletes == Deletes::kIgnore)
        return;
    Subject subject = {};
    subject.finding = Finding::kExtra;
    subject.row = true;
    subject.reason = "no item can have this key";
    settling.differs(settling.context, document, false, subject);
}

HTAB *make_digest_table(int count)
{
    HASHCTL control = {};
    control.keysize = engine::kKeyDigestBytes;
    control.entrysize = engine::kKeyDigestBytes;
    control.hcxt = CurrentMemoryContext;
    return hash_create("podyn digests", count, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

// Each possible key once.
Keys take_keys(Settling *settling, const char *const *documents, int count)
{
    Keys taken = {settling, static_cast<Key *>(palloc0(sizeof(Key) * static_cast<size_t>(count + 1))), 0, 0};
    HTAB *known = make_digest_table(count);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn keys", ALLOCSET_DEFAULT_SIZES);
    for (int i = 0; i < count; ++i) {
        MemoryContext old = MemoryContextSwitchTo(context);
        const engine::Item &item = parse(*settling, &documents[i], 1)[0];
        if (!is_possible_key(*settling->target, item)) {
            tell_impossible(*settling, documents[i]);
        } else {
            bool found;
            const uint8 *digest = digest_of(*settling->target, item);
            hash_search(known, digest, HASH_ENTER, &found);
            if (!found) {
                Key *key = &taken.keys[taken.count++];
                key->document = documents[i];
                memcpy(key->digest, digest, sizeof(key->digest));
            }
        }
        MemoryContextSwitchTo(old);
        MemoryContextReset(context);
    }
    MemoryContextDelete(context);
    hash_destroy(known);
    taken.unsettled = taken.count;
    return taken;
}

// ---- One look ------------------------------------------------------------------------------------------------------

bool is_version(const Settling &settling, bool row)
{
    return row && has_versions(*settling.target);
}

int looks_needed(const Settling &settling, bool row)
{
    if (!settling.replication->replay_changes)
        return 1;  // nothing is on its way
    return is_version(settling, row) ? kLooks : kLooksWithoutVersion;
}

void judge(Keys *keys, Key *key, const Subject &subject)
{
    const Settling &settling = *keys->settling;
    bool same = key->same_looks > 0 && key->row == subject.row && key->version == subject.version;
    key->same_looks = same ? key->same_looks + 1 : 1;
    key->row = subject.row;
    key->version = subject.version;
    key->settled = subject.finding == Finding::kSame;
    if (!key->settled && key->same_looks >= looks_needed(settling, subject.row)) {
        settling.differs(settling.context, key->document, true, subject);
        key->settled = true;
    }
    keys->unsettled -= key->settled ? 1 : 0;
}

bool is_nearly_sure(const Settling &settling, const Key &key)
{
    return key.same_looks + 1 >= looks_needed(settling, key.row);
}

void wait_for_budget(const Settling &settling)
{
    for (int64 wait; (wait = shared::read_units_wait(settling.budget, settling.replication->scan_rate)) > 0;) {
        pause(*settling.source, Min(wait, kTick));
        settling.tick(settling.context);
    }
}

void read_sources(Settling *settling, Key *const *keys, const char *const *documents, Subject *subjects, int count)
{
    wait_for_budget(*settling);
    auto *views = static_cast<std::string_view *>(palloc(sizeof(std::string_view) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i)
        views[i] = view(documents[i]);
    double read_units = 0;
    List *items =
        read_items(*settling->source, *settling->replication, {views, static_cast<size_t>(count)}, &read_units);
    shared::spend_read_units(settling->budget, settling->replication->scan_rate, read_units);
    settling->read_units += read_units;
    ListCell *cell;
    foreach (cell, items) {
        auto *current = static_cast<engine::CurrentItem *>(lfirst(cell));
        int at = 0;
        while (at < count && memcmp(keys[at]->digest, current->key_digest, engine::kKeyDigestBytes) != 0)
            ++at;
        if (at == count)
            raise_unknown_item();
        subjects[at].item = &current->item;
    }
}

// Some keys, as many as one request reads.
void look_at_some(Keys *keys, Key *const *some, int count)
{
    Settling *settling = keys->settling;
    auto **documents = static_cast<const char **>(palloc(sizeof(char *) * static_cast<size_t>(count)));
    bool nearly_sure = false;
    for (int i = 0; i < count; ++i) {
        documents[i] = some[i]->document;
        nearly_sure = nearly_sure || is_nearly_sure(*settling, *some[i]);
    }
    std::span<const engine::Item> parsed = parse(*settling, documents, count);
    auto *subjects = static_cast<Subject *>(palloc0(sizeof(Subject) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i)
        subjects[i].key = &parsed[static_cast<size_t>(i)];
    read_sources(settling, some, documents, subjects, count);
    look({settling->replication, CurrentMemoryContext, subjects, count, nearly_sure});
    for (int i = 0; i < count; ++i)
        judge(keys, some[i], subjects[i]);
}

void look_at_unsettled(Keys *keys)
{
    auto most = static_cast<int>(engine::kMostKeysOfBatchGet);
    if (keys->settling->bytes_per_item > 0)
        most = static_cast<int>(Max(Min(most, kBytesAtOnce / keys->settling->bytes_per_item), 1));
    auto **some = static_cast<Key **>(palloc(sizeof(Key *) * static_cast<size_t>(most)));
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn settling", ALLOCSET_DEFAULT_SIZES);
    for (int next = 0; next < keys->count;) {
        int count = 0;
        for (; next < keys->count && count < most; ++next)
            if (!keys->keys[next].settled)
                some[count++] = &keys->keys[next];
        MemoryContext old = MemoryContextSwitchTo(context);
        if (count > 0)
            look_at_some(keys, some, count);
        MemoryContextSwitchTo(old);
        MemoryContextReset(context);
        keys->settling->tick(keys->settling->context);
    }
    MemoryContextDelete(context);
}

void wait_for_stream(const Settling &settling)
{
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn stream", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    TimestampTz since = in_stream_by();
    while (!wait_for_changes(*settling.replication, since, GetCurrentTimestamp() + kTick))
        settling.tick(settling.context);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
}

}  // namespace

void settle(Settling *settling, const char *const *documents, int count)
{
    Keys keys = take_keys(settling, documents, count);
    for (int looks = 0; keys.unsettled > 0; ++looks) {
        if (looks == kMostLooks) {
            settling->restless += keys.unsettled;
            return;
        }
        if (looks > 0)
            wait_for_stream(*settling);
        look_at_unsettled(&keys);
    }
}

}  // namespace podyn
