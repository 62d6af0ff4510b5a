// See writer.h.
#include "json/writer.h"

#include <utility>

namespace podyn::json {

namespace {

void append_escaped(std::string &json, char character)
{
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
        json += '\\';
        json += character;
    } else if (code < 0x20) {  // RFC 8259 section 7
        json += "\\u00";
        json += kHex[code >> 4];
        json += kHex[code & 0xF];
    } else {
        json += character;
    }
}

}  // namespace

void append_string(std::string &json, std::string_view text)
{
    json += '"';
    for (const char character : text)
        append_escaped(json, character);
    json += '"';
}

ObjectWriter &ObjectWriter::string(std::string_view name, std::string_view value)
{
    this->name(name);
    append_string(json_, value);
    return *this;
}

ObjectWriter &ObjectWriter::number(std::string_view name, std::uint64_t value)
{
    return raw(name, std::to_string(value));
}

ObjectWriter &ObjectWriter::boolean(std::string_view name, bool value)
{
    return raw(name, value ? "true" : "false");
}

ObjectWriter &ObjectWriter::raw(std::string_view name, std::string_view json)
{
    this->name(name);
    json_ += json;
    return *this;
}

std::string ObjectWriter::finish()
{
    json_ += '}';
    return std::move(json_);
}

void ObjectWriter::name(std::string_view name)
{
    if (json_.size() > 1)
        json_ += ',';
    append_string(json_, name);
    json_ += ':';
}

}  // namespace podyn::json
