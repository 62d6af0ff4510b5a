// See shard_listing.h.
#include "workers/shard_listing.h"

#include "raise.h"

namespace podyn {

ShardListing *make_listing(MemoryContext context)
{
    auto *listing = static_cast<ShardListing *>(MemoryContextAllocZero(context, sizeof(ShardListing)));
    listing->context = context;
    listing->capacity = 128;
    listing->shards = static_cast<ListedShard *>(
        MemoryContextAlloc(context, sizeof(ListedShard) * static_cast<size_t>(listing->capacity)));
    return listing;
}

void request_shards(RunningTask *task, const char *stream_arn, ShardListing *listing)
{
    check(engine::start_describe_stream(worker_loop()->client, task->job->session, stream_arn,
                                        view(listing->last_shard), now(), &task->call));
}

bool add_shards(RunningTask *task, ShardListing *listing)
{
    engine::Shards *handle = nullptr;
    engine::StreamDescription page;
    check(engine::take_shards(task->call, &handle, &page));
    own<engine::Shards>(listing->context, handle, engine::destroy);
    drop_call(task);
    if (page.created_us != 0)
        listing->created = to_timestamp(page.created_us);
    MemoryContext old = MemoryContextSwitchTo(listing->context);
    for (const engine::ShardDescription &shard : page.shards) {
        if (listing->count == listing->capacity) {
            listing->capacity *= 2;
            listing->shards = static_cast<ListedShard *>(
                repalloc(listing->shards, sizeof(ListedShard) * static_cast<size_t>(listing->capacity)));
        }
        listing->shards[listing->count++] = {copy_string(shard.id),
                                             shard.parent.empty() ? nullptr : copy_string(shard.parent),
                                             shard.last_sequence_number.empty()};
    }
    listing->last_shard = page.last_shard.empty() ? nullptr : copy_string(page.last_shard);
    MemoryContextSwitchTo(old);
    return listing->last_shard == nullptr;
}

const ListedShard *find_shard(const ShardListing &listing, const char *id)
{
    for (int i = 0; id != nullptr && i < listing.count; ++i)
        if (strcmp(listing.shards[i].id, id) == 0)
            return &listing.shards[i];
    return nullptr;
}

}  // namespace podyn
