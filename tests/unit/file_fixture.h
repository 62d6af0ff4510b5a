// Files of items for tests: gzipped here, fed to a reader in pieces of any size, and read back as text.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/guard.h"
#include "exports/inflate.h"
#include "exports/item_file.h"
#include "tape_text.h"

namespace podyn::test {

inline std::string gzip(std::string_view text, int level = 6)
{
    z_stream stream{};
    if (deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("deflateInit2");
    std::string compressed(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef *>(compressed.data());
    stream.avail_out = static_cast<uInt>(compressed.size());
    const int result = deflate(&stream, Z_FINISH);
    compressed.resize(stream.total_out);
    deflateEnd(&stream);
    if (result != Z_STREAM_END)
        throw std::runtime_error("deflate");
    return compressed;
}

// How a file is read.
struct Reading {
    exports::FileFormat format = exports::FileFormat::kItems;
    std::function<std::size_t()> piece = [] { return std::string::npos; };  // sizes of the pieces that are fed
    std::uint32_t most_items = 100;
    std::size_t most_bytes = 1'000'000;
    std::uint64_t skip = 0;
    std::unique_ptr<exports::Inflater> (*inflater)() = exports::fastest_inflater;
};

struct ReadFile {
    std::vector<std::string> items;  // "1: a:S:x", "2 removed: a:S:x", "3: problem: …"
    std::vector<std::string> json;
    std::vector<std::string> keys;
    std::vector<std::uint64_t> page_lines;  // of each page with items
    std::vector<std::size_t> page_sizes;
    std::uint64_t lines = 0;
    base::Status status;
    std::string md5;
};

inline std::string item_text(const exports::FileItem &item)
{
    std::string text = std::to_string(item.line) + (item.remove ? " removed: " : ": ");
    if (item.item.problem.exists())
        return text + item.item.problem.sqlstate + " " + std::string(item.item.problem.message);
    return text + tape_text(item.item.values);
}

inline std::function<std::size_t()> pieces_of(std::size_t size)
{
    return [size] { return size; };
}

inline std::function<std::size_t()> pieces_of_random_size(std::size_t most)
{
    return [random = std::mt19937(1), most]() mutable { return 1 + random() % most; };
}

// Feeds the next piece in memory of its own, so that a reader which looks beyond it, or at it for too long, is caught.
class Feeder {
  public:
    explicit Feeder(std::string_view bytes) : rest_(bytes) {}

    void feed(exports::ItemFile &file, std::size_t size)
    {
        const std::string_view piece = rest_.substr(0, size);
        rest_.remove_prefix(piece.size());
        piece_ = std::make_unique<char[]>(piece.size());
        std::copy(piece.begin(), piece.end(), piece_.get());
        file.feed({piece_.get(), piece.size()}, rest_.empty());
    }

  private:
    std::string_view rest_;
    std::unique_ptr<char[]> piece_;
};

// Reads to the end, and only then looks at the pages, which outlive their reader.
inline ReadFile read_items(std::string_view bytes, const Reading &reading = {})
{
    ReadFile read;
    std::vector<std::unique_ptr<exports::ItemPage>> pages;
    {
        exports::ItemFile file(reading.format, dynamodb::NulCharacters::kReplace, reading.inflater());
        file.skip(reading.skip);
        Feeder feeder(bytes);
        read.status = base::guarded([&] {
            while (!file.ended()) {
                std::unique_ptr<exports::ItemPage> page = file.take_page(reading.most_items, reading.most_bytes);
                if (page) {
                    read.page_lines.push_back(file.lines());
                    read.page_sizes.push_back(page->items().size());
                    pages.push_back(std::move(page));
                } else if (!file.ended()) {
                    EXPECT_TRUE(file.wants_bytes());
                    feeder.feed(file, reading.piece());
                }
            }
            return base::Status{};
        });
        read.lines = file.lines();
        read.md5 = file.contents().md5();
    }
    for (const auto &page : pages)
        for (const exports::FileItem &item : page->items()) {
            read.items.push_back(item_text(item));
            read.json.emplace_back(item.item.json);
            read.keys.push_back(tape_text(item.keys));
        }
    return read;
}

}  // namespace podyn::test
