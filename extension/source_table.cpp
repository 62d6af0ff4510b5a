// See source_table.h.
#include "source_table.h"

#include "backoff.h"
#include "raise.h"
#include "source.h"

namespace podyn {
namespace {

constexpr uint32 kSampleItems = 10;

[[noreturn]] void raise_no_such_table(const char *table, const Source &source, const engine::Status &status)
{
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("DynamoDB table \"%s\" does not exist at %s", table,
                           copy_string(engine::session_endpoint(source.session))),
                    errdetail("%s", status.detail),
                    errhint("Check the name, upper and lower case included, and the server's region.")));
}

}  // namespace

Source connect(const char *server)
{
    Source source;
    source.session = open_source(CurrentMemoryContext, server, GetUserId());
    source.loop = make_event_loop(CurrentMemoryContext);
    source.sample_items = kSampleItems;
    return source;
}

void pause(const Source &source, int64 microseconds)
{
    int64 until = now().monotonic_us + microseconds;
    while (now().monotonic_us < until)
        wait_for_events(source.loop, until);
}

engine::TableDescription describe_table(const Source &source, const char *table)
{
    engine::Call *call = nullptr;
    check(engine::start_describe_table(source.loop->client, source.session, table, now(), &call));
    engine::Status status = wait_for_call(source.loop, own_call(call));
    if (status.failure == engine::Failure::kNotFound)
        raise_no_such_table(table, source, status);
    check(status);
    engine::Table *handle = nullptr;
    engine::TableDescription description;
    check(engine::take_table(call, &handle, &description));
    own<engine::Table>(CurrentMemoryContext, handle, engine::destroy);
    return description;
}

// Names of the tables in the server's region, all pages of them.
List *list_tables(const Source &source)
{
    List *names = NIL;
    std::string_view after;
    do {
        engine::Call *call = nullptr;
        check(engine::start_list_tables(source.loop->client, source.session, after, now(), &call));
        finish(source.loop, own_call(call));
        engine::Tables *handle = nullptr;
        engine::TablesPage page;
        check(engine::take_tables(call, &handle, &page));
        own<engine::Tables>(CurrentMemoryContext, handle, engine::destroy);
        for (std::string_view name : page.names)
            names = lappend(names, copy_string(name));
        after = page.last_name;
    } while (!after.empty());
    return names;
}

namespace {

// The finished call. While DynamoDB throttles, it is asked again.
engine::Call *ask_for_items(const Source &source, const char *table, std::span<const std::string_view> keys)
{
    for (int pauses = 0;; ++pauses) {
        engine::Call *call = nullptr;
        check(engine::start_batch_get_item(source.loop->client, source.session, table, keys, now(), &call));
        engine::Status status = wait_for_call(source.loop, own_call(call));
        if (status.failure != engine::Failure::kThrottled) {
            check(status);
            return call;
        }
        pause(source, kThrottled.wait(pauses));
    }
}

engine::CurrentItemsPage request_items(const Source &source, const catalog::Replication &replication,
                                       std::span<const std::string_view> keys)
{
    std::string_view attributes[] = {view(replication.keys[0]), view(replication.keys[1])};
    engine::Call *call = ask_for_items(source, replication.source, keys);
    engine::CurrentItems *handle = nullptr;
    engine::CurrentItemsPage answer;
    check(engine::take_current_items(call, replication.nul_characters,
                                     {attributes, static_cast<size_t>(replication.key_count)}, &handle, &answer));
    own<engine::CurrentItems>(CurrentMemoryContext, handle, engine::destroy);
    return answer;
}

}  // namespace

List *read_items(const Source &source, const catalog::Replication &replication, std::span<const std::string_view> keys,
                 double *read_units)
{
    List *items = NIL;
    int pauses = 0;
    while (!keys.empty()) {
        engine::CurrentItemsPage answer = request_items(source, replication, keys);
        for (const engine::CurrentItem &item : answer.items)
            items = lappend(items, const_cast<engine::CurrentItem *>(&item));
        *read_units += answer.read_units;
        keys = answer.unprocessed;
        pauses = answer.items.empty() ? pauses + 1 : 0;
        if (!keys.empty())
            pause(source, kThrottled.wait(pauses));
    }
    return items;
}

void raise_unknown_item()
{
    ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
                    errmsg("response to BatchGetItem holds an item that was not asked for")));
}

}  // namespace podyn
