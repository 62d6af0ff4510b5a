// DescribeStream and GetShardIterator (DynamoDB Streams API reference): requests and responses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "streams/types.h"

namespace podyn::streams {

[[nodiscard]] std::string describe_stream_request(std::string_view stream_arn, std::string_view after);
// `after_sequence_number`: empty for TRIM_HORIZON.
[[nodiscard]] std::string shard_iterator_request(std::string_view stream_arn, std::string_view shard,
                                                 std::string_view after_sequence_number);

// Both own all that their views point into, and stay where they are made: a short body lives inside its string.
// Constructors throw base::Error.
class ShardList {
  public:
    explicit ShardList(std::string body);
    ShardList(const ShardList &) = delete;
    ShardList &operator=(const ShardList &) = delete;

    [[nodiscard]] const streams::StreamDescription &page() const { return description_; }

  private:
    std::string body_;
    base::Arena arena_;
    std::vector<streams::ShardDescription> shards_;
    streams::StreamDescription description_;
};

class ShardIterator {
  public:
    explicit ShardIterator(std::string body);
    ShardIterator(const ShardIterator &) = delete;
    ShardIterator &operator=(const ShardIterator &) = delete;

    [[nodiscard]] std::string_view page() const { return iterator_; }

  private:
    std::string body_;
    base::Arena arena_;
    std::string_view iterator_;
};

}  // namespace podyn::streams
