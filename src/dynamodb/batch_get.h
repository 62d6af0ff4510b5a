// BatchGetItem (DynamoDB API reference, BatchGetItem) on one table: the request, and the items as they are now.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dynamodb/tape.h"
#include "dynamodb/types.h"

namespace podyn::dynamodb {

// Reads consistently. `keys`: DynamoDB JSON, at most kMostKeysOfBatchGet, no two of them equal.
[[nodiscard]] std::string batch_get_request(std::string_view table, std::span<const std::string_view> keys);

// Items and all that their views point into. It stays where it is made: a short body lives inside its string.
class CurrentItemPage {
  public:
    // `key_attributes`: of the table. Throws base::Error.
    CurrentItemPage(std::string body, dynamodb::NulCharacters nul_characters,
                    std::span<const std::string_view> key_attributes);
    CurrentItemPage(const CurrentItemPage &) = delete;
    CurrentItemPage &operator=(const CurrentItemPage &) = delete;

    [[nodiscard]] dynamodb::CurrentItemsPage page() const { return {items_, unprocessed_, read_units_, body_.size()}; }

  private:
    std::string body_;
    Tape tape_;
    std::vector<dynamodb::CurrentItem> items_;
    std::vector<std::string_view> unprocessed_;
    double read_units_ = 0;
};

}  // namespace podyn::dynamodb
