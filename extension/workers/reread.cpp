// See reread.h.
#include "workers/reread.h"

#include "backoff.h"
#include "extension_identity.h"
#include "raise.h"
#include "settings.h"
#include "transaction.h"

namespace podyn {
namespace {

constexpr int64 kWorthTelling = USECS_PER_SEC / 2;
// Keys are left, too, where an answer reaches 16 MB of items (API reference, BatchGetItem), which are hardly less as
// JSON: then there is nothing to wait for.
constexpr size_t kFullAnswer = 12 * 1024 * 1024;
constexpr uint32 kKeyAttributes = 2;

// After failures in a row smaller requests, so that none is too big for the network's timeout or our memory for ever.
uint32 most_keys(const RunningTask *task, const Reread &reread)
{
    uint32 most = static_cast<uint32>(engine::kMostKeysOfBatchGet) >> Min(task->failures, 6);
    if (reread.bytes_per_item > 0)
        most = Min(most,
                   static_cast<uint32>(static_cast<size_t>(settings::batch_kilobytes) * 1024 / reread.bytes_per_item));
    return Max(most, 1U);
}

// The next keys that can be read, passing over unsound ones: their changes are rejected. False: there are none left.
bool choose_keys(RunningTask *task, Reread *reread, const engine::RecordsPage &page)
{
    uint32 most = most_keys(task, *reread), count = 0;
    auto *keys = static_cast<std::string_view *>(MemoryContextAlloc(reread->context, sizeof(std::string_view) * most));
    reread->asked = reread->end;
    for (; reread->end < page.last.size() && count < most; ++reread->end) {
        const engine::Item &key = page.changes[page.last[reread->end]].keys;
        if (!key.problem.exists())
            keys[count++] = key.json;
    }
    reread->keys = {keys, count};
    return count > 0;
}

// Indexes in `page.last`; kNone: the item was not asked for.
constexpr uint32 kNone = PG_UINT32_MAX;

uint32 find_key(const Reread &reread, const engine::RecordsPage &page, const engine::CurrentItem &item)
{
    for (uint32 i = reread.asked; i < reread.end; ++i)
        if (memcmp(page.changes[page.last[i]].key_digest, item.key_digest, engine::kKeyDigestBytes) == 0)
            return i;
    return kNone;
}

void keep_items(Reread *reread, const engine::RecordsPage &page, const engine::CurrentItemsPage &answer)
{
    for (const engine::CurrentItem &current : answer.items) {
        uint32 index = find_key(*reread, page, current);
        if (index == kNone)
            ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
                            errmsg("response to BatchGetItem holds an item that was not asked for")));
        reread->items[index - reread->first] = &current.item;
    }
    reread->round_bytes += answer.bytes;
    if (!answer.items.empty())
        reread->bytes_per_item = answer.bytes / answer.items.size() + 1;
}

// Long pauses are told to those who look at podyn_status.
void rest(RunningTask *task, Reread *reread, const char *why)
{
    int64 wait = kThrottled.wait(reread->pauses++);
    int64 pause = jittered(wait, now().monotonic_us);
    if (wait >= kWorthTelling) {
        begin_transaction();
        task->finished = !lock_extension();
        if (!task->finished)
            catalog::save_retry(task->id, GetCurrentTimestamp() + pause, why, task->throttled);
        commit_transaction();
        task->throttled = 0;
    }
    wake_after(task, pause);
}

// The answer came without some of the keys.
void ask_for_the_others(RunningTask *task, Reread *reread, const engine::CurrentItemsPage &answer)
{
    size_t asked = reread->keys.size(), left = answer.unprocessed.size();
    if (left > asked)
        ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
                        errmsg("response to BatchGetItem leaves more keys than were asked for")));
    reread->keys = answer.unprocessed;
    if (answer.bytes >= kFullAnswer) {
        request_items(task, *reread);
        return;
    }
    ++task->throttled;
    // Longer while more than half of the keys are left: so pauses become as long as the table's capacity needs to read
    // about half.
    if (left * 2 <= asked)
        reread->pauses = 0;
    rest(task, reread,
         psprintf("request BatchGetItem was throttled by DynamoDB: it left %zu of %zu keys unread", left, asked));
}

}  // namespace

Reread *make_reread(MemoryContext context)
{
    auto *reread = static_cast<Reread *>(MemoryContextAllocZero(context, sizeof(Reread)));
    reread->context = AllocSetContextCreate(context, "podyn current items", ALLOCSET_SMALL_SIZES);
    return reread;
}

bool begin_round(RunningTask *task, Reread *reread, const engine::RecordsPage &page, uint32 first)
{
    MemoryContextReset(reread->context);
    reread->first = reread->end = first;
    reread->items = static_cast<const engine::Item **>(
        MemoryContextAllocZero(reread->context, sizeof(engine::Item *) * (page.last.size() - first + 1)));
    reread->round_bytes = 0;
    reread->read_units = 0;
    if (!choose_keys(task, reread, page))
        return false;
    request_items(task, *reread);
    return true;
}

bool take_items(RunningTask *task, Reread *reread, const engine::RecordsPage &page)
{
    const catalog::Replication &replication = *task->job->replication;
    std::string_view attributes[kKeyAttributes] = {view(replication.keys[0]), view(replication.keys[1])};
    engine::CurrentItems *handle = nullptr;
    engine::CurrentItemsPage answer;
    check(engine::take_current_items(task->call, replication.nul_characters,
                                     {attributes, static_cast<size_t>(replication.key_count)}, &handle, &answer));
    own<engine::CurrentItems>(reread->context, handle, engine::destroy);
    drop_call(task);
    keep_items(reread, page, answer);
    reread->read_units += answer.read_units;
    if (!answer.unprocessed.empty()) {
        ask_for_the_others(task, reread, answer);
        return false;
    }
    reread->pauses = 0;
    // After a failure what has been read is written at once: should the next request fail too, it counts.
    bool enough = task->failures > 0 || reread->round_bytes >= static_cast<size_t>(settings::batch_kilobytes) * 1024;
    if (enough || !choose_keys(task, reread, page))
        return true;
    request_items(task, *reread);
    return false;
}

void request_items(RunningTask *task, const Reread &reread)
{
    check(engine::start_batch_get_item(worker_loop()->client, task->job->session, task->job->replication->source,
                                       reread.keys, now(), &task->call));
}

void ask_again_after_throttling(RunningTask *task, Reread *reread, const engine::Status &status)
{
    rest(task, reread, psprintf("%s: %s", status.message, status.detail));
}

const engine::Item *current_item(const Reread &reread, uint32 index)
{
    return reread.items[index - reread.first];
}

}  // namespace podyn
