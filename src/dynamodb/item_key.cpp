// See item_key.h.
#include "dynamodb/item_key.h"

#include <algorithm>

#include "dynamodb/item_parser.h"
#include "json/path_sink.h"

namespace podyn::dynamodb {

namespace {

using Names = std::span<const std::string_view>;

bool contains(Names names, std::string_view name)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Hands the item's key attributes on and passes over the others.
class KeyFilter final : public json::Sink {
  public:
    KeyFilter(ItemParser &parser, Names key_attributes) : parser_(parser), key_attributes_(key_attributes) {}

    Sink *start_object(std::size_t offset) override
    {
        ++depth_;
        if (taking_)
            parser_.start_object(offset);
        return this;
    }
    void end_object(std::size_t end) override
    {
        --depth_;
        if (taking_)
            parser_.end_object(end);
    }
    void start_array() override
    {
        ++depth_;
        if (taking_)
            parser_.start_array();
    }
    void end_array() override
    {
        --depth_;
        if (taking_)
            parser_.end_array();
    }
    void key(json::Text name) override
    {
        if (depth_ == 0)
            taking_ = contains(key_attributes_, name.text);
        if (taking_)
            parser_.key(name);
    }
    void string(json::Text value) override
    {
        if (taking_)
            parser_.string(value);
    }
    void number(std::string_view digits) override
    {
        if (taking_)
            parser_.number(digits);
    }
    void boolean(bool value) override
    {
        if (taking_)
            parser_.boolean(value);
    }
    void null() override
    {
        if (taking_)
            parser_.null();
    }

  private:
    ItemParser &parser_;
    Names key_attributes_;
    int depth_ = 0;  // inside the item's attributes
    bool taking_ = false;
};

// The key of an item that has a problem elsewhere.
class KeySink final : public json::PathSink {
  public:
    KeySink(Tape &tape, std::string_view item, Names key_attributes)
        : PathSink(tape.arena), parser_(tape, item), filter_(parser_, key_attributes)
    {
    }

    ParsedItem key;

  protected:
    json::Sink *on_object(std::string_view, std::size_t offset) override
    {
        parser_.begin(offset, NulCharacters::kReplace);  // the digest goes by the original text
        return &filter_;
    }
    void on_object_end(std::string_view, std::size_t end) override { key = parser_.finish(end); }

  private:
    ItemParser parser_;
    KeyFilter filter_;
};

bool may_be_key(const Value &value)
{
    return value.type == ValueType::kString || value.type == ValueType::kNumber || value.type == ValueType::kBinary;
}

}  // namespace

ParsedItem parse_key(std::string_view item, Names key_attributes, Tape &tape)
{
    KeySink sink(tape, item, key_attributes);
    json::read(item, sink);
    return sink.key;
}

std::vector<Value> key_values(const Item &item, Names key_attributes)
{
    std::vector<Value> keys;
    for (std::size_t i = 0; i < item.values.size(); i += item.values[i].span)
        if (contains(key_attributes, item.values[i].name) && may_be_key(item.values[i]))
            keys.push_back(item.values[i]);
    if (keys.size() != key_attributes.size())
        json::refuse("response holds an item without its key");
    return keys;
}

}  // namespace podyn::dynamodb
