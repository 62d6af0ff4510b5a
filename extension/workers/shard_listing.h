// The shards of a stream, gathered from all pages of DescribeStream.
#pragma once

#include "compat.h"
#include "engine/operations.h"
#include "workers/running_task.h"

namespace podyn {

struct ListedShard {
    char *id;
    char *parent;  // null: none
    bool open;
};

struct ShardListing {
    MemoryContext context;
    ListedShard *shards;
    int count;
    int capacity;
    char *last_shard;     // where the next page begins; null: complete
    TimestampTz created;  // when the stream was turned on; 0: not known
};

ShardListing *make_listing(MemoryContext context);
// Starts the request for the first or next page as the task's call.
void request_shards(RunningTask *task, const char *stream_arn, ShardListing *listing);
// Takes the task's finished call. True: the listing is complete; false: request_shards has to be called again.
bool add_shards(RunningTask *task, ShardListing *listing);
const ListedShard *find_shard(const ShardListing &listing, const char *id);

}  // namespace podyn
