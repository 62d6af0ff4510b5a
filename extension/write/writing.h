// A user's own writes into a DynamoDB table: the engine's writer in the caller's session.
#pragma once

#include "engine/writer.h"
#include "source_table.h"

namespace podyn {

struct Writing {
    EventLoop *loop;
    engine::Writer *writer;
    int64 driven_at;  // monotonic microseconds
};

// It ends with the current memory context. `write_rate`: write units per second; 0: no limit.
Writing begin_writing(EventLoop *loop, engine::Session *session, const engine::TableDescription &table,
                      double write_rate);

// Sends the write that was checked last, waiting until there is room for it.
void send(Writing *writing);
// Waits until all that was sent has come to its end.
void drain(Writing *writing);
// Sends no more, and waits until it is known what became of all that is under way.
void stop_writing(Writing *writing);
// Waits for something to happen to what was sent; -1: without limit.
void wait_for_writes(Writing *writing, int64 until);

}  // namespace podyn
