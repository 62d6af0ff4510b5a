// Gzipped files: by zlib and by ISA-L alike, whole, in pieces, cut off and damaged.
#include "exports/inflate.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "file_fixture.h"

namespace {

using namespace podyn;
using test::gzip;
using test::read_items;
using test::ReadFile;
using test::Reading;

using Items = std::vector<std::string>;

class Inflate : public testing::TestWithParam<std::unique_ptr<exports::Inflater> (*)()> {
  protected:
    void SetUp() override
    {
        if (!GetParam()())
            GTEST_SKIP() << "built without ISA-L";
    }

    [[nodiscard]] ReadFile read(std::string_view bytes, std::size_t piece = std::string::npos) const
    {
        Reading reading;
        reading.piece = test::pieces_of(piece);
        reading.inflater = GetParam();
        return read_items(bytes, reading);
    }
};

INSTANTIATE_TEST_SUITE_P(By, Inflate, testing::Values(exports::zlib_inflater, exports::isal_inflater),
                         [](const auto &by) { return by.index == 0 ? "zlib" : "isal"; });

// Some lines with digits that compress neither well nor badly.
std::string lines(std::size_t count, std::uint32_t seed = 1)
{
    std::mt19937 random(seed);
    std::string text;
    for (std::size_t i = 0; i < count; ++i)
        text += R"({"Item":{"id":{"N":")" + std::to_string(i) + R"("},"text":{"S":")" + std::to_string(random()) +
                std::to_string(random()) + R"("}}})" + "\n";
    return text;
}

void expect_corrupt(const ReadFile &read, std::string_view message)
{
    EXPECT_EQ(read.status.failure, base::Failure::kCorrupt);
    EXPECT_FALSE(read.status.retryable);
    EXPECT_STREQ(read.status.sqlstate, "22P04");
    EXPECT_EQ(read.status.message, message) << read.status.detail;
}

// A gzip header with all that may stand in it (RFC 1952, 2.3.1).
std::string with_long_header(const std::string &compressed)
{
    std::string header = compressed.substr(0, 10);
    header[3] = '\x1E';  // FHCRC, FEXTRA, FNAME, FCOMMENT
    header += std::string("\x04\x00", 2) + "more" + std::string("name\0comment\0", 13);
    const auto crc = crc32(0, reinterpret_cast<const Bytef *>(header.data()), static_cast<uInt>(header.size()));
    header += static_cast<char>(crc & 0xFF);
    header += static_cast<char>(crc >> 8 & 0xFF);
    return header + compressed.substr(10);
}

TEST_P(Inflate, gives_the_same_in_pieces_of_any_size)
{
    const std::string text = lines(10'000);
    const ReadFile plain = read(text);
    ASSERT_EQ(plain.items.size(), 10'000U);
    for (const int level : {0, 1, 6, 9}) {
        const std::string compressed = gzip(text, level);
        for (const std::size_t piece : {std::size_t{11}, std::size_t{4096}, std::string::npos}) {
            const ReadFile inflated = read(compressed, piece);
            EXPECT_TRUE(inflated.status.ok()) << inflated.status.detail;
            EXPECT_EQ(inflated.items, plain.items) << level << ' ' << piece;
            EXPECT_EQ(inflated.page_lines, plain.page_lines);
        }
    }
}

TEST_P(Inflate, gives_more_than_a_block_of_text_from_few_bytes)
{
    const std::string text = R"({"a":{"S":"x"}})" + std::string(2'000'000, '\n') + R"({"a":{"S":"y"}})";
    EXPECT_EQ(read(gzip(text)).items, (Items{"1: a:S:x", "2000001: a:S:y"}));
}

TEST_P(Inflate, goes_on_with_the_next_member_even_inside_a_line)
{
    const std::string text = lines(100);
    const std::string compressed =
        gzip(text.substr(0, 1234)) + gzip("") + gzip(text.substr(1234, 1)) + gzip(text.substr(1235));
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::string::npos}) {
        const ReadFile inflated = read(compressed, piece);
        EXPECT_TRUE(inflated.status.ok()) << inflated.status.detail;
        EXPECT_EQ(inflated.items, read(text).items);
    }
}

