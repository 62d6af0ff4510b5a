// See shards.h.
#include "streams/shards.h"

#include <cstddef>
#include <utility>

#include "json/path_sink.h"
#include "json/writer.h"

namespace podyn::streams {

namespace {

constexpr unsigned kShardsPerPage = 100;  // the most that DescribeStream takes

class ShardListSink final : public json::PathSink {
  public:
    ShardListSink(base::Arena &arena, StreamDescription &description) : PathSink(arena), stream_(description) {}

    std::vector<ShardDescription> shards;

  protected:
    json::Sink *on_object(std::string_view path, std::size_t) override
    {
        if (path == "StreamDescription.Shards[]")
            shards.emplace_back();
        return this;
    }

    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (path == "StreamDescription.StreamStatus")
            stream_.status = keep_string(path, value);
        else if (path == "StreamDescription.StreamViewType")
            stream_.view_type = keep_string(path, value);
        else if (path == "StreamDescription.CreationRequestDateTime" && !value.is_null())
            stream_.created_us = json::to_time_us(path, value);
        else if (path == "StreamDescription.LastEvaluatedShardId")
            stream_.last_shard = keep_string(path, value);
        else if (path == "StreamDescription.Shards[].ShardId")
            shards.back().id = keep_string(path, value);
        else if (path == "StreamDescription.Shards[].ParentShardId")
            shards.back().parent = keep_string(path, value);
        else if (path == "StreamDescription.Shards[].SequenceNumberRange.StartingSequenceNumber")
            shards.back().first_sequence_number = keep_string(path, value);
        else if (path == "StreamDescription.Shards[].SequenceNumberRange.EndingSequenceNumber")
            shards.back().last_sequence_number = keep_string(path, value);
        else if (path == "StreamDescription.Shards[]")
            json::refuse("shard is not an object");
    }

    void on_array(std::string_view path) override
    {
        if (path == "StreamDescription.Shards[]")
            json::refuse("shard is not an object");
    }

    // Without them a listing is complete, a shard a root, or open.
    [[nodiscard]] bool needs_scalar(std::string_view path) const override
    {
        return path == "StreamDescription.LastEvaluatedShardId" || path == "StreamDescription.Shards[].ParentShardId" ||
               path == "StreamDescription.Shards[].SequenceNumberRange.EndingSequenceNumber";
    }

  private:
    StreamDescription &stream_;
};

class ShardIteratorSink final : public json::PathSink {
  public:
    using PathSink::PathSink;

    std::string_view iterator;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (path == "ShardIterator")
            iterator = keep_string(path, value);
    }
};

}  // namespace

std::string describe_stream_request(std::string_view stream_arn, std::string_view after)
{
    json::ObjectWriter writer;
    writer.string("StreamArn", stream_arn).number("Limit", kShardsPerPage);
    if (!after.empty())
        writer.string("ExclusiveStartShardId", after);
    return writer.finish();
}

std::string shard_iterator_request(std::string_view stream_arn, std::string_view shard,
                                   std::string_view after_sequence_number)
{
    json::ObjectWriter writer;
    writer.string("StreamArn", stream_arn).string("ShardId", shard);
    if (after_sequence_number.empty())
        writer.string("ShardIteratorType", "TRIM_HORIZON");
    else
        writer.string("ShardIteratorType", "AFTER_SEQUENCE_NUMBER").string("SequenceNumber", after_sequence_number);
    return writer.finish();
}

ShardList::ShardList(std::string body) : body_(std::move(body))
{
    ShardListSink sink(arena_, description_);
    json::read(body_, sink);
    json::require(!description_.status.empty(), "StreamDescription.StreamStatus");
    for (const ShardDescription &shard : sink.shards)
        json::require(!shard.id.empty(), "ShardId");
    shards_ = std::move(sink.shards);
    description_.shards = shards_;
}

ShardIterator::ShardIterator(std::string body) : body_(std::move(body))
{
    ShardIteratorSink sink(arena_);
    json::read(body_, sink);
    json::require(!sink.iterator.empty(), "ShardIterator");
    iterator_ = sink.iterator;
}

}  // namespace podyn::streams
