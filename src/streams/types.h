// What DynamoDB Streams' operations give, as plain data (API reference, version 2012-08-10). Views belong to whoever
// hands the struct out.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dynamodb/types.h"

namespace podyn::streams {

struct ShardDescription {
    std::string_view id;
    std::string_view parent;  // empty: none
    std::string_view first_sequence_number;
    std::string_view last_sequence_number;  // empty: the shard is open
};

struct StreamDescription {
    std::string_view status;  // ENABLING, ENABLED, DISABLING, DISABLED
    std::string_view view_type;
    std::int64_t created_us = 0;  // CreationRequestDateTime, microseconds of Unix time; 0: not given
    std::span<const ShardDescription> shards;
    std::string_view last_shard;  // LastEvaluatedShardId; empty after the last page
};

enum class ChangeKind : std::uint8_t { kPut, kRemove };

// One change of one item. Two changes concern the same item exactly if their digests are equal.
struct Change {
    ChangeKind kind;
    bool by_ttl;           // userIdentity {Type: Service, PrincipalId: dynamodb.amazonaws.com}
    dynamodb::Item image;  // kPut: the new image. kRemove: only the key attributes
    dynamodb::Item keys;   // the key attributes
    std::string_view sequence_number;
    std::int64_t created_at_us;  // ApproximateCreationDateTime, Unix time, whole seconds; 0: not given
    std::uint8_t
        key_digest[dynamodb::kKeyDigestBytes];  // SHA-256 of the canonical key: attribute names, types and values
};

inline constexpr std::uint32_t kNoChange = UINT32_MAX;

struct RecordsPage {
    std::span<const Change> changes;          // every record, in stream order
    std::span<const std::uint32_t> last;      // indexes into `changes`: the last change of each key, in stream order
    std::span<const std::uint32_t> previous;  // of each change: the key's change before it in the page, or kNoChange
    std::string_view next_iterator;           // empty: the shard is closed and read to its end
    std::size_t bytes;                        // of the answer's body; DynamoDB ends a page at 1 MB
};

}  // namespace podyn::streams
