// See writing.h.
#include "write/writing.h"

#include "raise.h"
#include "settings.h"

namespace podyn {
namespace {

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
    Writing writing = {loop, nullptr};
    engine::WriterOptions options = {table.name, table.keys, index_keys(table),
                                     static_cast<uint32>(settings::write_connections), write_rate};
    check(engine::writer_create(loop->client, session, options, &writing.writer));
    own<engine::Writer>(CurrentMemoryContext, writing.writer, engine::destroy);
    return writing;
}

void wait_for_writes(const Writing &writing, int64 until)
{
    int64 deadline = engine::writer_deadline(writing.writer);
    if (until >= 0 && (deadline < 0 || until < deadline))
        deadline = until;
    wait_for_events(writing.loop, deadline);
    engine::writer_drive(writing.writer, now());
}

void send(const Writing &writing)
{
    for (;;) {
        bool taken = false;
        check(engine::writer_take(writing.writer, now(), &taken));
        if (taken)
            return;
        engine::writer_flush(writing.writer, now());
        wait_for_writes(writing, -1);
        if (!engine::writer_status(writing.writer).ok())
            return;
    }
}

void drain(const Writing &writing)
{
    engine::writer_flush(writing.writer, now());
    while (!engine::writer_idle(writing.writer) && engine::writer_status(writing.writer).ok())
        wait_for_writes(writing, -1);
}

}  // namespace podyn