TEST_P(Inflate, knows_headers_with_names_and_comments)
{
    const std::string text = lines(10);
    const std::string compressed = with_long_header(gzip(text));
    for (const std::size_t piece : {std::size_t{1}, std::string::npos})
        EXPECT_EQ(read(compressed + compressed, piece).items.size(), 20U);
    std::string with_extra = gzip(text);
    with_extra[3] = '\x04';  // FEXTRA alone
    with_extra.insert(10, std::string("\x03\x00xyz", 5));
    EXPECT_EQ(read(with_extra, 1).items.size(), 10U);
}

TEST_P(Inflate, of_an_empty_file_gives_nothing)
{
    const ReadFile empty = read(gzip(""));
    EXPECT_TRUE(empty.status.ok());
    EXPECT_TRUE(empty.items.empty());
    EXPECT_EQ(empty.lines, 0U);
}

TEST_P(Inflate, refuses_what_is_cut_off_anywhere)
{
    const std::string text = lines(40);
    const std::string compressed = gzip(text);
    const Items sound = read(text).items;
    for (std::size_t size = 1; size < compressed.size(); ++size)
        for (const std::size_t piece : {std::size_t{1}, std::string::npos}) {
            const ReadFile cut = read(std::string_view(compressed).substr(0, size), piece);
            expect_corrupt(cut, "file is cut off");
            ASSERT_LE(cut.items.size(), sound.size());
            EXPECT_TRUE(std::equal(cut.items.begin(), cut.items.end(), sound.begin()));
        }
}

TEST_P(Inflate, gives_what_came_before_the_cut_whatever_the_pieces)
{
    const std::string compressed = gzip(lines(5000));
    const std::string_view half = std::string_view(compressed).substr(0, compressed.size() / 2);
    const ReadFile whole = read(half);
    EXPECT_GT(whole.items.size(), 2000U);
    EXPECT_EQ(read(half, 1000).items, whole.items);
}

// Every bit of the file: the header's may not matter (time, system), a file that no longer begins like gzip is no JSON,
// anything else is an error.
TEST_P(Inflate, never_takes_a_flipped_bit_for_a_sound_file_with_other_items)
{
    const std::string text = lines(4);
    const Items sound = read(text).items;
    for (const std::string &compressed : {gzip(text), gzip(text, 0), with_long_header(gzip(text))})
        for (std::size_t bit = 0; bit < 8 * compressed.size(); ++bit) {
            std::string flipped = compressed;
            flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
            const ReadFile inflated = read(flipped);
            if (!inflated.status.ok())
                EXPECT_EQ(inflated.status.failure, base::Failure::kCorrupt);
            else if (bit / 8 > 0)
                EXPECT_EQ(inflated.items, sound) << bit;
            else
                EXPECT_TRUE(inflated.items.at(0).starts_with("1: 22P02 no sound JSON")) << inflated.items[0];
        }
}

TEST_P(Inflate, refuses_what_is_no_gzip_behind_a_member)
{
    const std::string compressed = gzip(lines(3));
    for (const std::string &garbage : {std::string("garbage"), std::string(1, '\0'), std::string("\x1F"),
                                       std::string(R"({"Item":{"a":{"S":"x"}}})"), gzip("x").substr(0, 5)})
        for (const std::size_t piece : {std::size_t{1}, std::string::npos}) {
            const ReadFile inflated = read(compressed + garbage, piece);
            EXPECT_EQ(inflated.status.failure, base::Failure::kCorrupt);
            EXPECT_EQ(inflated.items.size(), 3U);
        }
    expect_corrupt(read(compressed + "garbage"), "file is damaged");
}

TEST_P(Inflate, refuses_random_bytes_behind_the_magic_without_a_crash)
{
    std::mt19937 random(7);
    for (int round = 0; round < 500; ++round) {
        std::string bytes = gzip(lines(5)).substr(0, 10);
        for (std::size_t i = random() % 200; i > 0; --i)
            bytes += static_cast<char>(random());
        EXPECT_EQ(read(bytes, 1 + random() % 100).status.failure, base::Failure::kCorrupt);
    }
}

}  // namespace
