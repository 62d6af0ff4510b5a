// See check_table.h.
#include "functions/check_table.h"

#include "raise.h"

namespace podyn {
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

TimestampTz stream_creation_time(const Source &source, const engine::TableDescription &table)
{
    engine::Shards *handle = nullptr;
    engine::StreamDescription stream;
    check(engine::take_shards(describe_stream(source, table), &handle, &stream));
    own<engine::Shards>(CurrentMemoryContext, handle, engine::destroy);
    return stream.created_us == 0 ? 0 : to_timestamp(stream.created_us);
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

}  // namespace podyn
