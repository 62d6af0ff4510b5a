// Where a replication's data comes from: a foreign server and the owner's credentials, as a session of the engine.
#pragma once

#include "compat.h"
#include "engine/client.h"

namespace podyn {

// DynamoDB's strings are UTF-8.
void require_utf8_database();

// Opens a session for `role` on the foreign server; it ends with `context`. Inside a transaction. Errors say what to
// create: no such server, no right to use it, no credentials, an endpoint that is not allowed (any more).
engine::Session *open_source(MemoryContext context, const char *server, Oid role);
// The same for a server that a foreign table belongs to: whoever may read the table needs no right to use the server.
engine::Session *open_server(MemoryContext context, const ForeignServer *server, Oid role);

}  // namespace podyn
