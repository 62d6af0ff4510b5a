// What has been read of a file's text and not yet been passed, in one piece. The text lies in blocks, in which views of
// it last as long as somebody holds the block; blocks that nobody holds any more are used again.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "exports/contents.h"

namespace podyn::exports {

struct Block {
    explicit Block(std::size_t bytes) : text(std::make_unique_for_overwrite<char[]>(bytes)), size(bytes) {}

    std::unique_ptr<char[]> text;
    std::size_t size;
};

class Window {
  public:
    explicit Window(Contents &contents) : contents_(contents) {}

    [[nodiscard]] std::string_view text() const
    {
        return block_ ? std::string_view(block_->text.get() + begin_, end_ - begin_) : std::string_view();
    }
    // Over the front of the text.
    void pass(std::size_t bytes) { begin_ += bytes; }
    // Reads more behind the text, which may thereby move to another block. False: nothing came, see Contents::read.
    [[nodiscard]] bool read_more();
    // Nothing will ever come behind the text.
    [[nodiscard]] bool complete() const { return contents_.ended(); }

    // In which the text lies.
    [[nodiscard]] const std::shared_ptr<Block> &block() const { return block_; }

  private:
    [[nodiscard]] bool needs_block() const;
    void move_to_other_block();
    [[nodiscard]] std::shared_ptr<Block> get_block(std::size_t size);

    Contents &contents_;
    std::shared_ptr<Block> block_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::vector<std::shared_ptr<Block>> known_;  // of the usual size, in use or not
};

}  // namespace podyn::exports
