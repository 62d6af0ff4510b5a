// See enable_stream.h.
#include "functions/enable_stream.h"

#include "engine/operations.h"
#include "raise.h"

namespace podyn {
namespace {

// All that podyn needs. Old images would make the pages twice as long.
constexpr char kViewType[] = "NEW_IMAGE";
constexpr int64 kPatience = USECS_PER_MINUTE;
constexpr int64 kLookAgain = USECS_PER_SEC / 4;

struct Asking {
    EventLoop *loop;
    engine::Session *session;
    const char *table;
};

// Waits for the call's end. It is freed with the memory context.
engine::Status outcome(const Asking &asking, engine::Call *call)
{
    own<engine::Call>(CurrentMemoryContext, call, engine::call_destroy);
    while (!engine::call_finished(call))
        wait_for_events(asking.loop, -1);
    return engine::call_status(call);
}

// The ARN of the table's stream; null: it is off.
char *find_stream(const Asking &asking)
{
    engine::Call *call = nullptr;
    check(engine::start_describe_table(asking.loop->client, asking.session, asking.table, now(), &call));
    check(outcome(asking, call));
    engine::Table *handle = nullptr;
    engine::TableDescription table;
    check(engine::take_table(call, &handle, &table));
    own<engine::Table>(CurrentMemoryContext, handle, engine::destroy);
    return table.stream_enabled && !table.stream_arn.empty() ? copy_string(table.stream_arn) : nullptr;
}

// A stream that is known to the table may not be known to DynamoDB Streams for a moment.
bool is_enabled(const Asking &asking, const char *stream_arn)
{
    engine::Call *call = nullptr;
    check(engine::start_describe_stream(asking.loop->client, asking.session, stream_arn, {}, now(), &call));
    engine::Status status = outcome(asking, call);
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
bool look(const Asking &asking)
{
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn stream", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    const char *stream_arn = find_stream(asking);
    bool enabled = stream_arn != nullptr && is_enabled(asking, stream_arn);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
    return enabled;
}

void pause(EventLoop *loop)
{
    int64 until = now().monotonic_us + kLookAgain;
    while (now().monotonic_us < until)
        wait_for_events(loop, until);
}

// Where somebody else was faster, or the answer to an earlier attempt was lost, the stream is on and this is an error.
void request(const Asking &asking)
{
    engine::Call *call = nullptr;
    check(engine::start_enable_stream(asking.loop->client, asking.session, asking.table, kViewType, now(), &call));
    engine::Status status = outcome(asking, call);
    if (status.failure != engine::Failure::kInvalid || find_stream(asking) == nullptr)
        check(status);
}

}  // namespace

void enable_stream(EventLoop *loop, engine::Session *session, const char *table)
{
    Asking asking = {loop, session, table};
    ereport(NOTICE, (errmsg("enabling the stream of DynamoDB table %s with view type %s", table, kViewType)));
    request(asking);
    int64 deadline = now().monotonic_us + kPatience;
    while (!look(asking)) {
        if (now().monotonic_us > deadline)
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("stream of DynamoDB table \"%s\" is still being enabled", table),
                            errhint("It will be on in a while: then call again.")));
        pause(loop);
    }
}

}  // namespace podyn
