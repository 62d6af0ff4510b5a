// Reads small documents by the paths of their values, as in "Table.KeySchema[].AttributeName", so that the parser of a
// response lists the members that it knows and passes over all others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "json/reader.h"

namespace podyn::json {

struct Scalar {
    enum class Kind { kString, kNumber, kBoolean, kNull };

    Kind kind;
    std::string_view text;  // kString, kNumber
    bool boolean;           // kBoolean
    bool in_body;           // kString: see Text

    [[nodiscard]] bool is_null() const { return kind == Kind::kNull; }
};

class PathSink : public Sink {
  public:
    // Texts that are no part of the body are kept in `arena`.
    explicit PathSink(base::Arena &arena) : arena_(arena) {}

    Sink *start_object(std::size_t offset) final;
    void end_object(std::size_t end) final;
    void start_array() final;
    void end_array() final;
    void key(Text name) final;
    void string(Text value) final;
    void number(std::string_view digits) final;
    void boolean(bool value) final;
    void null() final;

  protected:
    ~PathSink() = default;

    // The path of a member is that of its object, a dot and its name; of an element, that of its array and "[]"; of the
    // document, empty.
    virtual void on_value(std::string_view, const Scalar &) {}
    // Who takes what is inside the object, see Sink.
    virtual Sink *on_object(std::string_view, std::size_t) { return this; }
    virtual void on_object_end(std::string_view, std::size_t) {}
    virtual void on_array(std::string_view) {}
    // Whether a scalar has to stand there: passed over, an object or array would count as absent.
    [[nodiscard]] virtual bool needs_scalar(std::string_view) const { return false; }

    // The value as text that lives as long as body and arena; refuses one that is no string. Null counts as absent.
    [[nodiscard]] std::string_view keep_string(std::string_view path, const Scalar &value);

  private:
    void enter();

    base::Arena &arena_;
    std::string path_;
    std::vector<std::size_t> lengths_;  // of path_, where each open object or array began
};

// Passes over everything.
class Ignore final : public Sink {
  public:
    Sink *start_object(std::size_t) override { return this; }
    void end_object(std::size_t) override {}
    void start_array() override {}
    void end_array() override {}
    void key(Text) override {}
    void string(Text) override {}
    void number(std::string_view) override {}
    void boolean(bool) override {}
    void null() override {}
};

// Numbers of responses; both refuse what is none. A count is a whole number of at least zero.
[[nodiscard]] double to_double(std::string_view path, const Scalar &value);
[[nodiscard]] std::int64_t to_count(std::string_view path, const Scalar &value);
// Seconds since 1970, perhaps with a fraction, in microseconds.
[[nodiscard]] std::int64_t to_time_us(std::string_view path, const Scalar &value);

// Refuses a response that lacks a member which the protocol promises.
void require(bool present, std::string_view path);

}  // namespace podyn::json
