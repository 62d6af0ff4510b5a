// See path_sink.h.
#include "json/path_sink.h"

#include <charconv>
#include <cmath>

namespace podyn::json {

namespace {

[[noreturn]] void refuse_value(std::string_view path, std::string_view expected)
{
    refuse(std::string(path) + " is not " + std::string(expected));
}

}  // namespace

Sink *PathSink::start_object(std::size_t offset)
{
    enter();
    return on_object(path_, offset);
}

void PathSink::end_object(std::size_t end)
{
    path_.resize(lengths_.back());
    lengths_.pop_back();
    on_object_end(path_, end);
}

void PathSink::start_array()
{
    enter();
    on_array(path_);
    path_ += "[]";
}

void PathSink::end_array()
{
    path_.resize(lengths_.back());
    lengths_.pop_back();
}

void PathSink::enter()
{
    if (needs_scalar(path_))
        refuse_value(path_, "a scalar");
    lengths_.push_back(path_.size());
}

void PathSink::key(Text name)
{
    path_.resize(lengths_.back());
    if (!path_.empty())
        path_ += '.';
    // An empty name, or one with the marks of a path, would look like another path; the protocol has none such.
    const bool plain = !name.text.empty() && name.text.find_first_of(".[") == std::string_view::npos;
    path_ += plain ? name.text : "?";
}

void PathSink::string(Text value)
{
    on_value(path_, {Scalar::Kind::kString, value.text, false, value.in_body});
}

void PathSink::number(std::string_view digits)
{
    on_value(path_, {Scalar::Kind::kNumber, digits, false, false});
}

void PathSink::boolean(bool value)
{
    on_value(path_, {Scalar::Kind::kBoolean, {}, value, false});
}

void PathSink::null()
{
    on_value(path_, {Scalar::Kind::kNull, {}, false, false});
}

std::string_view PathSink::keep_string(std::string_view path, const Scalar &value)
{
    if (value.is_null())
        return {};
    if (value.kind != Scalar::Kind::kString)
        refuse_value(path, "a string");
    if (value.text.find('\0') != std::string_view::npos)
        refuse_value(path, "free of zero characters");
    return value.in_body ? value.text : arena_.copy(value.text);
}

double to_double(std::string_view path, const Scalar &value)
{
    double number = 0;
    const char *end = value.text.data() + value.text.size();
    if (value.kind != Scalar::Kind::kNumber || std::from_chars(value.text.data(), end, number).ec != std::errc() ||
        !std::isfinite(number))
        refuse_value(path, "a number");
    return number;
}

std::int64_t to_count(std::string_view path, const Scalar &value)
{
    constexpr double kLimit = 9007199254740992.0;  // 2^53: up to here a double is exact
    const double number = to_double(path, value);
    if (number < 0 || number > kLimit || number != std::floor(number))
        refuse_value(path, "a count");
    return static_cast<std::int64_t>(number);
}

std::int64_t to_time_us(std::string_view path, const Scalar &value)
{
    constexpr double kLatestSecond = 253402300799;  // of the year 9999
    const double seconds = to_double(path, value);
    if (seconds < 0 || seconds > kLatestSecond)
        refuse_value(path, "a time");
    return std::llround(seconds * 1e6);
}

void require(bool present, std::string_view path)
{
    if (!present)
        refuse("response lacks " + std::string(path));
}

}  // namespace podyn::json
