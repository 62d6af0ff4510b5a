// Files of items: lines, documents, incremental exports, and all that can be wrong with them.
#include "engine/files.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/digest.h"
#include "file_fixture.h"
#include "test_data.h"

namespace {

using namespace podyn;
using exports::FileFormat;
using test::gzip;
using test::read_items;
using test::ReadFile;
using test::Reading;

using Items = std::vector<std::string>;
using Counts = std::vector<std::uint64_t>;

Items items_of(std::string_view text)
{
    const ReadFile read = read_items(text);
    EXPECT_TRUE(read.status.ok()) << read.status.message << ": " << read.status.detail;
    return read.items;
}

Items changes_of(std::string_view text)
{
    Reading reading;
    reading.format = FileFormat::kChanges;
    const ReadFile read = read_items(text, reading);
    EXPECT_TRUE(read.status.ok()) << read.status.message << ": " << read.status.detail;
    return read.items;
}

void expect_broken_document(std::string_view text, std::string_view detail, const Items &before = {})
{
    for (const std::size_t piece : {std::size_t{1}, std::string::npos}) {
        Reading reading;
        reading.piece = test::pieces_of(piece);
        const ReadFile read = read_items(text, reading);
        EXPECT_EQ(read.status.failure, base::Failure::kCorrupt) << text;
        EXPECT_STREQ(read.status.message, "file is not a sound JSON document");
        EXPECT_EQ(read.status.detail, detail) << text;
        EXPECT_EQ(read.items, before);
    }
}

// ---- Lines ---------------------------------------------------------------------------------------------------------

TEST(FileOfLines, of_a_full_export_gives_what_is_in_Item)
{
    const ReadFile read = read_items(
        "{\"Item\":{\"a\":{\"S\":\"x\"},\"m\":{\"M\":{\"Item\":{\"N\":\"1\"}}}}}\n"
        "{ \"Item\" : {\"a\":{\"S\":\"y\"}} }\n");
    EXPECT_EQ(read.items, (Items{"1: a:S:x m:M{Item:N:1}", "2: a:S:y"}));
    EXPECT_EQ(read.json[1], R"({"a":{"S":"y"}})");
    EXPECT_EQ(read.lines, 2U);
}

TEST(FileOfLines, may_hold_items_themselves)
{
    EXPECT_EQ(items_of("{\"a\":{\"S\":\"x\"}}\n{\"Item\":{\"S\":\"y\"}}\n"), (Items{"1: a:S:x", "2: Item:S:y"}));
    EXPECT_EQ(items_of("{\"Item\":{\"S\":\"y\"}}\n{\"a\":{\"S\":\"x\"}}\n"), (Items{"1: Item:S:y", "2: a:S:x"}));
    EXPECT_EQ(items_of("{\"Items\":{\"L\":[{\"S\":\"[\"}]},\"Count\":{\"N\":\"1\"}}"),
              (Items{"1: Items:L[S:[] Count:N:1"}));
}

TEST(FileOfLines, shows_its_form_in_the_first_sound_line)
{
    EXPECT_EQ(items_of("{\"Item\":{\"a\":{\"X\":\"1\"}}}\n{\"Item\":{\"a\":{\"S\":\"x\"}}}\n{\"a\":{\"S\":\"x\"}}"),
              (Items{"1: 22P02 attribute \"a\" is of unknown type \"X\"", "2: a:S:x",
                     "3: 22P02 line is no record of an export: it has no \"Item\""}));
}

TEST(FileOfLines, does_not_show_its_form_in_an_empty_object)
{
    for (const std::string first : {"{}", "{\"Item\":{}}"})
        EXPECT_EQ(items_of(first + "\n{\"Item\":{\"a\":{\"S\":\"x\"}}}").back(), "2: a:S:x");
}

TEST(FileOfLines, counts_empty_lines_and_passes_over_them)
{
    const ReadFile read = read_items("\n  \n{\"a\":{\"S\":\"x\"}}\n\r\n\n{\"a\":{\"S\":\"y\"}}\n\n\n");
    EXPECT_EQ(read.items, (Items{"3: a:S:x", "6: a:S:y"}));
    EXPECT_EQ(read.lines, 8U);
}

TEST(FileOfLines, may_end_lines_as_windows_does_and_begin_with_a_byte_order_mark)
{
    const std::string text = "\xEF\xBB\xBF{\"a\":{\"S\":\"x\"}}\r\n{\"a\":{\"S\":\"y\"}}\r\n";
    const ReadFile read = read_items(text);
    EXPECT_EQ(read.items, (Items{"1: a:S:x", "2: a:S:y"}));
    EXPECT_EQ(read.json[1], R"({"a":{"S":"y"}})");
    Reading bytewise;
    bytewise.piece = test::pieces_of(1);
    EXPECT_EQ(read_items(gzip(text), bytewise).items, read.items);
    EXPECT_EQ(read_items(text, bytewise).items, read.items);
}

TEST(FileOfLines, need_not_end_its_last_line)
{
    const ReadFile read = read_items("{\"a\":{\"S\":\"x\"}}\n{\"a\":{\"S\":\"y\"}}");
    EXPECT_EQ(read.items, (Items{"1: a:S:x", "2: a:S:y"}));
    EXPECT_EQ(read.lines, 2U);
}

TEST(FileOfLines, goes_on_after_lines_that_are_no_records)
{
    const ReadFile read = read_items(
        "{\"Item\":{\"a\":{\"S\":\"x\"}}}\n"
        "not \xFF JSON\n"
        "{\"Item\":{\"a\":{\"S\":\"x\"},\"b\":{\"S\":\n"
        "{\"Other\":1}\n"
        "{\"Item\":[]}\n"
        "[1]\n"
        "{\"Item\":null}\n"
        "{\"Item\":{\"a\":{\"S\":\"y\"}}}\n");
    EXPECT_EQ(read.items, (Items{"1: a:S:x", "2: 22P02 no sound JSON: Invalid value. at byte 1",
                                 "3: 22P02 no sound JSON: Invalid value. at byte 32",
                                 "4: 22P02 line is no record of an export: it has no \"Item\"",
                                 "5: 22P02 line is no record of an export: its \"Item\" is not an object",
                                 "6: 22P02 no sound JSON: a JSON object is expected",
                                 "7: 22P02 line is no record of an export: it has no \"Item\"", "8: a:S:y"}));
    EXPECT_EQ(read.json[1], "not \xEF\xBF\xBD JSON");
    EXPECT_EQ(read.json[3], "{\"Other\":1}");
}

TEST(FileOfLines, keeps_of_a_line_that_is_no_json_its_beginning)
{
    std::string line = "x";
    for (int i = 0; i < 5000; ++i)
        line += "é";
    const ReadFile read = read_items(line + "\n{\"a\":{\"S\":\"x\"}}\n" + std::string("a\0b", 3));
    EXPECT_EQ(read.json[0], line.substr(0, 4095));
    EXPECT_EQ(read.items[1], "2: a:S:x");
    EXPECT_EQ(read.json[2], "a\xEF\xBF\xBD\x62");
}

TEST(FileOfLines, of_nothing_ends_without_items)
{
    for (const std::string_view text : {"", "\xEF\xBB\xBF"}) {
        const ReadFile read = read_items(text);
        EXPECT_TRUE(read.status.ok());
        EXPECT_TRUE(read.items.empty());
        EXPECT_EQ(read.lines, 0U);
    }
    EXPECT_EQ(read_items("\n\n").lines, 2U);
}

std::string many_lines(std::size_t count)
{
    std::mt19937 random(3);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        if (random() % 10 == 0)
            text += "\r\n";
        text += R"({"Item":{"id":{"N":")" + std::to_string(i) + R"("},"text":{"S":"\"é)" +
                std::string(random() % (random() % 50 == 0 ? 20'000 : 500), 'x') + R"("}}})" + "\n";
    }
    return text;
}

TEST(FileOfLines, gives_the_same_pages_in_pieces_of_any_size)
{
    struct {
        std::size_t lines, most_bytes;
    } constexpr kCases[] = {{200, 1}, {3000, 100}, {3000, 300'000}};
    for (const auto &[lines, most_bytes] : kCases) {
        const std::string text = many_lines(lines);
        const ReadFile whole = read_items(text);
        ASSERT_EQ(whole.items.size(), lines);
        Reading reading;
        reading.piece = test::pieces_of_random_size(most_bytes);
        const ReadFile read = read_items(text, reading);
        EXPECT_EQ(read.items, whole.items) << most_bytes;
        EXPECT_EQ(read.page_lines, whole.page_lines);
    }
}

TEST(FileOfLines, goes_on_behind_the_last_page_that_was_kept)
{
    const std::string text = gzip(many_lines(1000));
    Reading reading;
    reading.most_items = 37;
    const ReadFile whole = read_items(text, reading);
    std::size_t given = 0;
    for (std::size_t page = 0; page < whole.page_lines.size(); ++page) {
        given += whole.page_sizes[page];
        reading.skip = whole.page_lines[page];
        const ReadFile rest = read_items(text, reading);
        EXPECT_EQ(rest.items, Items(whole.items.begin() + static_cast<std::ptrdiff_t>(given), whole.items.end()));
        EXPECT_EQ(rest.lines, whole.lines);
    }
}

TEST(FileOfLines, keeps_its_form_and_position_when_lines_are_passed_over)
{
    Reading reading;
    reading.skip = 2;
    const ReadFile read = read_items(
        "{\"Item\":{\"S\":\"x\"}}\nno JSON\n{\"Item\":{\"S\":\"y\"}}\n"
        "{\"Item\":{\"M\":{\"a\":{\"S\":\"z\"}}}}\n",
        reading);
    EXPECT_EQ(read.items, (Items{"3: Item:S:y", "4: Item:M{a:S:z}"}));

    reading.skip = 1;
    EXPECT_EQ(read_items("{\"Item\":{\"a\":{\"S\":\"x\"}}}\n{\"a\":{\"S\":\"y\"}}\n", reading).items,
              (Items{"2: 22P02 line is no record of an export: it has no \"Item\""}));

    exports::ItemFile file(FileFormat::kItems, dynamodb::NulCharacters::kReplace, exports::fastest_inflater());
    file.skip(2);
    EXPECT_EQ(file.take_page(1, 1), nullptr);
    EXPECT_EQ(file.lines(), 2U);
    file.feed("{\"a\":{\"S\":\"x\"}}\n", true);
    EXPECT_EQ(file.take_page(1, 1), nullptr);
    EXPECT_TRUE(file.ended());
    EXPECT_EQ(file.lines(), 1U);
}

TEST(FileOfLines, ends_pages_by_items_and_by_bytes)
{
    std::string text;
    for (int i = 0; i < 10; ++i)
        text += "{\"a\":{\"S\":\"x\"}}\n";
    Reading reading;
    reading.most_items = 4;
    EXPECT_EQ(read_items(text, reading).page_lines, (Counts{4, 8, 10}));
    reading.most_items = 100;
    reading.most_bytes = 40;
    EXPECT_EQ(read_items(text, reading).page_lines, (Counts{3, 6, 9, 10}));
    reading.most_bytes = 1;
    EXPECT_EQ(read_items(text, reading).page_sizes, (std::vector<std::size_t>(10, 1)));
}

TEST(FileOfLines, takes_long_lines_and_makes_a_problem_of_longer_ones)
{
    const std::string begin = R"({"a":{"S":")", end = "\"}}\n";
    const std::size_t longest = exports::kMostPieceBytes + 1 - begin.size() - end.size();
    std::string text = "{\"a\":{\"S\":\"1\"}}\n" + begin + std::string(longest, 'x') + end;
    text += begin + std::string(longest + 1, 'y') + end + "{\"a\":{\"S\":\"2\"}}\n";
    Reading reading;
    reading.piece = test::pieces_of(1'000'000);
    const ReadFile read = read_items(gzip(text, 1), reading);
    ASSERT_EQ(read.items.size(), 4U);
    EXPECT_EQ(read.items[1].size(), std::string("2: a:S:").size() + longest);
    EXPECT_EQ(read.items[2], "3: 54000 line or item is longer than 64 MB");
    EXPECT_EQ(read.json[2], begin + std::string(exports::kKeptBytes - begin.size(), 'y'));
    EXPECT_EQ(read.items[3], "4: a:S:2");
}

TEST(FileOfLines, counts_lines_that_are_too_long_when_it_passes_over_them)
{
    const std::string too_long(exports::kMostPieceBytes + 2'000'000, 'x');
    Reading reading;
    reading.skip = 2;
    EXPECT_EQ(read_items(gzip("\n" + too_long + "\n{\"a\":{\"S\":\"x\"}}\n" + too_long, 1), reading).items,
              (Items{"3: a:S:x", "4: 54000 line or item is longer than 64 MB"}));
}

// ---- Documents -----------------------------------------------------------------------------------------------------

// As `aws dynamodb scan` prints it.
constexpr std::string_view kDocument = R"({
    "Items": [
        {
            "a": {
                "S": "x]}\"\\"
            },
            "Items": {
                "L": [
                    {
                        "S": "Items"
                    }
                ]
            }
        },
        {
            "a": {
                "N": "1"
            }
        }
    ],
    "Count": 2,
    "ScannedCount": 2,
    "ConsumedCapacity": null
}
)";
const Items kDocumentItems = {"1: a:S:x]}\"\\ Items:L[S:Items]", "2: a:N:1"};

TEST(Document, gives_its_items_in_pieces_of_any_size)
{
    EXPECT_EQ(items_of(kDocument), kDocumentItems);
    for (const std::size_t most : {std::size_t{1}, std::size_t{5}, std::size_t{60}}) {
        Reading reading;
        reading.piece = test::pieces_of_random_size(most);
        const ReadFile read = read_items(gzip(kDocument), reading);
        EXPECT_TRUE(read.status.ok()) << read.status.detail;
        EXPECT_EQ(read.items, kDocumentItems);
        EXPECT_EQ(read.lines, 2U);
        EXPECT_EQ(read_items(kDocument, reading).items, kDocumentItems);
    }
}

TEST(Document, may_have_other_members_first_and_Items_inside_them)
{
    EXPECT_EQ(items_of(R"({"Count":1,"LastEvaluatedKey":{"Items":{"S":"["},"b":[{"Items":[{"z":1}]}]},)"
                       R"("ConsumedCapacity":{"Items":[{"a":{"S":"no"}}]},"T":"\"Items\":[","x":-1.5e3,)"
                       R"("Items":[{"a":{"S":"yes"}}],"More":{"Items":[{"a":{"S":"no"}}]}})"),
              (Items{"1: a:S:yes"}));
}

TEST(Document, may_be_followed_by_others)
{
    EXPECT_EQ(items_of("{\"Items\":[{\"a\":{\"S\":\"x\"}}],\"Count\":1}\n{\"Count\":0,\"Items\":[]}\n"
                       "{\"Items\":[{\"a\":{\"S\":\"y\"}},{\"a\":{\"X\":1}}]}"),
              (Items{"1: a:S:x", "2: a:S:y", "3: 22P02 attribute \"a\" is of unknown type \"X\""}));
    EXPECT_TRUE(items_of(R"({"Items":[]})").empty());
}

TEST(Document, goes_on_behind_items_that_are_passed_over)
{
    Reading reading;
    reading.skip = 1;
    EXPECT_EQ(read_items(kDocument, reading).items, (Items{kDocumentItems[1]}));
}

TEST(Document, that_is_broken_gives_what_came_before)
{
    const Items one = {"1: a:S:x"};
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}})", "The document is cut off, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}},{"a":)", "The document is cut off, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}}],"Cou)", "The document is cut off, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}}],"Count":1)", "The document is cut off, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}},])",
                           "The document has something else where an item is expected, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}} {"a":{"S":"y"}}]})",
                           "The document has something else where ] is expected, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}}],"Count":1x})",
                           "The document has a member that is not sound JSON, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}}],"C\x":1})",
                           "The document has a member whose name is not sound JSON, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}}],})",
                           "The document has something else where a member's name is expected, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}}],"Count" 1})",
                           "The document has something else where : is expected, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}}]}})",
                           "The document has something else where { is expected, behind item 1.", one);
    expect_broken_document(R"({"Items":[{"a":{"S":"x"}},{"a":{"S":y}}]})",
                           "Item 2: no sound JSON: Invalid value. at byte 10", one);
    expect_broken_document(R"({"Items":[1]})",
                           "The document has something else where an item is expected, behind item 0.");
}

