// See source_table.h.
#include "functions/source_table.h"

#include "raise.h"
#include "source.h"

namespace podyn {
namespace {

constexpr uint32 kSampleItems = 10;
// Before keys are asked for again that an answer left out: see workers/reread.cpp.
constexpr int64 kFirstPause = 50 * 1000, kLastPause = 10 * USECS_PER_SEC;

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

namespace {

engine::Call *own_call(engine::Call *call)
{
    return own<engine::Call>(CurrentMemoryContext, call, engine::call_destroy);
}

[[noreturn]] void raise_no_such_table(const char *table, const Source &source, const engine::Status &status)
{
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("DynamoDB table \"%s\" does not exist at %s", table,
                           copy_string(engine::session_endpoint(source.session))),
                    errdetail("%s", status.detail),
                    errhint("Check the name, upper and lower case included, and the server's region.")));
}

}  // namespace

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

namespace {

engine::Call *describe_stream(const Source &source, const engine::TableDescription &table)
{
    engine::Call *call = nullptr;
    check(engine::start_describe_stream(source.loop->client, source.session, table.stream_arn, {}, now(), &call));
    finish(source.loop, own_call(call));
    return call;
}

const char *some_key_value(char type)
{
    return type == 'S' ? "{\"S\":\"podyn\"}" : type == 'N' ? "{\"N\":\"0\"}" : "{\"B\":\"cG9keW4=\"}";
}

// The permission that a worker will need for streams whose items are read again, while the user is there to see the
// error: asks for some key, whether or not there is such an item.
void try_reading_again(const Source &source, const engine::TableDescription &table)
{
    StringInfoData key;
    initStringInfo(&key);
    for (const engine::KeyAttribute &attribute : table.keys) {
        appendStringInfoChar(&key, key.len ? ',' : '{');
        escape_json(&key, copy_string(attribute.name));
        appendStringInfo(&key, ":%s", some_key_value(attribute.type));
    }
    appendStringInfoChar(&key, '}');
    std::string_view keys[] = {{key.data, static_cast<size_t>(key.len)}};
    engine::Call *call = nullptr;
    check(engine::start_batch_get_item(source.loop->client, source.session, table.name, keys, now(), &call));
    finish(source.loop, own_call(call));
    ereport(NOTICE,
            (errmsg("items of table %s that change will be read again", copy_string(table.name)),
             errdetail("The view type of its stream, %s, says which items change and not what they become. Each change "
                       "costs one read unit for each 4 KB of its item.",
                       copy_string(table.stream_view_type)),
             errhint("A stream with view type NEW_IMAGE or NEW_AND_OLD_IMAGES saves these reads.")));
}

// Gives some items, whose attributes show what columns there will be. A copy that scans nothing does without: whoever
// has not the permission gets the columns as items arrive.
engine::ScanPage try_scan(const Source &source, const engine::TableDescription &table, const ReplicateOptions &options)
{
    engine::ScanRequest request = {
        table.name, 0, 1, source.sample_items, options.consistent_read != ConsistentRead::kOff, {}};
    engine::Call *call = nullptr;
    check(engine::start_scan(source.loop->client, source.session, request, now(), &call));
    engine::Status status = wait_for_call(source.loop, own_call(call));
    if (status.failure == engine::Failure::kDenied && options.backfill != Backfill::kScan)
        return {};
    check(status);
    engine::Items *handle = nullptr;
    engine::ScanPage page;
    check(engine::take_scan(call, options.nul_characters, &handle, &page));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    return page;
}

}  // namespace

void require_usable_stream(const engine::TableDescription &table)
{
    const char *name = copy_string(table.name);
    if (!table.stream_enabled)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("stream of DynamoDB table \"%s\" is disabled", name),
                        errhint("Give enable_stream => true, or enable it with: aws dynamodb update-table --table-name "
                                "%s --stream-specification "
                                "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES; or copy the data only, with "
                                "changes => false.",
                                name)));
}

bool enables_stream(const ReplicateOptions &options, const engine::TableDescription &table)
{
    return options.enable_stream && !table.stream_enabled;
}

engine::ScanPage check_table(const Source &source, const engine::TableDescription &table,
                             const ReplicateOptions &options)
{
    if (table.status != "ACTIVE" && table.status != "UPDATING")
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("DynamoDB table \"%s\" is in status %s", copy_string(table.name), copy_string(table.status)),
                 errhint("Wait until it is ACTIVE.")));
    if (options.changes && !enables_stream(options, table)) {
        require_usable_stream(table);
        (void)describe_stream(source, table);  // for the permission, too
        if (!engine::carries_new_images(table.stream_view_type))
            try_reading_again(source, table);
    }
    bool scans = options.data && options.backfill != Backfill::kFiles;  // those are a better sample
    return scans ? try_scan(source, table, options) : engine::ScanPage();
}

TimestampTz stream_creation_time(const Source &source, const engine::TableDescription &table)
{
    engine::Shards *handle = nullptr;
    engine::StreamDescription stream;
    check(engine::take_shards(describe_stream(source, table), &handle, &stream));
    own<engine::Shards>(CurrentMemoryContext, handle, engine::destroy);
    return stream.created_us == 0 ? 0 : to_timestamp(stream.created_us);
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
    for (int64 wait = kFirstPause;; wait = Min(wait * 2, kLastPause)) {
        engine::Call *call = nullptr;
        check(engine::start_batch_get_item(source.loop->client, source.session, table, keys, now(), &call));
        engine::Status status = wait_for_call(source.loop, own_call(call));
        if (status.failure != engine::Failure::kThrottled) {
            check(status);
            return call;
        }
        pause(source, wait);
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
    int64 wait = kFirstPause;
    while (!keys.empty()) {
        engine::CurrentItemsPage answer = request_items(source, replication, keys);
        for (const engine::CurrentItem &item : answer.items)
            items = lappend(items, const_cast<engine::CurrentItem *>(&item));
        *read_units += answer.read_units;
        keys = answer.unprocessed;
        wait = answer.items.empty() ? Min(wait * 2, kLastPause) : kFirstPause;
        if (!keys.empty())
            pause(source, wait);
    }
    return items;
}

void raise_unknown_item()
{
    ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
                    errmsg("response to BatchGetItem holds an item that was not asked for")));
}

}  // namespace podyn
