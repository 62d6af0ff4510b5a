// Scan (DynamoDB API reference, Scan): its request and its pages of items.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dynamodb/tape.h"
#include "dynamodb/types.h"

namespace podyn::dynamodb {

[[nodiscard]] std::string scan_request(const dynamodb::ScanRequest &request);

// Items and all that their views point into. It stays where it is made: a short body lives inside its string.
class ItemPage {
  public:
    // What a response has to have: a page of items, their number alone (Select COUNT), or one item if it exists
    // (GetItem).
    enum class Answer { kItems, kCount, kItem };

    // A response of Scan, Query or GetItem. Throws base::Error.
    ItemPage(std::string body, dynamodb::NulCharacters nul_characters, Answer answer = Answer::kItems);
    // Items kept as DynamoDB JSON; one that is not sound has a problem.
    ItemPage(std::span<const std::string_view> documents, dynamodb::NulCharacters nul_characters);
    ItemPage(const ItemPage &) = delete;
    ItemPage &operator=(const ItemPage &) = delete;

    [[nodiscard]] dynamodb::ScanPage page() const { return {items_, read_units_, last_key_, count_}; }
    [[nodiscard]] const Tape &tape() const { return tape_; }

  private:
    std::string body_;
    Tape tape_;
    std::vector<dynamodb::Item> items_;
    double read_units_ = 0;
    std::string_view last_key_;
    std::int64_t count_ = 0;
};

// See engine::guess_last_key.
[[nodiscard]] std::string_view guess_last_key(std::string_view body) noexcept;

}  // namespace podyn::dynamodb
