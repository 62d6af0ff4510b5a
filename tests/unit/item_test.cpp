// Items: from DynamoDB JSON to values on a tape, and the problems of items that are not sound.
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "dynamodb/decimal.h"
#include "dynamodb/scan.h"
#include "tape_text.h"
#include "test_data.h"

namespace {

using namespace podyn;

using dynamodb::NulCharacters;

std::unique_ptr<dynamodb::ItemPage> parse(const std::vector<std::string_view> &documents,
                                          NulCharacters nul_characters = NulCharacters::kReplace)
{
    return std::make_unique<dynamodb::ItemPage>(documents, nul_characters);
}

std::string tape_of(std::string_view json, NulCharacters nul_characters = NulCharacters::kReplace)
{
    const auto parsed = parse({json}, nul_characters);
    const dynamodb::Item item = parsed->page().items.front();
    return item.problem.exists() ? "problem: " + std::string(item.problem.message) : test::tape_text(item.values);
}

void expect_problem(std::string_view json, std::string_view sqlstate, std::string_view message,
                    NulCharacters nul_characters = NulCharacters::kReplace)
{
    const auto parsed = parse({json, R"({"next":{"S":"sound"}})"}, nul_characters);
    const dynamodb::Item item = parsed->page().items.front();
    EXPECT_EQ(item.problem.message, message);
    EXPECT_EQ(item.problem.sqlstate, sqlstate) << json;
    EXPECT_TRUE(item.values.empty());
    EXPECT_EQ(item.json, json);
    EXPECT_EQ(test::tape_text(parsed->page().items[1].values), "next:S:sound");
}

std::string nested(std::size_t levels, std::string_view leaf)
{
    std::string json = "{\"a\":";
    for (std::size_t i = 1; i < levels; ++i)
        json += i % 2 == 0 ? "{\"M\":{\"x\":" : "{\"L\":[";
    json += leaf;
    for (std::size_t i = levels - 1; i >= 1; --i)
        json += i % 2 == 0 ? "}}" : "]}";
    return json + "}";
}

TEST(Item, becomes_values_in_the_order_received)
{
    EXPECT_EQ(tape_of(R"({"b":{"S":"x"},"a":{"N":"1.50"},"c":{"BOOL":true},"d":{"BOOL":false},"e":{"NULL":true}})"),
              "b:S:x a:N:1.50 c:BOOL:true d:BOOL:false e:NULL");
}

TEST(Item, keeps_what_is_nested_in_a_flat_list_with_spans)
{
    const auto parsed =
        parse({R"({"m":{"M":{"l":{"L":[{"S":"x"},{"M":{}},{"SS":["p","q"]}]},"n":{"N":"1"}}},"z":{"L":[]}})"});
    const dynamodb::Item item = parsed->page().items.front();
    EXPECT_EQ(test::tape_text(item.values), "m:M{l:L[S:x M{} SS[S:p S:q]] n:N:1} z:L[]");
    ASSERT_EQ(item.values.size(), 9U);
    EXPECT_EQ(item.values[0].span, 8U);
    EXPECT_EQ(item.values[0].children, 2U);
    EXPECT_EQ(item.values[1].span, 6U);
    EXPECT_EQ(item.values[1].children, 3U);
    EXPECT_EQ(item.values[4].children, 2U);
    EXPECT_TRUE(item.values[2].name.empty());
    EXPECT_EQ(item.values[8].span, 1U);
    EXPECT_EQ(item.values[8].children, 0U);
}

TEST(Item, keeps_every_digit_of_a_number)
{
    EXPECT_EQ(
        tape_of(R"({"a":{"N":"00012345678901234567890123456789012345678.900"},"b":{"NS":["-1E-130","9.9E125"]}})"),
        "a:N:00012345678901234567890123456789012345678.900 b:NS[N:-1E-130 N:9.9E125]");
}

TEST(Item, decodes_binary_at_top_level_only)
{
    EXPECT_EQ(tape_of(R"({"a":{"B":"Zm9v"},"b":{"BS":["Zm9v"]},"c":{"L":[{"B":"Zm9v"}]},"d":{"B":""}})"),
              "a:B:foo b:BS[B:Zm9v] c:L[B:Zm9v] d:B:");
}

TEST(Item, resolves_escapes_in_names_values_numbers_and_base64)
{
    EXPECT_EQ(tape_of(R"({"a\"b":{"S":"x\ny"},"\u0062":{"N":"\u0031"},"c":{"B":"\/w=="},"d":{"BS":["\/w=="]}})"),
              "a\"b:S:x\ny b:N:1 c:B:\xFF d:BS[B:/w==]");
}

