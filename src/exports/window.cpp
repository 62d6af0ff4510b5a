// See window.h.
#include "exports/window.h"

#include <algorithm>
#include <cstring>

#include "exports/splitter.h"

namespace podyn::exports {

namespace {

// Small enough that text is still in the processor's cache when it is parsed.
constexpr std::size_t kUsualSize = 512 * 1024;
// More are not in use at a time, unless pages are hoarded.
constexpr std::size_t kMostKnown = 16;

}  // namespace

bool Window::read_more()
{
    if (needs_block())
        move_to_other_block();
    const std::size_t read = contents_.read(block_->text.get() + end_, block_->size - end_);
    end_ += read;
    return read > 0;
}

// A large block was for a long line, and is left once that has been passed.
bool Window::needs_block() const
{
    return !block_ || end_ == block_->size || (block_->size > kUsualSize && end_ - begin_ < kUsualSize / 2);
}

void Window::move_to_other_block()
{
    const std::string_view rest = text();
    // Twice as large each time, but no larger than the longest piece needs.
    const std::size_t wanted = std::min(2 * rest.size(), kMostPieceBytes + kUsualSize);
    std::shared_ptr<Block> block = get_block(std::max({kUsualSize, wanted, rest.size() + 1}));
    if (!rest.empty())
        std::memcpy(block->text.get(), rest.data(), rest.size());
    begin_ = 0;
    end_ = rest.size();
    block_ = std::move(block);
}

std::shared_ptr<Block> Window::get_block(std::size_t size)
{
    if (size > kUsualSize)
        return std::make_shared<Block>(size);
    for (const std::shared_ptr<Block> &block : known_)
        if (block.use_count() == 1)
            return block;
    auto block = std::make_shared<Block>(size);
    if (known_.size() < kMostKnown)
        known_.push_back(block);
    return block;
}

}  // namespace podyn::exports
