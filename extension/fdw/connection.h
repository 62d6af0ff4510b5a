// What a session of PostgreSQL keeps for its foreign tables between statements: connections to DynamoDB, and what
// DescribeTable said. A key lookup would spend most of its time on both.
#pragma once

#include "compat.h"
#include "engine/operations.h"
#include "event_loop.h"

namespace podyn {

struct Connection;

// The connection of a role to a server, made if need be; kept for as long as `user` lives at least. Changes of server
// and mapping count from the next call on. Errors as those of open_source.
Connection *get_connection(MemoryContext user, Oid server, Oid role);
EventLoop *loop_of(const Connection *connection);
engine::Session *session_of(const Connection *connection);

// A table as DynamoDB described it at most a minute ago; a copy in the current memory context.
engine::TableDescription describe(Connection *connection, const char *table);
// The next describe() asks again: the table is not what it was.
void forget_description(Connection *connection, const char *table);

}  // namespace podyn