TEST(Item, takes_type_letters_that_are_written_with_escapes)
{
    EXPECT_EQ(tape_of(R"({"a":{"\u0053":"x"}})"), "a:S:x");
}

TEST(Item, has_its_json_as_received)
{
    const auto parsed = parse({"  { \"a\" : {\"S\":\"\\u0000\"} }\n"});
    EXPECT_EQ(parsed->page().items.front().json, "{ \"a\" : {\"S\":\"\\u0000\"} }");
}

TEST(Item, shows_u0000_as_u2400_and_says_so)
{
    const auto parsed =
        parse({R"({"a":{"S":"x\u0000y\u0000"},"b":{"S":"x\u2400"},"c":{"L":[{"S":"\u0000"}]},"d":{"S":"x\n"}})"});
    const dynamodb::Item item = parsed->page().items.front();
    EXPECT_EQ(test::tape_text(item.values), "a:S:x␀y␀ b:S:x␀ c:L[S:␀] d:S:x\n");
    EXPECT_TRUE(item.values[0].had_nul);
    EXPECT_FALSE(item.values[1].had_nul);
    EXPECT_TRUE(item.values[3].had_nul);
    EXPECT_FALSE(item.values[4].had_nul);
    EXPECT_EQ(parsed->tape().original_text(item.values[0]), std::string_view("x\0y\0", 4));
    EXPECT_EQ(parsed->tape().original_text(item.values[1]), "x␀");
}

TEST(Item, shows_u0000_in_the_names_of_a_map_as_u2400)
{
    EXPECT_EQ(tape_of(R"({"a":{"M":{"x\u0000":{"S":"1"},"x":{"S":"2"}}}})"), "a:M{x␀:S:1 x:S:2}");
}

TEST(Item, with_u0000_in_the_name_of_an_attribute_is_a_problem)
{
    expect_problem(R"({"a\u0000b":{"S":"x"}})", "22P05", "the name of attribute \"a␀b\" contains U+0000");
}

TEST(Item, with_two_names_that_become_one_is_a_problem)
{
    expect_problem(R"({"a":{"M":{"x\u0000":{"L":[{"S":"1"}]},"y":{"S":"2"},"x\u2400":{"S":"3"}}}})", "22P05",
                   "attribute \"a\" holds a map with names that are equal once U+0000 is replaced: \"x␀\"");
    expect_problem(R"({"a":{"M":{"m":{"M":{"\u0000":{"S":"1"},"\u2400":{"S":"3"}}}}}})", "22P05",
                   "attribute \"a\" holds a map with names that are equal once U+0000 is replaced: \"␀\"");
}

TEST(Item, may_have_names_that_become_one_in_different_maps)
{
    EXPECT_EQ(tape_of(R"({"a":{"M":{"\u0000":{"S":"1"},"m":{"M":{"\u2400":{"L":[{"N":"1"},{"N":"2"}]}}}}}})"),
              "a:M{␀:S:1 m:M{␀:L[N:1 N:2]}}");
}

