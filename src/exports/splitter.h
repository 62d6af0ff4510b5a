// Cuts a file's text into the pieces that are parsed one by one: lines, or the items of a document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace podyn::exports {

// An item of 400 KB, DynamoDB's limit, takes some megabytes of JSON where much of it is escaped or base64.
inline constexpr std::size_t kMostPieceBytes = 64 * 1024 * 1024;
// What is kept of a longer piece.
inline constexpr std::size_t kKeptBytes = 4096;

struct Piece {
    std::string_view text;  // in the window's block; of one that is too long its beginning, until the next one is asked
                            // for
    std::uint64_t number;   // from 1
    bool too_long;
};

enum class Found {
    kPiece,
    kNothingYet,  // bytes are wanted
    kEnd,
};

class Splitter {
  public:
    virtual ~Splitter() = default;
    // Throws base::Error where no further piece can be found.
    [[nodiscard]] virtual Found next(Piece *piece) = 0;
};

}  // namespace podyn::exports
