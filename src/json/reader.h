// Reads JSON in one pass and without recursion, and tells a sink what it meets. The only place that knows RapidJSON.
//
// UTF-8 is checked, lone surrogates are refused, numbers stay text. A body that is not one sound JSON object throws
// base::Error with Failure::kCorrupt.
#pragma once

#include <cstddef>
#include <string_view>

namespace podyn::json {

// How deeply JSON may nest.
inline constexpr std::size_t kMaxDepth = 200;
// How deeply an object may nest that a sink has handed on: deep enough that one absurd item is its own problem and not
// its page's, shallow enough for PostgreSQL's jsonb, which stands 6,000 levels.
inline constexpr std::size_t kMaxHandedOnDepth = 5000;

// A string's text with its escapes resolved.
struct Text {
    std::string_view text;
    bool in_body;  // it is a part of the body and lives as long; else only until the call returns
};

// Takes what a reader meets, in the order of the document.
class Sink {
  public:
    // `offset`: where in the body the object begins. The sink returned takes all that is inside the object, but not
    // its end, which comes back to this one. A sink that was handed an object hands none on.
    virtual Sink *start_object(std::size_t offset) = 0;
    // `end`: the offset behind the closing brace.
    virtual void end_object(std::size_t end) = 0;
    virtual void start_array() = 0;
    virtual void end_array() = 0;
    virtual void key(Text name) = 0;
    virtual void string(Text value) = 0;
    virtual void number(std::string_view digits) = 0;  // lives until the call returns
    virtual void boolean(bool value) = 0;
    virtual void null() = 0;

  protected:
    ~Sink() = default;
};

void read(std::string_view body, Sink &sink);

// Throws the error of a body that is not what the protocol says.
[[noreturn]] void refuse(std::string_view why);

}  // namespace podyn::json
