// One wait for everything: the process's latch, the postmaster's death and the engine's sockets.
#pragma once

#include "compat.h"
#include "engine/client.h"

namespace podyn {

struct EventLoop {
    engine::Client *client;
    WaitEventSet *set;
};

engine::Now now();
TimestampTz to_timestamp(int64 unix_us);

// Makes a client of the engine and a loop around it; both end with the memory context.
EventLoop *make_event_loop(MemoryContext context);

// Waits until something happens or `until` (monotonic microseconds; -1: no limit) and lets the engine move on.
// Interrupts are served. True: the process's latch was set, somebody wants something.
bool wait_for_events(EventLoop *loop, int64 until);

// Ties a call to the current memory context.
engine::Call *own_call(engine::Call *call);

// For a user's own call: waits until it is finished, with interrupts served.
engine::Status wait_for_call(EventLoop *loop, engine::Call *call);
// The same, and raises its error.
void finish(EventLoop *loop, engine::Call *call);

}  // namespace podyn
