// Turns one item after the other from DynamoDB JSON (API reference, AttributeValue) into values on a tape.
//
// What is open is kept on a stack of places: an item or map waits for a name, a list for an element, a set for a
// member; behind each name and in each list stands a wrapper, {"S": …}, that waits for its one type letter and then for
// the content. The first thing that is wrong becomes the item's problem, and the rest of that item is passed over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dynamodb/tape.h"
#include "json/reader.h"

namespace podyn::dynamodb {

// How deeply values may nest; DynamoDB itself stops at 32 levels (developer guide, constraints).
inline constexpr std::size_t kMaxNesting = 100;

class ItemParser final : public json::Sink {
  public:
    // `body` is what is read and, like `tape`, outlives the items.
    ItemParser(Tape &tape, std::string_view body) : tape_(tape), body_(body) {}

    // Between them this sink takes what is inside the item's braces; offsets as in Sink.
    void begin(std::size_t offset, dynamodb::NulCharacters nul_characters);
    [[nodiscard]] ParsedItem finish(std::size_t end);
    // In place of finish() where the JSON itself is broken.
    [[nodiscard]] ParsedItem give_up(std::string_view why);

    Sink *start_object(std::size_t offset) override;
    void end_object(std::size_t end) override;
    void start_array() override;
    void end_array() override;
    void key(json::Text name) override;
    void string(json::Text value) override;
    void number(std::string_view digits) override;
    void boolean(bool value) override;
    void null() override;

  private:
    enum class Place : std::uint8_t { kMap, kWrapper, kList, kSet };

    struct Frame {
        Place place;
        dynamodb::ValueType type;  // kWrapper: what its letter says. kSet: of the members
        bool has_type;             // kWrapper
        bool nul_in_names;         // kMap
        std::size_t value;         // kMap, kList, kSet: where it lies on the tape; unused for the item itself
    };

    [[nodiscard]] Frame &top() { return frames_[open_ - 1]; }
    [[nodiscard]] bool expects(Place place, dynamodb::ValueType type);
    void push(Place place, dynamodb::ValueType type, std::size_t value);
    void open_wrapper();
    void open_container(Place place, dynamodb::ValueType type, dynamodb::ValueType member_type);
    void close_container();
    void set_type(std::string_view letters);
    void set_name(json::Text name);

    dynamodb::Value &append(dynamodb::ValueType type);
    void append_scalar(dynamodb::ValueType type, json::Text content);
    void append_string(json::Text content);
    void append_number(json::Text content);
    void append_binary(json::Text content);

    [[nodiscard]] std::string_view keep(json::Text text);
    [[nodiscard]] std::string_view replace_nul(std::string_view text);
    [[nodiscard]] std::string_view strip_nul(std::string_view text);
    void check_names();
    [[nodiscard]] bool is_nested() const;

    void fail(std::string_view sqlstate, std::string_view what);
    void fail_wrong_content(std::string_view found);
    void set_problem(std::string_view sqlstate, std::string_view message);

    Tape &tape_;
    std::string_view body_;
    ParsedItem item_;
    std::size_t offset_ = 0;
    dynamodb::NulCharacters nul_characters_ = dynamodb::NulCharacters::kReplace;
    std::array<Frame, 2 * kMaxNesting + 2> frames_;  // a wrapper and a container for each level
    std::size_t open_ = 0;                           // frames in use
    std::string_view attribute_;                     // the top-level attribute that is being read
    std::string_view name_;                          // of the value that comes next
};

}  // namespace podyn::dynamodb
