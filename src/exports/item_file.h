// Reads a file of items: from the bytes that it is fed to pages of items. Needs some megabytes, and the longest line,
// whatever the file's size.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dynamodb/tape.h"
#include "exports/contents.h"
#include "exports/document.h"
#include "exports/records.h"
#include "exports/splitter.h"
#include "exports/types.h"
#include "exports/window.h"

namespace podyn::exports {

// Items and all that their views point into.
class ItemPage {
  public:
    explicit ItemPage(std::size_t expected_values) { tape_.values.reserve(expected_values); }
    ItemPage(const ItemPage &) = delete;
    ItemPage &operator=(const ItemPage &) = delete;

    // Where the values of its records go.
    [[nodiscard]] dynamodb::Tape &tape() { return tape_; }
    // `block`: in which the record's text lies.
    void add(const Record &record, std::uint64_t number, const std::shared_ptr<Block> &block);
    // Makes the items of what has been added.
    void finish();

    [[nodiscard]] std::span<const FileItem> items() const { return items_; }
    [[nodiscard]] std::size_t size() const { return records_.size(); }

  private:
    struct NumberedRecord {
        Record record;
        std::uint64_t number;
    };

    dynamodb::Tape tape_;
    std::vector<NumberedRecord> records_;
    std::vector<std::shared_ptr<const Block>> blocks_;
    std::vector<FileItem> items_;
};

class ItemFile {
  public:
    ItemFile(FileFormat format, dynamodb::NulCharacters nul_characters, std::unique_ptr<Inflater> inflater);
    ItemFile(const ItemFile &) = delete;
    ItemFile &operator=(const ItemFile &) = delete;

    // Before the first feed: passes over so many lines, or items of a document.
    void skip(std::uint64_t lines) { skip_ = given_ = lines; }
    void leave_out_md5() { contents_.leave_out_md5(); }
    void feed(std::string_view bytes, bool last) { contents_.feed(bytes, last); }
    [[nodiscard]] bool wants_bytes() const { return !failure_ && contents_.wants_bytes(); }
    [[nodiscard]] const Contents &contents() const { return contents_; }

    // A page that is full, or the last one. Null: bytes are wanted, or there are no more items; lines() and ended()
    // tell. Throws base::Error where the file cannot be read on; what came before has been given.
    [[nodiscard]] std::unique_ptr<ItemPage> take_page(std::uint32_t most_items, std::size_t most_bytes);
    // Of what has been given.
    [[nodiscard]] std::uint64_t lines() const { return given_; }
    [[nodiscard]] bool ended() const { return ended_; }

  private:
    [[nodiscard]] bool fill_page(std::uint32_t most_items, std::size_t most_bytes);
    [[nodiscard]] bool begin();
    [[nodiscard]] bool wait_for_text(std::size_t size);
    [[nodiscard]] bool look_at_beginning(Beginning *beginning);
    void add(const Piece &piece);
    [[nodiscard]] std::unique_ptr<ItemPage> give_page();

    FileFormat format_;
    dynamodb::NulCharacters nul_characters_;
    Contents contents_;
    Window window_;
    RecordParser parser_;
    std::unique_ptr<Splitter> splitter_;  // once the beginning has been seen
    bool document_ = false;
    bool marked_ = false;  // by a byte order mark, which has been passed
    std::uint64_t skip_ = 0;
    std::uint64_t passed_ = 0;  // lines, by the splitter
    std::uint64_t given_ = 0;   // lines, by pages
    bool ended_ = false;
    std::exception_ptr failure_;
    std::unique_ptr<ItemPage> page_;  // that is being filled
    std::size_t page_bytes_ = 0;
    std::size_t last_values_ = 0;  // of the page before
};

}  // namespace podyn::exports