TEST(Item, is_stripped_of_u0000_if_asked)
{
    const auto parsed =
        parse({R"({"a":{"S":"\u0000x\u0000\u0000y"},"b":{"S":"\u0000"},"c":{"SS":["p\u0000","p"]},)"
               R"("d":{"M":{"n\u0000":{"L":[{"S":"\u0000z"}]}}},"e":{"S":""},"f":{"S":"\u0000\u0000"}})"},
              NulCharacters::kStrip);
    const dynamodb::Item item = parsed->page().items.front();
    EXPECT_EQ(test::tape_text(item.values), "a:S:xy b:S: c:SS[S:p S:p] d:M{n:L[S:z]} e:S: f:S:");
    EXPECT_TRUE(item.values[0].had_nul);
    EXPECT_FALSE(item.values[8].had_nul);
    EXPECT_EQ(parsed->tape().original_text(item.values[1]), std::string_view("\0", 1));
    EXPECT_EQ(parsed->tape().original_text(item.values[9]), std::string_view("\0\0", 2));
}

TEST(Item, stripped_of_u0000_still_has_one_name_for_each_member_and_attribute)
{
    expect_problem(R"({"a":{"M":{"x\u0000":{"S":"1"},"x":{"S":"3"}}}})", "22P05",
                   "attribute \"a\" holds a map with names that are equal once U+0000 is stripped: \"x\"",
                   NulCharacters::kStrip);
    expect_problem(R"({"a\u0000b":{"S":"x"}})", "22P05", "the name of attribute \"a␀b\" contains U+0000",
                   NulCharacters::kStrip);
    EXPECT_EQ(tape_of(R"({"a":{"M":{"x\u0000":{"S":"1"},"x\u2400":{"S":"2"}}}})", NulCharacters::kStrip),
              "a:M{x:S:1 x␀:S:2}");
}

TEST(Item, with_u0000_anywhere_is_a_problem_if_asked)
{
    const auto expect_rejected = [](std::string_view json, std::string_view message) {
        expect_problem(json, "22P05", message, NulCharacters::kReject);
    };
    expect_rejected(R"({"k":{"S":"1"},"a":{"S":"x\u0000"}})", "attribute \"a\" contains U+0000");
    expect_rejected(R"({"a":{"SS":["x","\u0000"]}})", "attribute \"a\" contains U+0000");
    expect_rejected(R"({"a":{"L":[{"M":{"b":{"S":"\u0000"}}}]}})", "a value inside attribute \"a\" contains U+0000");
    expect_rejected(R"({"a":{"M":{"b\u0000":{"N":"1"}}}})", "a name inside attribute \"a\" contains U+0000");
    expect_rejected(R"({"a\u0000":{"N":"1"}})", "the name of attribute \"a␀\" contains U+0000");
    EXPECT_EQ(tape_of(R"({"a":{"S":"x\u2400\u0001"},"b":{"B":"AA=="}})", NulCharacters::kReject),
              std::string("a:S:x␀\x01 b:B:\0", 15));
}

TEST(Item, of_an_unknown_type_is_a_problem)
{
    expect_problem(R"({"k":{"S":"1"},"a":{"X":"x"}})", "22P02", "attribute \"a\" is of unknown type \"X\"");
    expect_problem(R"({"a":{"s":"x"}})", "22P02", "attribute \"a\" is of unknown type \"s\"");
    expect_problem(R"({"a":{"\u0000":"x"}})", "22P02", "attribute \"a\" is of unknown type \"␀\"");
    expect_problem(R"({"a":{"L":[{"M":{"b":{"XS":[{"c":1}]}}}]}})", "22P02",
                   "a value inside attribute \"a\" is of unknown type \"XS\"");
}

TEST(Item, without_exactly_one_type_is_a_problem)
{
    expect_problem(R"({"a":{}})", "22P02", "attribute \"a\" has no type");
    expect_problem(R"({"a":{"M":{"b":{}}}})", "22P02", "a value inside attribute \"a\" has no type");
    expect_problem(R"({"a":{"L":[{}]}})", "22P02", "a value inside attribute \"a\" has no type");
    expect_problem(R"({"a":{"S":"a","N":"1"}})", "22P02", "attribute \"a\" has more than one type");
    expect_problem(R"({"a":{"M":{},"S":"1"}})", "22P02", "attribute \"a\" has more than one type");
    expect_problem(R"({"a":{"S":"a","S":"a"}})", "22P02", "attribute \"a\" has more than one type");
}

