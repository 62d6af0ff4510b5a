// Parses the lines of a file, or the items of a document, one after the other. One that is not sound becomes an item
// with a problem.
#pragma once

#include <cstdint>
#include <string_view>

#include "dynamodb/tape.h"
#include "exports/splitter.h"
#include "exports/types.h"

namespace podyn::exports {

struct Record {
    dynamodb::ParsedItem item;
    dynamodb::ParsedItem keys;
    bool remove = false;
    bool broken = false;  // no sound JSON
};

class RecordParser {
  public:
    // What stands in a line.
    enum class Form {
        kUnknown,  // kItem or kItemInMember: the first sound line shows
        kItem,
        kItemInMember,  // {"Item": {…}}
        kChange,
    };

    RecordParser(Form form, dynamodb::NulCharacters nul_characters) : form_(form), nul_characters_(nul_characters) {}

    // The record's views point into `text` and to the tape.
    [[nodiscard]] Record parse(std::string_view text, dynamodb::Tape &tape);
    // For lines that are passed over: the form of those behind is that of the file.
    void pass_over(std::string_view text);

  private:
    [[nodiscard]] Record parse_first(std::string_view text, dynamodb::Tape &tape);

    Form form_;
    dynamodb::NulCharacters nul_characters_;
};

// In place of the record of a line that is too long.
[[nodiscard]] Record too_long_record(std::string_view beginning, dynamodb::Tape &tape);

}  // namespace podyn::exports
