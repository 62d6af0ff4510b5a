// Cuts the items out of documents {"Items": [{…}, …], …}, one document after the other, of any size. What stands
// between the items is read only as far as it has to be; the items themselves are left to whoever parses them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "exports/splitter.h"
#include "exports/window.h"

namespace podyn::exports {

// Finds where a JSON value ends, in text that comes piece by piece. Brackets are counted, not matched.
class ValueScanner {
  public:
    // `text`: what follows the text of the calls before. The offset behind the value, if it ends there or before.
    [[nodiscard]] std::optional<std::size_t> scan(std::string_view text);

  private:
    enum class Kind { kUnknown, kNested, kString, kOther };

    Kind kind_ = Kind::kUnknown;
    std::size_t depth_ = 0;
    bool in_string_ = false;
    bool escaped_ = false;  // the character before was a backslash in a string
};

class Document final : public Splitter {
  public:
    explicit Document(Window &window) : window_(window) {}

    [[nodiscard]] Found next(Piece *piece) override;

  private:
    // What is expected next.
    enum class Place {
        kDocument,
        kFirstName,
        kName,
        kColon,
        kValue,
        kAfterMember,
        kFirstItem,
        kItem,
        kAfterItem,
    };

    // Takes what is expected at the place. Nothing: go on.
    [[nodiscard]] std::optional<Found> step(Piece *piece);
    [[nodiscard]] std::optional<char> peek();
    [[nodiscard]] std::optional<Found> wait() const;
    void take(char expected, char found, Place next);
    void take_either(char found, char first, Place after_first, char second, Place after_second);
    [[nodiscard]] std::optional<Found> take_name();
    [[nodiscard]] std::optional<Found> take_member();
    [[nodiscard]] std::optional<Found> take_item(Piece *piece);
    [[nodiscard]] std::optional<std::size_t> find_value_end(std::size_t most_bytes);
    void pass_value(std::size_t size, Place next);
    void begin_to_pass_over();
    void drop_text();
    [[noreturn]] void refuse(std::string_view what) const;

    Window &window_;
    Place place_ = Place::kDocument;
    bool at_items_ = false;  // the member that is being read
    std::uint64_t items_ = 0;
    ValueScanner scanner_;     // of the value at the window's front
    std::size_t scanned_ = 0;  // so much of the window's text
    bool passing_over_ = false;
    std::string kept_;  // the beginning of an item that is too long
};

enum class Beginning { kUndecided, kDocument, kOther };
// Whether text begins like a document: an object whose member "Items" is an array. An item's members are objects.
[[nodiscard]] Beginning look_at_beginning(std::string_view text);

}  // namespace podyn::exports
