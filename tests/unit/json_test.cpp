// The JSON reader and writer: what is told to a sink, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/guard.h"
#include "json/path_sink.h"
#include "json/reader.h"
#include "json/writer.h"

namespace {

using namespace podyn;

// Writes down everything it is told.
class Protocol final : public json::PathSink {
  public:
    explicit Protocol(base::Arena &arena) : PathSink(arena) {}

    std::string text;
    std::string_view last;
    bool last_in_body = false;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        text.append(path).append("=");
        switch (value.kind) {
            case json::Scalar::Kind::kString:
                last = keep_string(path, value);
                last_in_body = value.in_body;
                text.append("'").append(last).append("'");
                break;
            case json::Scalar::Kind::kNumber:
                text.append(value.text);
                break;
            case json::Scalar::Kind::kBoolean:
                text += value.boolean ? "true" : "false";
                break;
            case json::Scalar::Kind::kNull:
                text += "null";
                break;
        }
        text += ' ';
    }
};

std::string told(std::string_view body)
{
    base::Arena arena;
    Protocol protocol(arena);
    json::read(body, protocol);
    return protocol.text;
}

// Reads a copy of exactly its size, so that the address sanitizer sees a read behind the end.
base::Status outcome(std::string_view body)
{
    return base::guarded([&] {
        const std::unique_ptr<char[]> copy(new char[body.size()]);
        std::copy(body.begin(), body.end(), copy.get());
        json::Ignore ignore;
        json::read({copy.get(), body.size()}, ignore);
        return base::Status{};
    });
}

void expect_refused(std::string_view body)
{
    const base::Status status = outcome(body);
    EXPECT_EQ(status.failure, base::Failure::kCorrupt) << body.substr(0, 100);
    EXPECT_STREQ(status.sqlstate, "08P01");
    EXPECT_TRUE(status.retryable);
}

std::string repeated(std::string_view text, std::size_t count)
{
    std::string result;
    for (std::size_t i = 0; i < count; ++i)
        result += text;
    return result;
}

TEST(JsonReader, tells_each_value_with_its_path)
{
    EXPECT_EQ(told(R"({"a":{"b":[1,{"c":"x"},[true]],"d":null},"e":false})"),
              "a.b[]=1 a.b[].c='x' a.b[][]=true a.d=null e=false ");
}

TEST(JsonReader, lets_no_name_look_like_a_path)
{
    EXPECT_EQ(told(R"({"a.b":1,"a[]":2,"":{"c":3}})"), "?=1 ?=2 ?.c=3 ");
}

TEST(JsonReader, keeps_every_digit_of_a_number)
{
    EXPECT_EQ(told(R"({"n":-12345678901234567890123456789012345678.90E+12})"),
              "n=-12345678901234567890123456789012345678.90E+12 ");
}

TEST(JsonReader, resolves_escapes)
{
    EXPECT_EQ(told(R"({"s":"\"\\\/\b\f\n\r\t\u00e9\u20ac\ud83d\ude00"})"), "s='\"\\/\b\f\n\r\té€😀' ");
}

TEST(JsonReader, shows_strings_without_escapes_in_the_body_itself)
{
    base::Arena arena;
    Protocol protocol(arena);
    const std::string plain = R"({"s":"plain"})";
    json::read(plain, protocol);
    EXPECT_TRUE(protocol.last_in_body);
    EXPECT_EQ(protocol.last.data(), plain.data() + 6);
}

TEST(JsonReader, does_not_take_an_escaped_string_for_a_part_of_the_body)
{
    for (const auto &[json, expected] :
         {std::pair{R"({"s":"\""})", "\""}, std::pair{R"({"s":"\\"})", "\\"},
          std::pair{R"({"s":"abc\\\\\""})", "abc\\\\\""}, std::pair{R"({"s":"\u005cu005c"})", "\\u005c"}}) {
        base::Arena arena;
        Protocol protocol(arena);
        json::read(json, protocol);
        EXPECT_FALSE(protocol.last_in_body);
        EXPECT_EQ(protocol.last, expected);
    }
}

TEST(JsonReader, refuses_what_is_no_object)
{
    for (const std::string_view body :
         {"", " ", "[]", "[{}]", "1", "\"x\"", "null", "true", "{} {}", "{},", "nonsense"})
        expect_refused(body);
}

TEST(JsonReader, refuses_broken_json)
{
    for (const std::string_view body : {"{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{\"a\":01}", "{\"a\":1.}",
                                        "{\"a\":+1}", "{\"a\":NaN}", "{\"a\":[1,]}", "{\"a\":[1}", "{a:1}",
                                        "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\n\"}", "{\"a\":'x'}"})
        expect_refused(body);
}

TEST(JsonReader, refuses_zero_bytes)
{
    expect_refused(std::string_view("{}\0", 3));
    expect_refused(std::string_view("{}\0{}", 5));
    expect_refused(std::string_view("{\"a\":\"\0\"}", 9));
}

TEST(JsonReader, refuses_invalid_utf8)
{
    for (const std::string bytes :
         {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
          "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82", "\xF0\x9F\x98"}) {
        expect_refused("{\"a\":\"" + bytes + "\"}");
        expect_refused("{\"" + bytes + "\":1}");
        expect_refused("{\"a\":\"" + bytes);
    }
}

TEST(JsonReader, refuses_lone_surrogates)
{
    for (const std::string escape : {"\\ud800", "\\udbff", "\\udc00", "\\udfff", "\\ud800\\ud800", "\\ude00\\ud83d",
                                     "x\\ud83d", "\\ud83dx", "\\udc00x"}) {
        expect_refused("{\"a\":\"" + escape + "\"}");
        expect_refused("{\"" + escape + "\":1}");
    }
    EXPECT_TRUE(outcome(R"({"a":"\ud7ff\ue000퟿"})").ok());
}

TEST(JsonReader, reads_200_levels_and_refuses_201)
{
    EXPECT_TRUE(outcome("{\"a\":" + repeated("[", 199) + repeated("]", 199) + "}").ok());
    expect_refused("{\"a\":" + repeated("[", 200) + repeated("]", 200) + "}");
    EXPECT_TRUE(outcome(repeated("{\"a\":", 199) + "{}" + repeated("}", 199)).ok());
    expect_refused(repeated("{\"a\":", 200) + "{}" + repeated("}", 200));
}

TEST(JsonReader, survives_a_million_brackets)
{
    for (const std::string_view bracket : {"[", "{", "{\"a\":", "[{\"a\":"}) {
        expect_refused(repeated(bracket, 1'000'000));
        expect_refused("{\"a\":" + repeated(bracket, 1'000'000));
    }
}

TEST(JsonWriter, escapes_what_json_asks_for)
{
    std::string json;
    json::append_string(json, std::string_view("a\"b\\c\n\0\x1F/é€\x7F", 15));
    EXPECT_EQ(json, "\"a\\\"b\\\\c\\u000a\\u0000\\u001f/é€\x7F\"");
}

TEST(JsonWriter, separates_members_by_commas)
{
    EXPECT_EQ(json::ObjectWriter().finish(), "{}");
    EXPECT_EQ(json::ObjectWriter().string("a", "x").number("b", 7).boolean("c", false).raw("d", "[1]").finish(),
              R"({"a":"x","b":7,"c":false,"d":[1]})");
}

TEST(JsonWriter, writes_what_the_reader_reads)
{
    const std::string name = "quote\" back\\slash \t€";
    EXPECT_EQ(told(json::ObjectWriter().string("a", name).finish()), "a='" + name + "' ");
}

}  // namespace
