// The DynamoDB table that a user's call is about: asked for, described, checked, in the caller's session. What cannot
// go on raises an error. Memory is that of the current context.
#pragma once

#include "catalog/replications.h"
#include "engine/operations.h"
#include "event_loop.h"
#include "functions/replicate_options.h"

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
// Asks for what the options need (the stream, a scan); gives some items, whose attributes show what columns there will
// be.
engine::ScanPage check_table(const Source &source, const engine::TableDescription &table,
                             const ReplicateOptions &options);
void require_usable_stream(const engine::TableDescription &table);
// 0: the server does not tell.
TimestampTz stream_creation_time(const Source &source, const engine::TableDescription &table);
// Whether the stream is off and podyn may turn it on.
bool enables_stream(const ReplicateOptions &options, const engine::TableDescription &table);

}  // namespace podyn
