// GetRecords (DynamoDB Streams API reference): its request and its pages of changes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dynamodb/tape.h"
#include "streams/collapse.h"
#include "streams/types.h"

namespace podyn::streams {

[[nodiscard]] std::string records_request(std::string_view iterator, std::uint32_t limit);

// Changes and all that their views point into. It stays where it is made: a short body lives inside its string.
class RecordPage {
  public:
    // Throws base::Error.
    RecordPage(std::string body, dynamodb::NulCharacters nul_characters);
    RecordPage(const RecordPage &) = delete;
    RecordPage &operator=(const RecordPage &) = delete;

    [[nodiscard]] streams::RecordsPage page() const
    {
        return {changes_, collapsed_.last, collapsed_.previous, next_iterator_, body_.size()};
    }

  private:
    std::string body_;
    dynamodb::Tape tape_;
    std::vector<streams::Change> changes_;
    Collapsed collapsed_;
    std::string_view next_iterator_;
};

}  // namespace podyn::streams
