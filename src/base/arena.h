// A bump allocator for text: what it gives out stays where it is until the arena goes, however much is added.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace podyn::base {

class Arena {
  public:
    Arena() = default;
    Arena(const Arena &) = delete;
    Arena &operator=(const Arena &) = delete;

    // Room for `size` bytes, of no particular alignment.
    [[nodiscard]] char *allocate(std::size_t size)
    {
        if (size > free_)
            add_block(size);
        char *bytes = next_;
        next_ += size;
        free_ -= size;
        return bytes;
    }

    [[nodiscard]] std::string_view copy(std::string_view text);

  private:
    void add_block(std::size_t at_least);

    std::vector<std::unique_ptr<char[]>> blocks_;
    char *next_ = nullptr;
    std::size_t free_ = 0;
};

}  // namespace podyn::base
