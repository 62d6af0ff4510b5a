// Writes the JSON objects that requests are made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace podyn::json {

// Appends `text` as a JSON string, quotes included.
void append_string(std::string &json, std::string_view text);

// One object, member by member.
class ObjectWriter {
  public:
    ObjectWriter &string(std::string_view name, std::string_view value);
    ObjectWriter &number(std::string_view name, std::uint64_t value);
    ObjectWriter &boolean(std::string_view name, bool value);
    ObjectWriter &raw(std::string_view name, std::string_view json);  // a value that is JSON already

    [[nodiscard]] std::string finish();

  private:
    void name(std::string_view name);

    std::string json_ = "{";
};

}  // namespace podyn::json