TEST(Document, cut_anywhere_behind_its_beginning_is_refused)
{
    const std::string_view document = kDocument.substr(0, kDocument.rfind('}'));
    for (std::size_t size = document.find('['); ++size < document.size();)
        EXPECT_EQ(read_items(document.substr(0, size)).status.failure, base::Failure::kCorrupt) << size;
}

TEST(Document, with_flipped_bytes_is_refused_or_read_but_never_crashes)
{
    std::mt19937 random(20240607);
    for (int round = 0; round < 5'000; ++round) {
        std::string text(kDocument);
        for (std::size_t flips = 1 + random() % 3; flips > 0; --flips)
            text[random() % text.size()] = static_cast<char>(random());
        Reading reading;
        reading.piece = test::pieces_of(1 + random() % 200);
        const base::Status status = read_items(text, reading).status;
        EXPECT_TRUE(status.ok() || status.failure == base::Failure::kCorrupt) << status.detail;
    }
}

TEST(Document, makes_a_problem_of_an_item_that_is_too_long)
{
    const std::string text = R"({"Items":[{"a":{"S":"x"}},{"a":{"S":"]},)" +
                             std::string(exports::kMostPieceBytes, '\\') + R"("}},{"a":{"S":"y"}}]})";
    Reading reading;
    reading.piece = test::pieces_of(9'999);
    EXPECT_EQ(read_items(gzip(text, 1), reading).items,
              (Items{"1: a:S:x", "2: 54000 line or item is longer than 64 MB", "3: a:S:y"}));
}

