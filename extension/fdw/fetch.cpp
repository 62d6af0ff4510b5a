// See fetch.h. A part is a chain of requests, each of which goes on where the one before ended: a segment of a scan, a
// query, up to a hundred keys. A part waits (for its turn, its backoff, read units), runs (has a call) or is done.
#include "fdw/fetch.h"

#include "event_loop.h"
#include "raise.h"
#include "read_units.h"

namespace podyn {
namespace {

constexpr int kMostAtOnce = 8;  // queries and batches of keys; segments are as many as the table's owner wants
constexpr int64 kFirstBackoff = 50 * 1000;
constexpr int64 kLastBackoff = 10 * USECS_PER_SEC;
constexpr uint32 kFirstLimit = 100;  // items of the first page under a scan_rate: what they cost is not known yet

struct Part {
    MemoryContext context;  // owns the call
    engine::Call *call;
    char *next_key;  // where the next request starts; null: at the beginning
    const engine::KeyValue *partition;
    const engine::Condition *sort;  // null: none
    std::span<const std::string_view> keys;
    uint32 segment;
    int64 due;  // monotonic microseconds; not before
    int64 backoff;
    bool done;
};

}  // namespace

struct Fetch {
    MemoryContext context;
    MemoryContext page_context;  // owns the page
    ForeignTable *table;
    Wanted wanted;
    Part *parts;
    int part_count;
    int most_at_once;
    std::span<const engine::Item> items;
    std::span<const engine::CurrentItem> current;  // kBatchGetItem: the same with the digests of their keys
    size_t at;
    int64 counted;
    int64 pages;
    int64 affordable_at;  // monotonic microseconds: when scan_rate has room for the next request
    double units_per_item;
    FetchFigures figures;
};

namespace {

using engine::Item;

EventLoop *loop_of(const Fetch *fetch)
{
    return loop_of(fetch->table->connection);
}

// ---- Parts ---------------------------------------------------------------------------------------------------------

void make_parts(Fetch *fetch, int count)
{
    fetch->part_count = count;
    fetch->parts = static_cast<Part *>(palloc0(sizeof(Part) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i) {
        fetch->parts[i].context = AllocSetContextCreate(fetch->context, "podyn request", ALLOCSET_SMALL_SIZES);
        fetch->parts[i].segment = static_cast<uint32>(i);
        fetch->parts[i].backoff = kFirstBackoff;
    }
}

void divide_scan(Fetch *fetch)
{
    make_parts(fetch, fetch->table->options.segments);
    fetch->most_at_once = fetch->part_count;
}

void divide_query(Fetch *fetch)
{
    const Wanted &wanted = fetch->wanted;
    int sorts = Max(wanted.sort_count, 1);
    make_parts(fetch, wanted.lookups);
    for (int i = 0; i < fetch->part_count; ++i) {
        fetch->parts[i].partition = wanted.partitions[i / sorts];
        fetch->parts[i].sort = wanted.sort_count == 0 ? nullptr : &wanted.sorts[i % sorts];
    }
}

void divide_keys(Fetch *fetch)
{
    constexpr int kMost = static_cast<int>(engine::kMostKeysOfBatchGet);
    const Wanted &wanted = fetch->wanted;
    int size = wanted.request == Request::kGetItem ? 1 : kMost;
    make_parts(fetch, (wanted.key_count + size - 1) / size);
    for (int i = 0; i < fetch->part_count; ++i)
        fetch->parts[i].keys = {wanted.keys + i * size, static_cast<size_t>(Min(size, wanted.key_count - i * size))};
}

// ---- Requests ------------------------------------------------------------------------------------------------------

// A full scan obeys it.
double rate_of(const Fetch *fetch)
{
    return fetch->wanted.request == Request::kScan ? fetch->table->options.scan_rate : 0;
}

// So many items that a page costs about one second's read units.
uint32 page_limit(const Fetch *fetch)
{
    double rate = rate_of(fetch);
    if (rate <= 0)
        return fetch->pages == 0 ? fetch->wanted.read.limit : 0;
    if (fetch->units_per_item <= 0)
        return kFirstLimit;
    double items = rate / fetch->units_per_item;
    return items < 1 ? 1 : items > 1e6 ? 0 : static_cast<uint32>(items);
}

engine::Status start_call(Fetch *fetch, Part *part, engine::Call **call)
{
    engine::Client *client = loop_of(fetch)->client;
    engine::Session *session = session_of(fetch->table->connection);
    const Wanted &wanted = fetch->wanted;
    engine::ReadOptions read = wanted.read;
    read.limit = page_limit(fetch);
    read.exclusive_start_key = view(part->next_key);
    switch (wanted.request) {
        case Request::kGetItem:
            return engine::start_get_item(client, session, read, part->keys[0], now(), call);
        case Request::kBatchGetItem:
            return engine::start_batch_get_item(client, session, read, part->keys, now(), call);
        case Request::kQuery:
            return engine::start_query(
                client, session,
                {read, {part->partition, static_cast<size_t>(wanted.partition_size)}, part->sort, wanted.backwards},
                now(), call);
        default:
            return engine::start_read(client, session, {read, part->segment, static_cast<uint32>(fetch->part_count)},
                                      now(), call);
    }
}

void start(Fetch *fetch, Part *part)
{
    engine::Call *call = nullptr;
    check(start_call(fetch, part, &call));
    part->call = own<engine::Call>(part->context, call, engine::call_destroy);
    ++fetch->figures.requests;
}

bool is_waiting(const Part &part)
{
    return !part.done && part.call == nullptr;
}

int count_running(const Fetch *fetch)
{
    int running = 0;
    for (int i = 0; i < fetch->part_count; ++i)
        running += fetch->parts[i].call != nullptr ? 1 : 0;
    return running;
}

void start_parts(Fetch *fetch)
{
    int64 time = now().monotonic_us;
    int running = count_running(fetch);
    for (int i = 0; i < fetch->part_count && running < fetch->most_at_once && fetch->affordable_at <= time; ++i)
        if (is_waiting(fetch->parts[i]) && fetch->parts[i].due <= time) {
            start(fetch, &fetch->parts[i]);
            ++running;
            // What it costs is only known when it has been answered.
            if (rate_of(fetch) > 0)
                break;
        }
}

// ---- Answers -------------------------------------------------------------------------------------------------------

// Throttling slows and never fails.
bool retry_later(Part *part, const engine::Status &status)
{
    if (status.failure != engine::Failure::kThrottled)
        return false;
    MemoryContextReset(part->context);
    part->call = nullptr;
    part->due = now().monotonic_us + part->backoff;
    part->backoff = Min(part->backoff * 2, kLastBackoff);
    return true;
}

void keep_next_key(Fetch *fetch, Part *part, std::string_view key)
{
    if (part->next_key != nullptr)
        pfree(part->next_key);
    part->next_key = nullptr;
    if (!key.empty())
        part->next_key =
            static_cast<char *>(memcpy(MemoryContextAllocZero(fetch->context, key.size() + 1), key.data(), key.size()));
    part->done = key.empty();
}

void take_page(Fetch *fetch, Part *part, engine::ScanPage *page)
{
    engine::Items *handle = nullptr;
    if (fetch->wanted.read.count_only)
        check(engine::take_count(part->call, &handle, page));
    else if (fetch->wanted.request == Request::kGetItem)
        check(engine::take_item(part->call, engine::NulCharacters::kReplace, &handle, page));
    else
        check(engine::take_scan(part->call, engine::NulCharacters::kReplace, &handle, page));
    own<engine::Items>(fetch->page_context, handle, engine::destroy);
    keep_next_key(fetch, part, page->last_key);
}

// Keys that DynamoDB had no time or read units for are asked for again.
void keep_unprocessed(Fetch *fetch, Part *part, std::span<const std::string_view> unprocessed, bool some)
{
    part->done = unprocessed.empty();
    auto *keys = static_cast<std::string_view *>(
        MemoryContextAlloc(fetch->context, sizeof(std::string_view) * (unprocessed.size() + 1)));
    for (size_t i = 0; i < unprocessed.size(); ++i) {
        auto *copy = static_cast<char *>(MemoryContextAlloc(fetch->context, unprocessed[i].size()));
        memcpy(copy, unprocessed[i].data(), unprocessed[i].size());
        keys[i] = {copy, unprocessed[i].size()};
    }
    part->keys = {keys, unprocessed.size()};
    part->backoff = some ? kFirstBackoff : Min(part->backoff * 2, kLastBackoff);
    if (!part->done)
        part->due = now().monotonic_us + part->backoff;
}

void take_batch(Fetch *fetch, Part *part, engine::ScanPage *page)
{
    std::string_view attributes[2];
    std::span<const engine::KeyAttribute> keys = fetch->table->source.keys;
    for (size_t i = 0; i < keys.size(); ++i)
        attributes[i] = keys[i].name;
    engine::CurrentItems *handle = nullptr;
    engine::CurrentItemsPage answer;
    check(engine::take_current_items(part->call, engine::NulCharacters::kReplace, {attributes, keys.size()}, &handle,
                                     &answer));
    own<engine::CurrentItems>(fetch->page_context, handle, engine::destroy);
    auto *items =
        static_cast<Item *>(MemoryContextAlloc(fetch->page_context, sizeof(Item) * (answer.items.size() + 1)));
    for (size_t i = 0; i < answer.items.size(); ++i)
        items[i] = answer.items[i].item;
    fetch->current = answer.items;
    *page = {{items, answer.items.size()}, answer.read_units, {}};
    keep_unprocessed(fetch, part, answer.unprocessed, !answer.items.empty());
}

double units_of(const Fetch *fetch, const engine::ScanPage &page)
{
    if (page.read_units > 0)
        return page.read_units;
    double bytes = 0;  // a server that does not tell
    for (const Item &item : page.items)
        bytes += static_cast<double>(item.json.size());
    return bytes / kBytesPerReadUnit * (fetch->wanted.read.consistent ? 1 : 0.5);
}

void pay(Fetch *fetch, const engine::ScanPage &page)
{
    double units = units_of(fetch, page);
    fetch->figures.read_units += units;
    if (!page.items.empty())
        fetch->units_per_item = units / static_cast<double>(page.items.size());
    if (double rate = rate_of(fetch); rate > 0)
        fetch->affordable_at = Max(fetch->affordable_at, now().monotonic_us) +
                               static_cast<int64>(units / rate * static_cast<double>(USECS_PER_SEC));
}

[[noreturn]] void raise_of_table(Fetch *fetch, const engine::Status &status)
{
    // The table may have been made anew, with other keys.
    forget_description(fetch->table->connection, fetch->table->table_name);
    check(status, psprintf("DynamoDB table \"%s\"", fetch->table->table_name));
    pg_unreachable();
}

// True: there is a page.
bool take_answer(Fetch *fetch, Part *part)
{
    engine::Status status = engine::call_status(part->call);
    if (retry_later(part, status))
        return false;
    if (!status.ok())
        raise_of_table(fetch, status);
    engine::ScanPage page;
    if (fetch->wanted.request == Request::kBatchGetItem)
        take_batch(fetch, part, &page);
    else
        take_page(fetch, part, &page);
    MemoryContextReset(part->context);
    part->call = nullptr;
    ++fetch->pages;
    fetch->items = page.items;
    fetch->at = 0;
    fetch->counted += page.count;
    pay(fetch, page);
    return true;
}

// ---- The loop ------------------------------------------------------------------------------------------------------

bool has_more(const Fetch *fetch)
{
    for (int i = 0; i < fetch->part_count; ++i)
        if (!fetch->parts[i].done)
            return true;
    return false;
}

Part *find_answered(Fetch *fetch)
{
    for (int i = 0; i < fetch->part_count; ++i)
        if (Part *part = &fetch->parts[i]; part->call != nullptr && engine::call_finished(part->call))
            return part;
    return nullptr;
}

// When the next waiting part may start, where nothing else would wake us.
int64 next_start(const Fetch *fetch)
{
    int64 next = -1;
    if (count_running(fetch) >= fetch->most_at_once)
        return next;
    for (int i = 0; i < fetch->part_count; ++i) {
        const Part &part = fetch->parts[i];
        int64 due = Max(part.due, fetch->affordable_at);
        if (is_waiting(part) && (next < 0 || due < next))
            next = due;
    }
    return next;
}

// False: there is no further page.
bool fetch_page(Fetch *fetch)
{
    if (!fetch->wanted.keeps_items)
        MemoryContextReset(fetch->page_context);
    fetch->items = {};
    fetch->at = 0;
    while (has_more(fetch)) {
        start_parts(fetch);
        if (Part *part = find_answered(fetch); part == nullptr) {
            wait_for_events(loop_of(fetch), next_start(fetch));
        } else if (take_answer(fetch, part)) {
            // Whoever has read a second page wants them all: the next one comes while this one is looked at.
            if (fetch->pages > 1)
                start_parts(fetch);
            return true;
        }
    }
    return false;
}

}  // namespace

Fetch *start_fetch(MemoryContext context, ForeignTable *table, const Wanted &wanted)
{
    MemoryContext old = MemoryContextSwitchTo(context);
    auto *fetch = static_cast<Fetch *>(palloc0(sizeof(Fetch)));
    fetch->context = context;
    fetch->page_context = AllocSetContextCreate(context, "podyn page", ALLOCSET_SMALL_SIZES);
    fetch->table = table;
    fetch->wanted = wanted;
    fetch->most_at_once = kMostAtOnce;
    switch (wanted.request) {
        case Request::kScan:
            divide_scan(fetch);
            break;
        case Request::kQuery:
            divide_query(fetch);
            break;
        default:
            divide_keys(fetch);
    }
    MemoryContextSwitchTo(old);
    return fetch;
}

const Item *next_item(Fetch *fetch)
{
    while (fetch->at >= fetch->items.size())
        if (!fetch_page(fetch))
            return nullptr;
    return &fetch->items[fetch->at++];
}

const uint8 *key_digest_of_item(const Fetch *fetch)
{
    return fetch->current[fetch->at - 1].key_digest;
}

int64 count_items(Fetch *fetch)
{
    while (fetch_page(fetch)) {
    }
    return fetch->counted;
}

FetchFigures figures_of(const Fetch *fetch)
{
    return fetch->figures;
}

void add(FetchFigures *sum, const FetchFigures &figures)
{
    sum->requests += figures.requests;
    sum->read_units += figures.read_units;
}

}  // namespace podyn
