// The short way from JSON to values, against the straight one: whatever it takes, it reads alike, and what is not sound
// it never takes.
#include "dynamodb/item_scanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "dynamodb/scan.h"
#include "exports/records.h"
#include "tape_text.h"

namespace {

using namespace podyn;

// In memory of its own, so that whoever reads beyond its end is caught.
struct Text {
    explicit Text(std::string_view from) : bytes(std::make_unique<char[]>(from.size())), size(from.size())
    {
        std::copy(from.begin(), from.end(), bytes.get());
    }
    [[nodiscard]] std::string_view view() const { return {bytes.get(), size}; }

    std::unique_ptr<char[]> bytes;
    std::size_t size;
};

// Everything that a value says.
std::string full_text(std::span<const dynamodb::Value> values)
{
    std::string text;
    for (const dynamodb::Value &value : values)
        text += std::string(value.name) + '|' + std::string(value.text) + '|' + std::to_string(value.span) + '|' +
                std::to_string(value.children) + '|' + std::string(test::letters(value.type)) +
                (value.boolean ? "|true" : "|") + (value.had_nul ? "|nul\n" : "|\n");
    return text;
}

bool takes(std::string_view json)
{
    dynamodb::Tape tape;
    std::string_view rest;
    return dynamodb::scan_item(json, tape, &rest) && rest.empty();
}

// Whether the short way takes the item. If so, the straight one has to read the same.
bool takes_as_the_straight_way_does(std::string_view json)
{
    const Text text(json);
    dynamodb::Tape tape;
    tape.values.emplace_back();  // of an item before
    std::string_view rest;
    const std::optional<dynamodb::ParsedItem> scanned = dynamodb::scan_item(text.view(), tape, &rest);
    if (!scanned || !rest.empty()) {
        EXPECT_TRUE(scanned || tape.values.size() == 1) << json;
        return false;
    }
    const dynamodb::ItemPage straight(std::vector<std::string_view>{json}, dynamodb::NulCharacters::kReplace);
    const auto page = straight.page();
    const dynamodb::Item &expected = page.items.front();
    const dynamodb::Item item = scanned->on(tape);
    EXPECT_FALSE(expected.problem.exists()) << json << ": " << expected.problem.message;
    EXPECT_FALSE(item.problem.exists());
    EXPECT_EQ(full_text(item.values), full_text(expected.values)) << json;
    EXPECT_EQ(item.json, json);
    return true;
}

// ---- Items at random -----------------------------------------------------------------------------------------------

class Random {
  public:
    explicit Random(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t limit) { return random_() % limit; }
    bool once_in(std::size_t times) { return below(times) == 0; }
    template <std::size_t kCount>
    std::string one_of(const std::string_view (&choices)[kCount])
    {
        return std::string(choices[below(kCount)]);
    }

    // `rare`: once in how often there is something that the straight way alone may take, or nobody.
    std::string item(std::size_t rare)
    {
        rare_ = rare;
        return object([this] { return value(0); });
    }

    std::string broken(std::string json)
    {
        const std::size_t at = below(json.size());
        switch (below(4)) {
            case 0:
                return json.substr(0, at);
            case 1:
                json[at] = static_cast<char>(below(256));
                return json;
            case 2:
                return json.insert(at, 1, R"({}[]":,\ 0)"[below(10)]);
            default:
                return json.erase(at, 1 + below(3));
        }
    }

  private:
    std::string space() { return once_in(10) ? one_of({" ", "\n", "\t ", "\r\n"}) : ""; }

    template <typename Member>
    std::string object(const Member &member)
    {
        std::string json = "{" + space();
        for (std::size_t i = 0, count = below(6); i < count; ++i)
            json += (i ? "," : "") + space() + string() + space() + ":" + space() + member() + space();
        return json + "}";
    }

    template <typename Member>
    std::string array(const Member &member)
    {
        std::string json = "[" + space();
        for (std::size_t i = 0, count = below(5); i < count; ++i)
            json += (i ? "," : "") + space() + member() + space();
        return json + "]";
    }

    std::string string()
    {
        std::string text(below(once_in(4) ? 60 : 9), 'x');
        for (char &character : text)
            character = static_cast<char>(' ' + below(95));
        std::replace_if(
            text.begin(), text.end(), [](char character) { return character == '"' || character == '\\'; }, '_');
        if (once_in(5))
            text.insert(below(text.size() + 1), one_of({"\u00e9", "\u20ac", "\U0001f600", "\x7f", "a", "a", "\u00e9"}));
        if (once_in(rare_))
            text.insert(below(text.size() + 1),
                        one_of({R"(\n)", R"(\u0000)", R"(\ud83d\ude00)", R"(\udc00)", R"(\ud800x)", R"(\")", R"(\\)",
                                R"(\x)", R"(\u12)", "\x01", "\n", "\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80",
                                "\xf4\x90\x80\x80", R"(\u00e9)", R"(\/)"}));
        return '"' + text + '"';
    }

