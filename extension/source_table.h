// The source in a user's own call: its tables and items, asked for in the caller's session. What cannot go on raises an
// error. Memory is that of the current context.
#pragma once

#include "catalog/replications.h"
#include "engine/operations.h"
#include "event_loop.h"

namespace podyn {

struct Source {
    EventLoop *loop;
    engine::Session *session;
    uint32 sample_items;  // how many items check_table reads
};

Source connect(const char *server);
void pause(const Source &source, int64 microseconds);
// Names of the tables in the server's region, all pages of them: char *.
List *list_tables(const Source &source);
engine::TableDescription describe_table(const Source &source, const char *table);
// Of some keys (DynamoDB JSON, at most kMostKeysOfBatchGet, no two of them equal) the items that there are now, read
// consistently: const engine::CurrentItem *. Adds what that costs to `read_units`.
List *read_items(const Source &source, const catalog::Replication &replication, std::span<const std::string_view> keys,
                 double *read_units);
[[noreturn]] void raise_unknown_item();  // the answer holds one that was not asked for

}  // namespace podyn
