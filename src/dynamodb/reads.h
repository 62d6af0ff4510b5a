// The requests of those who look for some items: Query, Scan with conditions, GetItem and BatchGetItem with a
// projection (DynamoDB API reference).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "dynamodb/types.h"

namespace podyn::dynamodb {

[[nodiscard]] std::string query_request(const dynamodb::QueryRequest &request);
[[nodiscard]] std::string read_request(const dynamodb::ReadRequest &request);
// `key`: DynamoDB JSON. Of the options, only table, consistent and projection count here.
[[nodiscard]] std::string get_request(const dynamodb::ReadOptions &options, std::string_view key);
// At most kMostKeysOfBatchGet keys, no two of them equal.
[[nodiscard]] std::string batch_get_request(const dynamodb::ReadOptions &options,
                                            std::span<const std::string_view> keys);

}  // namespace podyn::dynamodb
