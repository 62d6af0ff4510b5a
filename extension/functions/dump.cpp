// podyn_dump: every item of a DynamoDB table, one by one: while a page is given out, the next one is on its way.
#include "backoff.h"
#include "functions/arguments.h"
#include "functions/replicate.h"
#include "load/document.h"
#include "raise.h"
#include "write/rows_to_items.h"

namespace podyn {
namespace {

constexpr const char *kFormats[] = {"plain", "dynamodb_json"};
constexpr int64 kPatience = USECS_PER_MINUTE;  // with a server that cannot be reached; throttling is waited out

// A page on its way, or being given out.
struct DumpPage {
    MemoryContext context;  // of it and all that is in it
    const char *start_key;
    engine::Call *call;
    engine::ScanPage items;
    size_t next;
};

struct Dump {
    MemoryContext context;
    Source source;
    engine::TableDescription table;
    bool dynamodb_json;
    DumpPage *page;       // null before the first and behind the last one
    DumpPage *following;  // on its way
};

void start(Dump *dump, DumpPage *page)
{
    engine::ScanRequest request = {dump->table.name, 0, 1, 0, true, view(page->start_key)};
    check(engine::start_scan(dump->source.loop->client, dump->source.session, request, now(), &page->call));
    own<engine::Call>(page->context, page->call, engine::call_destroy);
}

DumpPage *begin_page(Dump *dump, std::string_view start_key)
{
    MemoryContext context = AllocSetContextCreate(dump->context, "podyn dump page", ALLOCSET_DEFAULT_SIZES);
    auto *page = static_cast<DumpPage *>(MemoryContextAllocZero(context, sizeof(DumpPage)));
    page->context = context;
    MemoryContext old = MemoryContextSwitchTo(context);
    page->start_key = start_key.empty() ? nullptr : copy_string(start_key);
    MemoryContextSwitchTo(old);
    start(dump, page);
    return page;
}

bool is_passing(const engine::Status &status)
{
    return status.failure == engine::Failure::kThrottled || (status.retryable && !status.ok());
}

void wait_for_page(Dump *dump, DumpPage *page)
{
    int64 begun = now().monotonic_us;
    for (int pauses = 0;; ++pauses) {
        engine::Status status = wait_for_call(dump->source.loop, page->call);
        bool patient = status.failure == engine::Failure::kThrottled || now().monotonic_us - begun < kPatience;
        if (!is_passing(status) || !patient) {
            check(status);
            return;
        }
        pause(dump->source, kThrottled.wait(pauses));
        start(dump, page);
    }
}

void take_page(Dump *dump, DumpPage *page)
{
    wait_for_page(dump, page);
    engine::Items *handle = nullptr;
    check(engine::take_scan(page->call, engine::NulCharacters::kReplace, &handle, &page->items));
    own<engine::Items>(page->context, handle, engine::destroy);
    if (!page->items.last_key.empty())
        dump->following = begin_page(dump, page->items.last_key);
}

void go_on(Dump *dump)
{
    if (dump->page != nullptr)
        MemoryContextDelete(dump->page->context);
    dump->page = dump->following;
    dump->following = nullptr;
    if (dump->page != nullptr)
        take_page(dump, dump->page);
}

bool had_nul(const engine::Item &item)
{
    for (const engine::Value &value : item.values)
        if (value.had_nul)
            return true;
    return false;
}

const char *key_of(const Dump &dump, const engine::Item &item)
{
    auto count = static_cast<uint32>(item.values.size());
    return describe_key(ItemValues{const_cast<engine::Value *>(item.values.data()), count, count, nullptr},
                        dump.table.keys);
}

char *beginning_of(std::string_view text)
{
    constexpr int kMostShown = 200;
    int length = pg_mbcliplen(text.data(), static_cast<int>(text.size()), kMostShown);
    return pnstrdup(text.data(), static_cast<Size>(length));
}

// Null: all items have been given.
const engine::Item *next_item(Dump *dump)
{
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        while (dump->page != nullptr && dump->page->next == dump->page->items.items.size())
            go_on(dump);
        if (dump->page == nullptr)
            return nullptr;
        const engine::Item &item = dump->page->items.items[dump->page->next++];
        if (!item.problem.exists())
            return &item;
        ereport(WARNING, (errmsg("an item was left out: %s", copy_string(item.problem.message)),
                          errdetail("%s", beginning_of(item.json))));
    }
}

Datum document_of(const Dump &dump, const engine::Item &item)
{
    if (had_nul(item))
        ereport(WARNING, (errmsg("the item with key %s holds the character U+0000, which PostgreSQL cannot store",
                                 key_of(dump, item)),
                          errdetail("It is given as U+2400.")));
    return dump.dynamodb_json ? dynamodb_json_from_attributes(item.values)
                              : jsonb_from_attributes(item.values, nullptr);
}

Dump *begin_dump(FunctionCallInfo fcinfo)
{
    auto *dump = static_cast<Dump *>(palloc0(sizeof(Dump)));
    dump->context = CurrentMemoryContext;
    char *table = required_text(fcinfo, 0, "source_table");
    dump->dynamodb_json = word({fcinfo, 0}, 2, "format", kFormats) == 1;
    dump->source = connect(required_text(fcinfo, 1, "server"));
    dump->table = describe_table(dump->source, table);
    dump->following = begin_page(dump, {});
    go_on(dump);
    return dump;
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_dump);

Datum podyn_dump(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    if (SRF_IS_FIRSTCALL()) {
        FuncCallContext *first = SRF_FIRSTCALL_INIT();
        MemoryContext old = MemoryContextSwitchTo(first->multi_call_memory_ctx);
        first->user_fctx = begin_dump(fcinfo);
        MemoryContextSwitchTo(old);
    }
    FuncCallContext *context = SRF_PERCALL_SETUP();
    auto *dump = static_cast<Dump *>(context->user_fctx);
    const engine::Item *item = next_item(dump);
    if (item == nullptr)
        SRF_RETURN_DONE(context);
    SRF_RETURN_NEXT(context, document_of(*dump, *item));
}
}