TEST(Item, with_content_that_does_not_suit_its_type_is_a_problem)
{
    expect_problem(R"({"a":{"S":1}})", "22P02", "attribute \"a\" has a number for type S");
    expect_problem(R"({"a":{"S":null}})", "22P02", "attribute \"a\" has null for type S");
    expect_problem(R"({"a":{"N":1.5}})", "22P02", "attribute \"a\" has a number for type N");
    expect_problem(R"({"a":{"B":true}})", "22P02", "attribute \"a\" has true for type B");
    expect_problem(R"({"a":{"BOOL":"true"}})", "22P02", "attribute \"a\" has a string for type BOOL");
    expect_problem(R"({"a":{"NULL":false}})", "22P02", "attribute \"a\" has false for type NULL");
    expect_problem(R"({"a":{"NULL":null}})", "22P02", "attribute \"a\" has null for type NULL");
    expect_problem(R"({"a":{"M":[]}})", "22P02", "attribute \"a\" has an array for type M");
    expect_problem(R"({"a":{"L":{}}})", "22P02", "attribute \"a\" has an object for type L");
    expect_problem(R"({"a":{"L":"x"}})", "22P02", "attribute \"a\" has a string for type L");
    expect_problem(R"({"a":{"S":[]}})", "22P02", "attribute \"a\" has an array for type S");
    expect_problem(R"({"a":{"SS":"x"}})", "22P02", "attribute \"a\" has a string for type SS");
    expect_problem(R"({"a":{"SS":{}}})", "22P02", "attribute \"a\" has an object for type SS");
    expect_problem(R"({"a":{"NS":["1",2]}})", "22P02", "attribute \"a\" has a number in its NS");
    expect_problem(R"({"a":{"SS":["1",["2"]]}})", "22P02", "attribute \"a\" has an array in its SS");
    expect_problem(R"({"a":{"SS":[{"S":"x"}]}})", "22P02", "attribute \"a\" has an object in its SS");
    expect_problem(R"({"a":{"BS":[null]}})", "22P02", "attribute \"a\" has null in its BS");
}

TEST(Item, with_a_bare_value_is_a_problem)
{
    expect_problem(R"({"a":"x"})", "22P02", "attribute \"a\" is a string without a type");
    expect_problem(R"({"a":[{"S":"x"}]})", "22P02", "attribute \"a\" is an array without a type");
    expect_problem(R"({"a":{"L":["x"]}})", "22P02", "a value inside attribute \"a\" is a string without a type");
    expect_problem(R"({"a":{"M":{"b":1}}})", "22P02", "a value inside attribute \"a\" is a number without a type");
}

TEST(Item, with_bad_base64_is_a_problem)
{
    expect_problem(R"({"a":{"B":"Zg"}})", "22P02", "attribute \"a\" is not base64: \"Zg\"");
    expect_problem(R"({"a":{"BS":["Zg==","Zh=="]}})", "22P02", "attribute \"a\" is not base64: \"Zh==\"");
    expect_problem(R"({"a":{"L":[{"B":"\u0000"}]}})", "22P02", "a value inside attribute \"a\" is not base64: \"␀\"");
}

TEST(Item, with_a_bad_number_is_a_problem)
{
    for (const std::string number : {"",  " ",  "x",  "1x",  " 1",  "1 ",       "--1",       "+-1",  "1.2.3", ".",
                                     "-", "e5", "1e", "1e+", "NaN", "Infinity", "-Infinity", "0x10", "1_000", "1,5"})
        expect_problem(R"({"a":{"N":")" + number + R"("}})", "22P02",
                       "attribute \"a\" is not a number: \"" + number + "\"");
    expect_problem(R"({"a":{"N":"1\u0000"}})", "22P02", "attribute \"a\" is not a number: \"1␀\"");
}