TEST(Document, of_many_items_is_streamed)
{
    std::string text = R"({"Count":20000,"Items":[)";
    for (int i = 0; i < 20'000; ++i)
        text += (i > 0 ? ",\n" : "") + (R"({"id":{"N":")" + std::to_string(i)) + R"("},"t":{"S":"some text"}})";
    text += "]}";
    Reading reading;
    reading.piece = test::pieces_of_random_size(100'000);
    const ReadFile read = read_items(text, reading);
    ASSERT_EQ(read.items.size(), 20'000U);
    EXPECT_EQ(read.items.back(), "20000: id:N:19999 t:S:some text");
    EXPECT_EQ(read.page_sizes, std::vector<std::size_t>(200, 100));
}

// ---- Incremental exports -------------------------------------------------------------------------------------------

TEST(FileOfChanges, gives_new_images_and_the_keys_of_removed_items)
{
    Reading reading;
    reading.format = FileFormat::kChanges;
    const ReadFile read = read_items(
        R"({"Metadata":{"WriteTimestampMicros":{"N":"1"}},"Keys":{"k":{"S":"a"}},"NewImage":{"k":{"S":"a"},"v":{"N":"1"}}})"
        "\n"
        R"({"Keys":{"k":{"S":"b"}},"OldImage":{"NewImage":{"M":{}},"Keys":{"S":1},"v":{"X":1}},"Metadata":{"WriteTimestampMicros":1}})"
        "\n"
        R"({"NewImage":{"v":{"N":"2"},"k":{"S":"c"}},"OldImage":{"k":{"S":"c"}},"Keys":{"k":{"S":"c"}},"Metadata":{}})"
        "\n"
        R"({"Keys":{"k":{"S":"d"}},"NewImage":null,"OldImage":null})",
        reading);
    EXPECT_EQ(read.items, (Items{"1: k:S:a v:N:1", "2 removed: k:S:b", "3: v:N:2 k:S:c", "4 removed: k:S:d"}));
    EXPECT_EQ(read.keys, (Items{"k:S:a", "k:S:b", "k:S:c", "k:S:d"}));
    EXPECT_EQ(read.json[0], R"({"k":{"S":"a"},"v":{"N":"1"}})");
    EXPECT_EQ(read.json[1], R"({"k":{"S":"b"}})");
}

TEST(FileOfChanges, makes_problems_of_records_without_sound_keys)
{
    EXPECT_EQ(changes_of(R"({"NewImage":{"k":{"S":"a"}}})"
                         "\n"
                         R"({"Keys":{},"NewImage":{"k":{"S":"a"}}})"
                         "\n"
                         R"({"Keys":{"k":{"BOOL":true}}})"
                         "\n"
                         R"({"Keys":{"k":{"Y":"a"}}})"
                         "\n"
                         R"({"Keys":"k"})"
                         "\n"
                         R"({"Keys":{"k":{"S":"a"}},"NewImage":[{}]})"
                         "\n"
                         R"({"Keys":{"k":{"S":"a"}},"NewImage":{"v":{"Y":"a"}}})"
                         "\n"
                         R"({"Item":{"k":{"S":"a"}}})"),
              (Items{"1: 22P02 line is no record of an export: it has no \"Keys\"",
                     "2: 22P02 the record's \"Keys\" are empty",
                     "3: 22P02 a key attribute of the record is no string, number or binary",
                     "4: 22P02 in the record's \"Keys\", attribute \"k\" is of unknown type \"Y\"",
                     "5: 22P02 line is no record of an export: its \"Keys\" is not an object",
                     "6: 22P02 line is no record of an export: its \"NewImage\" is not an object",
                     "7: 22P02 attribute \"v\" is of unknown type \"Y\"",
                     "8: 22P02 line is no record of an export: it has no \"Keys\""}));
}

// ---- Real exports --------------------------------------------------------------------------------------------------

// The records that follow "record": on each line, by how the line's test is called.
TEST(Exports, in_every_shape_that_awss_importer_knows_are_read)
{
    const auto path = test::data_directory() / "export-record-shapes.jsonl";
    std::istringstream shapes(test::read_file(path));
    Items read;
    for (std::string line; std::getline(shapes, line);) {
        constexpr std::string_view kRecord = R"("record": )";
        const std::string record = line.substr(line.find(kRecord) + kRecord.size());
        const bool full = record.starts_with(R"({"Item")");
        const Items items =
            full ? items_of(record.substr(0, record.size() - 1)) : changes_of(record.substr(0, record.size() - 1));
        read.insert(read.end(), items.begin(), items.end());
    }
    if (read.empty())
        GTEST_SKIP() << "no " << path;
    const std::string argyros =
        "1: name:S:Argyros1003 activities:L[M{activity:S:Play violin timestamp:S:Sat, 04 May 2024 04:49:44 GMT}]";
    EXPECT_EQ(read, (Items{
                        "1: name:S:John age:N:30",
                        argyros,
                        "1: id:S:test data:B:Hello World",
                        "1: decimal:N:123.456789 integer:N:42",
                        "1: pk:S:user123 age:N:25 active:BOOL:true metadata:NULL tags:SS[S:admin S:user] "
                        "config:M{theme:S:dark} history:L[S:login]",
                        "1: id:N:123 name:S:John",
                        "1: id:N:123 name:S:John Doe",
                        "1: id:N:123 name:S:John Doe",
                        "1: pk:S:USER sk:S:123 name:S:John",
                        "1 removed: id:N:123",
                        "1 removed: id:N:123",
                        "1 removed: id:N:123",
                        "1: 22P02 line is no record of an export: it has no \"Keys\"",
                        "1: id:N:123",
                        "1: pk:S:a sk:N:1 data:S:x",
                        "1: name:S:Alice",
                        "1: name:S:Alice age:N:30",
                        "1: age:N:30",
                        "1: name:N:123",
                        "1: 22P02 line is no record of an export: it has no \"Keys\"",
                        "1: timestamp:S:2026-03-11T10:03:00Z turbine_id:S:new_item2",
                    }));
}

TEST(Exports, of_dynamodb_itself_are_read_with_their_manifests)
{
    const auto bucket = test::data_directory() / "export-full";
    const std::string text =
        test::read_file(bucket / "dynamodb-export/AWSDynamoDB/01715685260608-c488b4e1/manifest-summary.json");
    if (text.empty())
        GTEST_SKIP() << "no " << bucket;
    engine::Summary *handle = nullptr;
    engine::ExportSummary summary;
    ASSERT_TRUE(engine::parse_export_summary(text, &handle, &summary).ok());
    EXPECT_TRUE(summary.finished);
    engine::FileList *list = nullptr;
    std::span<const engine::ExportFile> files;
    ASSERT_TRUE(engine::parse_export_files(test::read_file(bucket / summary.manifest_files_key), &list, &files).ok());
    ASSERT_EQ(files.size(), 1U);

    const ReadFile read = read_items(test::read_file(bucket / files[0].key));
    EXPECT_EQ(read.md5, files[0].md5);
    EXPECT_EQ(static_cast<std::int64_t>(read.items.size()), summary.item_count);
    EXPECT_EQ(read.items, (Items{"1: id:S:bar baz:N:0",
                                 "2: id:S:K3TXQk84Si a:BOOL:false b:NULL c:SS[S:8gfX8dh0xa S:fRjHZJ2Ce9] d:NS[N:3 N:2] "
                                 "e:L[N:1 S:Dsb87qc6Es] f:M{h:NULL i:BOOL:true g:N:9} j:B:hello "
                                 "k:BS[B:aXMgZmFzdA== B:c2N5bGxhZGI=]",
                                 "3: id:S:foo bar:N:42"}));
    engine::destroy(list);
    engine::destroy(handle);
}

// ---- Memory --------------------------------------------------------------------------------------------------------

TEST(Window, uses_blocks_again_that_nobody_holds)
{
    const std::string text(20'000'000, 'x');
    exports::Contents contents(exports::fastest_inflater());
    contents.feed(text, true);
    exports::Window window(contents);
    std::set<const exports::Block *> blocks;
    while (window.read_more()) {
        blocks.insert(window.block().get());
        window.pass(window.text().size());
    }
    EXPECT_TRUE(window.complete());
    EXPECT_LE(blocks.size(), 2U);
}

TEST(Window, leaves_a_large_block_behind_a_long_line)
{
    const std::string text(20'000'000, 'x');
    exports::Contents contents(exports::fastest_inflater());
    contents.feed(text, true);
    exports::Window window(contents);
    ASSERT_TRUE(window.read_more());
    const std::size_t usual = window.block()->size;
    while (window.text().size() < 10'000'000)
        ASSERT_TRUE(window.read_more());
    EXPECT_GT(window.block()->size, usual);
    window.pass(window.text().size());
    ASSERT_TRUE(window.read_more());
    EXPECT_EQ(window.block()->size, usual);
}

// ---- The facade ----------------------------------------------------------------------------------------------------

TEST(FileReader, asks_for_bytes_and_gives_pages_that_outlive_it)
{
    engine::FileReader *reader = nullptr;
    ASSERT_TRUE(engine::file_reader_create(FileFormat::kItems, engine::NulCharacters::kReplace, &reader).ok());
    engine::FileItems *items = nullptr;
    engine::FilePage page;
    ASSERT_TRUE(engine::take_file_page(reader, 10, 1000, &items, &page).ok());
    EXPECT_EQ(items, nullptr);
    EXPECT_FALSE(page.ended);
    EXPECT_TRUE(engine::file_wants_bytes(reader));
    EXPECT_EQ(engine::file_md5(reader), "");

    const std::string bytes = gzip("{\"a\":{\"S\":\"x\"}}\n\n");
    ASSERT_TRUE(engine::file_feed(reader, bytes, true).ok());
    EXPECT_FALSE(engine::file_wants_bytes(reader));
    EXPECT_EQ(engine::file_feed(reader, bytes, true).failure, base::Failure::kInternal);
    ASSERT_TRUE(engine::take_file_page(reader, 10, 1000, &items, &page).ok());
    EXPECT_TRUE(page.ended);
    EXPECT_EQ(page.lines, 2U);
    EXPECT_EQ(engine::file_bytes(reader), bytes.size());
    engine::destroy(reader);
    ASSERT_EQ(page.items.size(), 1U);
    EXPECT_EQ(test::item_text(page.items[0]), "1: a:S:x");
    engine::destroy(items);
}

// Md5 of RFC 1321, A.5.
TEST(FileReader, takes_the_md5_of_what_it_is_fed_as_a_checksum_alone_does)
{
    constexpr std::string_view kMd5 = "kAFQmDzST7DWlj99KOF/cg==";  // of "abc"
    for (const bool wanted : {true, false}) {
        engine::FileReader *reader = nullptr;
        ASSERT_TRUE(engine::file_reader_create(FileFormat::kItems, engine::NulCharacters::kReplace, &reader).ok());
        if (!wanted)
            engine::file_leave_out_md5(reader);
        ASSERT_TRUE(engine::file_feed(reader, "abc", true).ok());
        EXPECT_EQ(engine::file_md5(reader), wanted ? kMd5 : "");
        EXPECT_EQ(engine::file_bytes(reader), 3U);
        engine::destroy(reader);
    }
    engine::FileChecksum *checksum = nullptr;
    ASSERT_TRUE(engine::file_checksum_create(&checksum).ok());
    for (const char *part : {"a", "", "bc"})
        ASSERT_TRUE(engine::file_checksum_add(checksum, part).ok());
    std::string_view md5;
    ASSERT_TRUE(engine::file_checksum_finish(checksum, &md5).ok());
    EXPECT_EQ(md5, kMd5);
    engine::destroy(checksum);
}

TEST(FileReader, may_learn_that_nothing_more_comes_after_the_last_bytes)
{
    const std::string sound = gzip("{\"a\":{\"S\":\"x\"}}");
    for (const bool cut : {false, true}) {
        exports::ItemFile file(FileFormat::kItems, dynamodb::NulCharacters::kReplace, exports::fastest_inflater());
        file.feed(std::string_view(sound).substr(0, sound.size() - (cut ? 1 : 0)), false);
        EXPECT_EQ(file.take_page(10, 1000), nullptr);
        EXPECT_TRUE(file.wants_bytes());
        file.feed({}, true);
        const base::Status status = base::guarded([&] {
            EXPECT_EQ(file.take_page(10, 1000)->items().size(), 1U);
            return base::Status{};
        });
        EXPECT_EQ(status.failure, cut ? base::Failure::kCorrupt : base::Failure::kNone);
        EXPECT_EQ(file.ended(), !cut);
    }
}

TEST(FileReader, fails_for_ever_once_it_has_failed)
{
    engine::FileReader *reader = nullptr;
    ASSERT_TRUE(engine::file_reader_create(FileFormat::kItems, engine::NulCharacters::kReplace, &reader).ok());
    const std::string bytes = gzip("{\"a\":{\"S\":\"x\"}}\n") + "more than a header of garbage";
    ASSERT_TRUE(engine::file_feed(reader, bytes, false).ok());
    engine::FileItems *items = nullptr;
    engine::FilePage page;
    ASSERT_TRUE(engine::take_file_page(reader, 10, 1000, &items, &page).ok());
    EXPECT_EQ(page.items.size(), 1U);
    EXPECT_FALSE(page.ended);
    engine::destroy(items);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(engine::take_file_page(reader, 10, 1000, &items, &page).failure, base::Failure::kCorrupt);
        EXPECT_EQ(items, nullptr);
        EXPECT_FALSE(engine::file_wants_bytes(reader));
    }
    engine::destroy(reader);
}

TEST(Md5, is_that_of_rfc_1321)
{
    base::Md5 pieces;
    pieces.update("message ");
    pieces.update("digest");
    EXPECT_EQ(base::hex(pieces.finish()), "f96b697d7cb7938d525a2f31aaf161d0");
    EXPECT_EQ(base::hex(base::Md5().finish()), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(read_items("").md5, "1B2M2Y8AsgTpgAmY7PhCfg==");
    Reading reading;
    reading.piece = test::pieces_of(5);
    EXPECT_EQ(read_items("message digest", reading).md5, "+WtpfXy3k41SWi8xqvFh0A==");
}

}  // namespace