    std::string number()
    {
        std::string digits = once_in(2) ? "-" : "";
        for (std::size_t i = 0, count = 1 + below(once_in(8) ? 45 : 6); i < count; ++i)
            digits += static_cast<char>('0' + below(10));
        if (once_in(3))
            digits += "." + std::to_string(below(100'000));
        if (once_in(rare_))
            digits = one_of({"", "-", ".5", "5.", "1e5", "1E-130", "9.9E+125", "1e200000", "+1", "0x1", "1 ", "NaN",
                             "--1", "1.2.3", "-0", "007", "1e", "\u0661"});
        return '"' + digits + '"';
    }

    std::string binary()
    {
        if (once_in(rare_))
            return one_of({R"("a")", R"("YQ")", R"("YR==")", R"("YQ==\n")", R"("Y Q==")", R"("=")"});
        return one_of({R"("")", R"("YQ==")", R"("aGVsbG8=")", R"("AAECAwQF")"});
    }

    std::string value(std::size_t level)
    {
        if (once_in(4 * rare_))
            return one_of({"{}", R"({"S":1})", R"({"X":"x"})", R"({"S":"x","N":"1"})", "null", R"("x")",
                           R"({"SS":["a",1]})", R"({"L":[1]})", R"({"NULL":false})", R"({"BOOL":"true"})",
                           R"({"M":[]})", R"({"L":{}})", R"({"S":"x",})", R"({"BOOL":tru})", R"({"S":null})",
                           R"({"BOOL":truex})", R"({"N":5})"});
        switch (below(level < 5 ? 10 : 5)) {
            case 0:
            case 1:
                return R"({"S":)" + space() + string() + "}";
            case 2:
                return R"({"N":)" + number() + "}";
            case 3:
                return R"({"B":)" + binary() + "}";
            case 4:
                return one_of({R"({"BOOL":true})", R"({"BOOL": false })", R"({"NULL":true})"});
            case 5:
                return R"({"M":)" + object([this, level] { return value(level + 1); }) + "}";
            case 6:
                return R"({"L":)" + array([this, level] { return value(level + 1); }) + "}";
            case 7:
                return R"({"SS":)" + array([this] { return string(); }) + "}";
            case 8:
                return R"({"NS":)" + array([this] { return number(); }) + "}";
            default:
                return R"({"BS":)" + array([this] { return binary(); }) + "}";
        }
    }

    std::mt19937 random_;
    std::size_t rare_ = 1;
};

TEST(ItemScanner, takes_items_as_DynamoDB_writes_them)
{
    Random random(1);
    int taken = 0;
    for (int i = 0; i < 3'000; ++i)
        taken += takes_as_the_straight_way_does(random.item(1'000'000));
    EXPECT_EQ(taken, 3'000);
}

TEST(ItemScanner, reads_hostile_items_as_the_straight_way_does_or_not_at_all)
{
    Random random(2);
    int taken = 0;
    for (int i = 0; i < 10'000; ++i)
        taken += takes_as_the_straight_way_does(random.item(30));
    EXPECT_GT(taken, 2'000);
    EXPECT_LT(taken, 9'000);
}

TEST(ItemScanner, reads_broken_items_as_the_straight_way_does_or_not_at_all)
{
    Random random(3);
    for (int i = 0; i < 20'000; ++i)
        takes_as_the_straight_way_does(random.broken(random.item(1'000)));
}

TEST(ItemScanner, takes_no_item_that_is_cut_off)
{
    const std::string json =
        R"({"id":{"S":"äöü"},"n":{"N":"-12.50"},"m":{"M":{"l":{"L":[{"BOOL":true},{"NULL":true},{"SS":["a"]}]}}}})";
    for (std::size_t size = 0; size < json.size(); ++size)
        EXPECT_FALSE(takes_as_the_straight_way_does(json.substr(0, size))) << size;
    EXPECT_TRUE(takes_as_the_straight_way_does(json));
}

TEST(ItemScanner, leaves_to_the_straight_way_what_is_unusual)
{
    for (const std::string_view json :
         {R"({"a":{"S":"\u00e9"}})", R"({"\u0061":{"S":"x"}})", "{\"a\":{\"S\":\"\xff\"}}", "{\"a\":{\"S\":\"a\tb\"}}",
          R"({"a":{"S":"x"}}x)", R"({"a":{"S":"x"},})", "", "{", "[]"})
        EXPECT_FALSE(takes(json)) << json;
}

TEST(ItemScanner, takes_items_that_nest_as_deeply_as_DynamoDB_allows)
{
    const auto nested = [](std::size_t levels) {
        std::string json = R"({"S":"x"})";
        for (std::size_t i = 0; i < levels; ++i)
            json = i % 2 == 0 ? R"({"L":[)" + json + "]}" : R"({"M":{"x":)" + json + "}}";
        return R"({"a":)" + json + "}";
    };
    EXPECT_TRUE(takes_as_the_straight_way_does(nested(32)));
    EXPECT_FALSE(takes_as_the_straight_way_does(nested(33)));
    EXPECT_FALSE(takes_as_the_straight_way_does(nested(1000)));
}

// ---- Lines ---------------------------------------------------------------------------------------------------------

TEST(ItemScanner, lines_are_what_they_are_without_it)
{
    using Form = exports::RecordParser::Form;
    Random random(4);
    for (int i = 0; i < 5'000; ++i) {
        const std::string item = random.item(100);
        const std::string line =
            i % 3 == 0 ? random.broken(R"({"Item":)" + item + "}") : R"({"Item":)" + item + "}" + (i % 7 ? "" : " ");
        dynamodb::Tape tape, straight_tape;
        exports::RecordParser parser(Form::kItemInMember, dynamodb::NulCharacters::kReplace);
        const exports::Record record = parser.parse(line, tape);
        // A member more, which is passed over, is nothing that the short way takes.
        const std::string longer = R"({"Other":1,)" + line.substr(std::min<std::size_t>(1, line.size()));
        const exports::Record straight = parser.parse(longer, straight_tape);
        if (!line.starts_with(R"({"Item":)") || record.broken || straight.broken)
            continue;
        EXPECT_EQ(full_text(record.item.on(tape).values), full_text(straight.item.on(straight_tape).values)) << line;
        EXPECT_EQ(record.item.problem.exists(), straight.item.problem.exists()) << line;
        if (!record.item.problem.exists()) {
            EXPECT_EQ(record.item.json, straight.item.json);
        }
    }
}

}  // namespace
