// Cuts text at its line ends, of Unix or Windows. The last line may lack one.
#pragma once

#include <string>

#include "exports/splitter.h"
#include "exports/window.h"

namespace podyn::exports {

class Lines final : public Splitter {
  public:
    explicit Lines(Window &window) : window_(window) {}

    [[nodiscard]] Found next(Piece *piece) override;

  private:
    [[nodiscard]] Found give(std::size_t size, std::size_t line_end, Piece *piece);
    void pass_over_long_line();

    Window &window_;
    std::uint64_t lines_ = 0;
    std::size_t searched_ = 0;   // so much of the window's text has no line end
    bool passing_over_ = false;  // in the middle of a line that is too long
    std::string kept_;           // its beginning
};

}  // namespace podyn::exports
