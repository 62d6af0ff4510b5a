// PutItem, UpdateItem, DeleteItem and BatchWriteItem (DynamoDB API reference): requests for one item or for a batch of
// them, and what the answers say.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "dynamodb/item.h"
#include "dynamodb/types.h"

namespace podyn::dynamodb {

// API reference, BatchWriteItem.
inline constexpr std::size_t kMostWritesOfBatch = 25;
inline constexpr std::size_t kMostBytesOfBatch = 16 * 1024 * 1024;

// A request that is the only member of a batch's list of its table.
struct BatchedWrite {
    bool remove;            // else put
    std::string_view json;  // the item, or the key of what is removed: DynamoDB JSON
};

[[nodiscard]] std::string batch_write_request(std::string_view table, std::span<const BatchedWrite> writes);
// Puts an item unless there is one with its key; then the answer, an error, holds that one.
[[nodiscard]] std::string put_new_request(std::string_view table, std::string_view partition_key,
                                          std::string_view item);
// Changes some attributes of an item that exists. `key`: DynamoDB JSON.
struct UpdateRequest {
    std::string_view table;
    std::string_view partition_key;
    std::string_view key;
    std::span<const std::string_view> set_names;
    std::span<const std::string> set_values;  // DynamoDB JSON with the type
    std::span<const std::string_view> removed;
};
[[nodiscard]] std::string update_request(const UpdateRequest &request);

// What an answer says: of BatchWriteItem or of one of the others.
struct WriteAnswer {
    double write_units = 0;                 // ConsumedCapacity
    std::vector<base::Sha256> unprocessed;  // digests of the keys, see key_digest.h
};

// Throws base::Error.
[[nodiscard]] WriteAnswer parse_write_answer(std::string_view body, std::span<const std::string_view> key_attributes);

// The digest of the key of an item, or of a key, that is DynamoDB JSON. Throws base::Error.
[[nodiscard]] base::Sha256 digest_of_key(std::string_view item, std::span<const std::string_view> key_attributes);

// Whether the error of a condition that failed tells of an item that is the one that was sent.
[[nodiscard]] bool holds_item(std::string_view error_body, std::string_view item);

}  // namespace podyn::dynamodb
