// See writing.h.
#include "write/writing.h"

#include "raise.h"
#include "settings.h"

namespace podyn {
namespace {

constexpr int64 kDriveEvery = 5000;  // microseconds

std::span<const engine::KeyAttribute> index_keys(const engine::TableDescription &table)
{
    size_t count = 0;
    for (const engine::IndexDescription &index : table.indexes)
        count += index.keys.size();
    auto *keys = static_cast<engine::KeyAttribute *>(palloc0(sizeof(engine::KeyAttribute) * (count + 1)));
    count = 0;
    for (const engine::IndexDescription &index : table.indexes)
        for (const engine::KeyAttribute &key : index.keys)
            keys[count++] = key;
    return {keys, count};
}

}  // namespace

Writing begin_writing(EventLoop *loop, engine::Session *session, const engine::TableDescription &table,
                      double write_rate)
{
    Writing writing = {loop, nullptr, now().monotonic_us};
    engine::WriterOptions options = {table.name, table.keys, index_keys(table),
                                     static_cast<uint32>(settings::write_connections), write_rate};
    check(engine::writer_create(loop->client, session, options, &writing.writer));
    own<engine::Writer>(CurrentMemoryContext, writing.writer, engine::destroy);
    return writing;
}

void wait_for_writes(Writing *writing, int64 until)
{
    int64 deadline = engine::writer_deadline(writing->writer);
    if (until >= 0 && (deadline < 0 || until < deadline))
        deadline = until;
    wait_for_events(writing->loop, deadline);
    writing->driven_at = now().monotonic_us;
    engine::writer_drive(writing->writer, now());
}

namespace {

// Whoever has rows that take long must not leave what is under way lying about.
void keep_moving(Writing *writing)
{
    int64 time = now().monotonic_us;
    if (time - writing->driven_at >= kDriveEvery)
        wait_for_writes(writing, time);
}

}  // namespace

void send(Writing *writing)
{
    for (;;) {
        bool taken = false;
        check(engine::writer_take(writing->writer, now(), &taken));
        if (taken)
            return keep_moving(writing);
        engine::writer_flush(writing->writer, now());
        wait_for_writes(writing, -1);
        if (!engine::writer_status(writing->writer).ok())
            return;
    }
}

void stop_writing(Writing *writing)
{
    engine::writer_stop(writing->writer);
    while (!engine::writer_idle(writing->writer))
        wait_for_writes(writing, -1);
}

void drain(Writing *writing)
{
    engine::writer_flush(writing->writer, now());
    while (!engine::writer_idle(writing->writer) && engine::writer_status(writing->writer).ok())
        wait_for_writes(writing, -1);
}

}  // namespace podyn
