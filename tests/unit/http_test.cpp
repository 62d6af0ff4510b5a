// Responses: checksum, gzip, caps, headers. What the network does to them is in client_test.cpp.
#include "net/http.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "aws/error.h"
#include "base/guard.h"
#include "base/time_format.h"
#include "net/gzip.h"
#include "test_data.h"
#include "test_server.h"

namespace podyn::net {
namespace {

std::string gzip(const std::string &text)
{
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string compressed(deflateBound(&stream, text.size()) + 32, '\0');
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef *>(compressed.data());
    stream.avail_out = static_cast<uInt>(compressed.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    compressed.resize(stream.total_out);
    deflateEnd(&stream);
    return compressed;
}

template <typename Function>
base::Status status_of(Function function)
{
    return base::guarded([&] {
        (void)function();
        return base::Status{};
    });
}

TEST(Gzip, texts_of_all_sizes_come_back)
{
    std::string text;
    for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 100'000u, 3'000'000u}) {
        while (text.size() < size)
            text += std::to_string(text.size() * 2654435761u);
        text.resize(size);
        EXPECT_EQ(gunzip(gzip(text), 4'000'000), text) << size;
    }
}

TEST(Gzip, a_trailer_that_lies_about_the_size_is_found_out)
{
    std::string compressed = gzip(std::string(100'000, 'a'));
    compressed[compressed.size() - 1] = '\x01';
    EXPECT_EQ(status_of([&] { return gunzip(compressed, 1 << 30); }).failure, base::Failure::kCorrupt);
}

TEST(Gzip, damage_and_missing_ends_are_found)
{
    const std::string kText = "some text that is long enough to be cut";
    const std::string good = gzip(kText);
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_TRUE(status_of([&] { return gunzip(good.substr(0, size), 1000); }).retryable) << size;
    for (std::size_t byte = 10; byte < good.size(); ++byte) {
        std::string bad = good;
        bad[byte] = static_cast<char>(bad[byte] ^ 4);
        std::string text;  // the same if it was one of the unused bits before the trailer
        const base::Status status = status_of([&] { return text = gunzip(bad, 1000); });
        EXPECT_TRUE(status.failure == base::Failure::kCorrupt || text == kText) << byte;
    }
    EXPECT_FALSE(status_of([&] { return gunzip(good + "x", 1000); }).ok());
    EXPECT_FALSE(status_of([&] { return gunzip("plain text", 1000); }).ok());
}

TEST(Gzip, a_bomb_stops_at_the_cap)
{
    const std::string bomb = gzip(std::string(5'000'000, '\0'));
    const base::Status status = status_of([&] { return gunzip(bomb, 1'000'000); });
    EXPECT_EQ(status.failure, base::Failure::kCorrupt);
    EXPECT_FALSE(status.retryable);
    EXPECT_EQ(gunzip(bomb, 5'000'000).size(), 5'000'000u);
}

TEST(Response, headers_are_found_whatever_their_case)
{
    Response response;
    response.take_header("HTTP/1.1 200 OK\r\n");
    response.take_header("X-AMZN-RequestId:  abc \r\n");
    response.take_header("x-amz-CRC32: 12\r\n");
    response.take_header("x-amz-crc32-more: 13\r\n");
    response.take_header("no header\r\n");
    response.take_header("Date: \xff\r\n");
    EXPECT_EQ(response.request_id, "abc");
    EXPECT_EQ(response.crc32, "12");
    EXPECT_EQ(response.date, "");
    response.take_header("HTTP/1.1 200 OK\r\n");
    EXPECT_EQ(response.request_id, "");
}

TEST(Response, the_checksum_is_that_of_the_bytes_as_sent)
{
    Response response;
    response.body = gzip("{}");
    response.content_encoding = "gzip";
    response.crc32 =
        std::to_string(crc32_z(0, reinterpret_cast<const Bytef *>(response.body.data()), response.body.size()));
    Response wrong = response;
    EXPECT_EQ(response.decode(), "{}");
    for (const char *crc : {"0", "-1", "x", "99999999999", "2745614147"}) {  // the last one is that of "{}"
        wrong.crc32 = crc;
        const base::Status status = status_of([&] { return wrong.decode(); });
        EXPECT_EQ(status.failure, base::Failure::kCorrupt) << crc;
        EXPECT_TRUE(status.retryable);
    }
}

TEST(Response, an_encoding_that_was_not_asked_for_is_refused)
{
    Response response;
    response.content_encoding = "br";
    EXPECT_EQ(status_of([&] { return response.decode(); }).failure, base::Failure::kCorrupt);
}

TEST(Response, a_body_beyond_the_cap_is_refused)
{
    Response response;
    response.take_header("Content-Length: 99999999999999\r\n");
    EXPECT_LT(response.body.capacity(), 1000u);
    const std::string half(kMaxBody / 2, 'x');
    EXPECT_TRUE(response.take_body(half));
    EXPECT_TRUE(response.take_body(half));
    EXPECT_FALSE(response.take_body("x"));
}

TEST(Response, recorded_traffic_of_dynamodb_has_the_right_checksums)
{
    const auto path = test::data_directory() / "wire/recorded-dynamodb-movies.json";
    rapidjson::Document recorded;
    recorded.Parse(test::read_file(path).c_str());
    if (!recorded.IsArray())
        GTEST_SKIP() << "no " << path;
    for (const auto &exchange : recorded.GetArray()) {
        const auto &source = exchange["response"];
        Response response;
        for (const auto &header : source["headers"].GetArray())
            response.take_header(std::string(header[0].GetString()) + ": " + header[1].GetString() + "\r\n");
        const std::string body = source["body"].GetString();
        ASSERT_TRUE(response.take_body(body));
        EXPECT_NE(response.crc32, "");
        EXPECT_NE(response.request_id, "");
        EXPECT_TRUE(base::parse_http_date(response.date).has_value());
        Response damaged = response;
        damaged.body[0] ^= 1;
        EXPECT_EQ(response.decode(), body);
        EXPECT_FALSE(status_of([&] { return damaged.decode(); }).ok());
    }
    EXPECT_GE(recorded.Size(), 10u);
}

TEST(Response, recorded_error_bodies_with_a_checksum_have_the_right_one)
{
    const auto path = test::data_directory() / "wire/error-bodies.jsonl";
    std::istringstream lines(test::read_file(path));
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
        rapidjson::Document record;
        record.Parse(line.c_str());
        if (!record.HasMember("x_amz_crc32"))
            continue;
        ++count;
        Response response;
        response.crc32 = record["x_amz_crc32"].GetString();
        response.body = record["body"].GetString();
        EXPECT_TRUE(status_of([&] { return response.decode(); }).ok()) << record["body"].GetString();
    }
    if (count == 0)
        GTEST_SKIP() << "no " << path;
}

TEST(HttpDate, is_read_in_its_one_form)
{
    EXPECT_EQ(base::parse_http_date("Mon, 08 Mar 2021 15:51:18 GMT"), 1'615'218'678'000'000);
    EXPECT_EQ(base::parse_http_date("Thu, 29 Feb 2024 00:00:00 GMT"), 1'709'164'800'000'000);
    for (const char *text :
         {"", "Mon, 08 Mar 2021 15:51:18 CET", "Mon, 08 Foo 2021 15:51:18 GMT", "Mon, 30 Feb 2021 15:51:18 GMT",
          "Mon, 08 Mar 2021 25:51:18 GMT", "Mon, -8 Mar 2021 15:51:18 GMT", "Monday, 08-Mar-21 15:51:18 GMT"})
        EXPECT_EQ(base::parse_http_date(text), std::nullopt) << text;
}

TEST(SignatureTime, is_utc_in_basic_form)
{
    EXPECT_EQ(base::iso_basic_time(1'440'938'160'999'999), "20150830T123600Z");
    EXPECT_EQ(base::iso_basic_time(0), "19700101T000000Z");
}

}  // namespace
}  // namespace podyn::net
