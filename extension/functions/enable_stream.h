// Option enable_stream of podyn_replicate.
#pragma once

#include "event_loop.h"

namespace podyn {

// Turns the stream of a DynamoDB table on, and waits until it can be read: a minute at most. Nothing takes that back, a
// rollback neither, so it comes after everything else that can fail.
void enable_stream(EventLoop *loop, engine::Session *session, const char *table);

}  // namespace podyn
