// See enable_stream.h.
#include "functions/enable_stream.h"

#include "raise.h"

namespace podyn {
namespace {

constexpr int64 kPatience = USECS_PER_MINUTE;
constexpr int64 kLookAgain = USECS_PER_SEC / 4;

engine::Status outcome(const Source &source, engine::Call *call)
{
    return wait_for_call(source.loop, own_call(call));
}

// The ARN of the table's stream; null: it is off.
char *find_stream(const Source &source, const char *table)
{
    engine::TableDescription description = describe_table(source, table);
    bool there = description.stream_enabled && !description.stream_arn.empty();
    return there ? copy_string(description.stream_arn) : nullptr;
}

// A stream that is known to the table may not be known to DynamoDB Streams for a moment.
bool is_enabled(const Source &source, const char *stream_arn)
{
    engine::Call *call = nullptr;
    check(engine::start_describe_stream(source.loop->client, source.session, stream_arn, {}, now(), &call));
    engine::Status status = outcome(source, call);
    if (status.failure == engine::Failure::kNotFound)
        return false;
    check(status);
    engine::Shards *handle = nullptr;
    engine::StreamDescription stream;
    check(engine::take_shards(call, &handle, &stream));
    own<engine::Shards>(CurrentMemoryContext, handle, engine::destroy);
    return stream.status == "ENABLED";
}

// True: the table has a stream that can be read.
bool look(const Source &source, const char *table)
{
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn stream", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    const char *stream_arn = find_stream(source, table);
    bool enabled = stream_arn != nullptr && is_enabled(source, stream_arn);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
    return enabled;
}

// Where somebody else was faster, or the answer to an earlier attempt was lost, the stream is on and this is an error.
void request(const Source &source, const char *table)
{
    engine::Call *call = nullptr;
    check(engine::start_enable_stream(source.loop->client, source.session, table, kEnabledViewType, now(), &call));
    engine::Status status = outcome(source, call);
    if (status.failure != engine::Failure::kInvalid || find_stream(source, table) == nullptr)
        check(status);
}

}  // namespace

void enable_stream(const Source &source, const char *table)
{
    ereport(NOTICE, (errmsg("enabling the stream of DynamoDB table %s with view type %s", table, kEnabledViewType)));
    request(source, table);
    int64 deadline = now().monotonic_us + kPatience;
    while (!look(source, table)) {
        if (now().monotonic_us > deadline)
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("stream of DynamoDB table \"%s\" is still being enabled", table),
                            errhint("It will be on in a while: then call again.")));
        pause(source, kLookAgain);
    }
}

}  // namespace podyn
