// See lines.h.
#include "exports/lines.h"

#include <cstring>
#include <utility>

namespace podyn::exports {

Found Lines::next(Piece *piece)
{
    for (;;) {
        const std::string_view text = window_.text();
        const void *end =
            text.size() > searched_ ? std::memchr(text.data() + searched_, '\n', text.size() - searched_) : nullptr;
        if (end != nullptr)
            return give(static_cast<std::size_t>(static_cast<const char *>(end) - text.data()), 1, piece);
        searched_ = text.size();
        if (passing_over_ || searched_ > kMostPieceBytes)
            pass_over_long_line();
        if (window_.read_more())
            continue;
        if (!window_.complete())
            return Found::kNothingYet;
        if (window_.text().empty() && !passing_over_)
            return Found::kEnd;
        return give(window_.text().size(), 0, piece);
    }
}

Found Lines::give(std::size_t size, std::size_t line_end, Piece *piece)
{
    std::string_view line = window_.text().substr(0, size);
    if (passing_over_)
        line = kept_;
    else if (line.ends_with('\r'))
        line.remove_suffix(1);
    const bool too_long = std::exchange(passing_over_, false) || size > kMostPieceBytes;
    *piece = {too_long ? line.substr(0, kKeptBytes) : line, ++lines_, too_long};
    window_.pass(size + line_end);
    searched_ = 0;
    return Found::kPiece;
}

void Lines::pass_over_long_line()
{
    const std::string_view text = window_.text();
    if (!passing_over_)
        kept_ = text.substr(0, kKeptBytes);
    passing_over_ = true;
    window_.pass(text.size());
    searched_ = 0;
}

}  // namespace podyn::exports
