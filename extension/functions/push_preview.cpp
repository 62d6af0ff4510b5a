// See push_preview.h.
#include "functions/push_preview.h"

#include "raise.h"

namespace podyn {

struct PushPreview {
    Source source;
    PutConflict on_conflict;
    catalog::Replication asked;  // what read_items wants to know: table and keys
    MemoryContext context;       // of the puts that wait to be looked up
    struct Put {
        std::string_view json;
        std::string_view key;
        uint8 digest[engine::kKeyDigestBytes];
    } puts[engine::kMostKeysOfBatchGet];
    size_t count;
    PreviewCounts counts;
    int told;
};

namespace {

constexpr int kMostNotices = 100;  // docs/writing.md names it

void tell(PushPreview *preview, const char *what, std::string_view json)
{
    if (++preview->told <= kMostNotices)
        ereport(NOTICE, (errmsg("dry run: would %s %s", what, copy_string(json))));
}

const PushPreview::Put *find(const PushPreview &preview, const uint8 *digest)
{
    for (size_t i = 0; i < preview.count; ++i)
        if (memcmp(preview.puts[i].digest, digest, engine::kKeyDigestBytes) == 0)
            return &preview.puts[i];
    return nullptr;
}

void tell_existing(PushPreview *preview, const PushPreview::Put &put)
{
    if (preview->on_conflict == PutConflict::kError)
        ereport(ERROR,
                (errcode(ERRCODE_UNIQUE_VIOLATION),
                 errmsg("DynamoDB table \"%s\" has an item with key %s", preview->asked.source, copy_string(put.key)),
                 errdetail("This was a dry run: nothing was written.")));
    ++preview->counts.skipped;
    tell(preview, "skip, as it exists, the item with key", put.key);
}

// Looks up which of the puts there are as items, and tells of all of them.
void look_up(PushPreview *preview)
{
    if (preview->count == 0)
        return;
    MemoryContext old = MemoryContextSwitchTo(preview->context);
    std::string_view keys[engine::kMostKeysOfBatchGet];
    for (size_t i = 0; i < preview->count; ++i)
        keys[i] = preview->puts[i].key;
    double read_units = 0;
    List *items = read_items(preview->source, preview->asked, {keys, preview->count}, &read_units);
    bool exists[engine::kMostKeysOfBatchGet] = {};
    ListCell *cell;
    foreach (cell, items) {
        const PushPreview::Put *put = find(*preview, static_cast<engine::CurrentItem *>(lfirst(cell))->key_digest);
        if (put != nullptr)
            exists[put - preview->puts] = true;
    }
    for (size_t i = 0; i < preview->count; ++i) {
        if (exists[i]) {
            tell_existing(preview, preview->puts[i]);
        } else {
            ++preview->counts.written;
            tell(preview, "put", preview->puts[i].json);
        }
    }
    preview->count = 0;
    MemoryContextSwitchTo(old);
    MemoryContextReset(preview->context);
}

}  // namespace

PushPreview *make_push_preview(const Source &source, const engine::TableDescription &table, PutConflict on_conflict)
{
    auto *preview = static_cast<PushPreview *>(palloc0(sizeof(PushPreview)));
    preview->source = source;
    preview->on_conflict = on_conflict;
    preview->asked.source = copy_string(table.name);
    preview->asked.key_count = static_cast<int>(table.keys.size());
    for (size_t i = 0; i < table.keys.size(); ++i)
        preview->asked.keys[i] = copy_string(table.keys[i].name);
    preview->context = AllocSetContextCreate(CurrentMemoryContext, "podyn dry run", ALLOCSET_DEFAULT_SIZES);
    return preview;
}

void preview_put(PushPreview *preview, const engine::CheckedWrite &put)
{
    if (preview->on_conflict == PutConflict::kReplace) {
        ++preview->counts.written;
        tell(preview, "put", put.json);
        return;
    }
    // BatchGetItem takes no key twice.
    if (preview->count == engine::kMostKeysOfBatchGet || find(*preview, put.key_digest) != nullptr)
        look_up(preview);
    MemoryContext old = MemoryContextSwitchTo(preview->context);
    PushPreview::Put &kept = preview->puts[preview->count++];
    kept.json = {copy_string(put.json), put.json.size()};
    kept.key = {copy_string(put.key), put.key.size()};
    memcpy(kept.digest, put.key_digest, engine::kKeyDigestBytes);
    MemoryContextSwitchTo(old);
}

PreviewCounts finish_preview(PushPreview *preview)
{
    look_up(preview);
    ereport(NOTICE, (errmsg("dry run: nothing was sent; %llu items would be written to DynamoDB table %s, %llu skipped",
                            static_cast<unsigned long long>(preview->counts.written), preview->asked.source,
                            static_cast<unsigned long long>(preview->counts.skipped)),
                     preview->told > kMostNotices ? errdetail("Only the first %d are told.", kMostNotices) : 0));
    return preview->counts;
}

}  // namespace podyn