TEST(Item, with_a_number_that_numeric_cannot_hold_is_a_problem)
{
    for (const std::string number :
         {"1E131072", "-10E131071", "1E-16384", "0.1E-16383", "0E-16384", "1E99999999999999"})
        expect_problem(R"({"a":{"NS":[")" + number + R"("]}})", "22003",
                       "attribute \"a\" is out of numeric's range: \"" + number + "\"");
    EXPECT_EQ(tape_of(R"({"a":{"NS":["1E131071","0.001E131074","1E-16383","0E-16383","-.5","5.","+1"]}})"),
              "a:NS[N:1E131071 N:0.001E131074 N:1E-16383 N:0E-16383 N:-.5 N:5. N:+1]");
}

TEST(Item, may_nest_100_levels_and_no_more)
{
    const auto sound = parse({nested(100, R"({"SS":["x"]})"), nested(100, R"({"L":[]})")});
    for (const dynamodb::Item &item : sound->page().items)
        EXPECT_FALSE(item.problem.exists()) << item.problem.message;
    EXPECT_EQ(sound->page().items.front().values.size(), 101U);
    expect_problem(nested(101, R"({"S":"x"})"), "54001",
                   "a value inside attribute \"a\" lies more than 100 levels deep");
    expect_problem(nested(2000, R"({"S":"x"})"), "54001",
                   "a value inside attribute \"a\" lies more than 100 levels deep");
}

TEST(Item, of_a_million_levels_is_a_problem_and_no_crash)
{
    const std::string bomb = nested(500'000, R"({"S":"x"})");
    const auto parsed = parse({bomb, R"({"a":{"S":"x"}})"});
    EXPECT_EQ(parsed->page().items[0].problem.message, "item is not sound JSON: JSON nests too deeply");
    EXPECT_EQ(test::tape_text(parsed->page().items[1].values), "a:S:x");
}

TEST(Item, that_is_no_json_is_a_problem)
{
    for (const std::string_view json : {"", "x", "[]", "{\"a\":{\"S\":\"x\"}", "{\"a\":{\"S\":\"\xFF\"}}", "{}{}",
                                        "{\"a\":{\"S\":\"\\ud800\"}}", "{\"a\":{\"X\":1}"}) {
        const auto parsed = parse({R"({"z":{"S":"before"}})", json, R"({"a":{"S":"after"}})"});
        const auto items = parsed->page().items;
        ASSERT_EQ(items.size(), 3U);
        EXPECT_TRUE(items[1].problem.message.starts_with("item is not sound JSON: ")) << items[1].problem.message;
        EXPECT_STREQ(items[1].problem.sqlstate, "22P02");
        EXPECT_TRUE(items[1].values.empty());
        EXPECT_EQ(items[1].json, json);
        EXPECT_EQ(test::tape_text(items[0].values), "z:S:before");
        EXPECT_EQ(test::tape_text(items[2].values), "a:S:after");
    }
}

TEST(Item, shows_a_long_name_cut_at_a_character)
{
    std::string name;
    for (int i = 0; i < 1000; ++i)
        name += "€";
    const auto parsed = parse({"{\"" + name + "\":{\"X\":1}}"});
    std::string shown;
    for (int i = 0; i < 127 / 3; ++i)
        shown += "€";
    EXPECT_EQ(parsed->page().items.front().problem.message, "attribute \"" + shown + "…\" is of unknown type \"X\"");
}

// ---- DynamoDB's own cases ----

std::string text_of(const rapidjson::Value &json)
{
    return {json.GetString(), json.GetStringLength()};
}

// An attribute value as tape_text() shows it, by another way: RapidJSON's DOM.
std::string expected_value(const std::string &name, const rapidjson::Value &wrapper, bool top_level)
{
    const std::string type = text_of(wrapper.MemberBegin()->name);
    const rapidjson::Value &content = wrapper.MemberBegin()->value;
    std::string text = (name.empty() ? "" : name + ":") + type;
    if (type == "NULL")
        return text;
    if (type == "BOOL")
        return text + (content.GetBool() ? ":true" : ":false");
    if (type == "B" && top_level) {
        std::string bytes(base::decoded_size(text_of(content)), '\0');
        base::decode_base64(text_of(content), bytes.data());
        return text + ":" + bytes;
    }
    if (content.IsString())
        return text + ":" + text_of(content);
    std::string inside;
    const auto add = [&](const std::string &value) { inside += (inside.empty() ? "" : " ") + value; };
    if (type == "M") {
        for (const auto &member : content.GetObject())
            add(expected_value(text_of(member.name), member.value, false));
        return text + "{" + inside + "}";
    }
    for (const auto &element : content.GetArray())
        add(type == "L" ? expected_value("", element, false) : type.substr(0, 1) + ":" + text_of(element));
    return text + "[" + inside + "]";
}

std::string expected_tape(const rapidjson::Value &item)
{
    std::string text;
    for (const auto &attribute : item.GetObject())
        text += (text.empty() ? "" : " ") + expected_value(text_of(attribute.name), attribute.value, true);
    return text;
}

std::string json_of(const rapidjson::Value &value)
{
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

// What DynamoDB refuses when it is written, though its form is sound: limits, empty sets, duplicates, the key's type.
bool is_sound_in_form(const std::string &error)
{
    for (const std::string_view part :
         {"ValidationException", "empty", "Binary sets", "duplicates", "significant digits", "Number overflow",
          "Number underflow", "Type mismatch for key", "nesting", "Nesting"})
        if (error.find(part) != std::string::npos && error.find("Supplied AttributeValue") == std::string::npos)
            return true;
    return false;
}

TEST(AttributeValues, are_read_as_dynamodb_reads_them)
{
    const auto path = test::data_directory() / "attribute-values.jsonl";
    std::istringstream stream(test::read_file(path));
    if (stream.str().empty())
        GTEST_SKIP() << "no " << path;
    std::size_t accepted = 0;
    std::size_t broken = 0;
    for (std::string line; std::getline(stream, line);) {
        rapidjson::Document document;
        ASSERT_FALSE(document.Parse(line.c_str()).HasParseError()) << line;
        for (const char *member : {"Item", "_stored"}) {
            if (!document.HasMember(member))
                continue;
            const std::string json = json_of(document[member]);
            const auto parsed = parse({json});
            const dynamodb::Item item = parsed->page().items.front();
            if (text_of(document["_expect"]) == "accept") {
                ++accepted;
                EXPECT_EQ(test::tape_text(item.values), expected_tape(document[member]));
                EXPECT_FALSE(item.problem.exists()) << json << item.problem.message;
            } else if (!is_sound_in_form(text_of(document["_error"]))) {
                ++broken;
                EXPECT_TRUE(item.problem.exists()) << json << text_of(document["_error"]);
            }
            EXPECT_EQ(item.json, json);
        }
    }
    EXPECT_GT(accepted, 30U);
    EXPECT_GT(broken, 20U);
}

TEST(Decimal, has_one_spelling_for_each_value)
{
    const auto spelling = [](std::string_view text) { return canonical(dynamodb::parse_decimal(text).value()); };
    for (const std::string_view one : {"1", "1.0", "01", "1E0", "10E-1", "+1", "0.1e1", "1.", "0.001E+3", "100e-02"})
        EXPECT_EQ(spelling(one), spelling("1")) << one;
    for (const std::string_view zero : {"0", "-0", "0.00", "0E7", "-0.0E-5", "000"})
        EXPECT_EQ(spelling(zero), "0") << zero;
    for (const std::string_view other : {"-1", "10", "0.1", "11", "1.01", "1E1", "0"})
        EXPECT_NE(spelling(other), spelling("1")) << other;
}

}  // namespace
