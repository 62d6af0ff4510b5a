// ListTables and DescribeTable: requests, responses, keys of tables and indexes.
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/guard.h"
#include "dynamodb/tables.h"
#include "test_data.h"

namespace {

using namespace podyn;

template <typename Response>
void expect_refused(std::string_view body, std::string_view detail)
{
    const base::Status status = base::guarded([&] {
        const Response response{std::string(body)};
        return base::Status{};
    });
    EXPECT_EQ(status.failure, base::Failure::kCorrupt) << body;
    EXPECT_STREQ(status.sqlstate, "08P01");
    EXPECT_EQ(status.detail, detail);
}

std::string keys_text(std::span<const dynamodb::KeyAttribute> keys)
{
    std::string text;
    for (const dynamodb::KeyAttribute &key : keys)
        text.append(text.empty() ? "" : " ").append(key.name).append(":").append(1, key.type);
    return text;
}

TEST(ListTables, asks_for_a_hundred_names_after_the_last_one)
{
    EXPECT_EQ(dynamodb::list_tables_request(""), R"({"Limit":100})");
    EXPECT_EQ(dynamodb::list_tables_request("Movies"), R"({"Limit":100,"ExclusiveStartTableName":"Movies"})");
}

TEST(ListTables, gives_the_names_and_the_last_one)
{
    const dynamodb::TableList list(R"({"TableNames":["a","b.c","\u0064"],"LastEvaluatedTableName":"d"})");
    EXPECT_EQ(std::vector(list.page().names.begin(), list.page().names.end()),
              (std::vector<std::string_view>{"a", "b.c", "d"}));
    EXPECT_EQ(list.page().last_name, "d");
    EXPECT_TRUE(dynamodb::TableList(R"({"TableNames":[]})").page().last_name.empty());
}

TEST(ListTables, refuses_what_is_no_list_of_names)
{
    expect_refused<dynamodb::TableList>("{}", "response lacks TableNames");
    expect_refused<dynamodb::TableList>(R"({"TableNames":"x"})", "response lacks TableNames");
    expect_refused<dynamodb::TableList>(R"({"TableNames":[1]})", "TableNames[] is not a string");
    expect_refused<dynamodb::TableList>(R"({"TableNames":[["x"]]})", "TableNames[] is not a scalar");
    expect_refused<dynamodb::TableList>(R"({"TableNames":[],"LastEvaluatedTableName":{}})",
                                        "LastEvaluatedTableName is not a scalar");
    expect_refused<dynamodb::TableList>(R"({"TableNames":["\u0000"]})", "TableNames[] is not free of zero characters");
}

TEST(DescribeTable, names_the_table)
{
    EXPECT_EQ(dynamodb::describe_table_request("a\"b"), R"({"TableName":"a\"b"})");
}

constexpr std::string_view kTable = R"({"Table":{
    "AttributeDefinitions":[{"AttributeName":"title","AttributeType":"S"},{"AttributeName":"year","AttributeType":"N"},
        {"AttributeName":"bin","AttributeType":"B"}],
    "KeySchema":[{"AttributeName":"title","KeyType":"RANGE"},{"AttributeName":"year","KeyType":"HASH"}],
    "TableName":"Movies","TableArn":"arn:aws:dynamodb:eu-west-1:1:table/Movies","TableId":"id-1","TableStatus":"ACTIVE",
    "ItemCount":12345678901,"TableSizeBytes":1.5E3,"CreationDateTime":1.6E9,"Tags":[{"AttributeName":"x"}],
    "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"},"LatestStreamArn":"arn:stream",
    "GlobalSecondaryIndexes":[
        {"IndexName":"by-bin","KeySchema":[{"AttributeName":"bin","KeyType":"HASH"}],"ItemCount":1},
        {"IndexName":"multi","KeySchema":[{"KeyType":"RANGE","AttributeName":"year"},{"AttributeName":"title","KeyType":"HASH"},
            {"AttributeName":"bin","KeyType":"HASH"},{"AttributeName":"title","KeyType":"RANGE"}]}],
    "LocalSecondaryIndexes":[{"KeySchema":[{"AttributeName":"year","KeyType":"HASH"},
        {"AttributeName":"bin","KeyType":"RANGE"}],"IndexName":"local"}]}})";

std::string without(std::string_view part, std::string_view replacement = "")
{
    std::string body(kTable);
    const std::size_t at = body.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return body.replace(at, part.size(), replacement);
}

TEST(UpdateTable, turns_the_stream_on)
{
    EXPECT_EQ(dynamodb::enable_stream_request("Movies", "NEW_IMAGE"),
              R"({"TableName":"Movies","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}})");
}

TEST(DescribeTable, gives_the_table_with_the_partition_key_first)
{
    const dynamodb::TableInfo info{std::string(kTable)};
    const dynamodb::TableDescription &table = info.page();
    EXPECT_EQ(table.name, "Movies");
    EXPECT_EQ(table.arn, "arn:aws:dynamodb:eu-west-1:1:table/Movies");
    EXPECT_EQ(table.id, "id-1");
    EXPECT_EQ(table.status, "ACTIVE");
    EXPECT_EQ(keys_text(table.keys), "year:N title:S");
    EXPECT_EQ(table.item_count, 12345678901);
    EXPECT_EQ(table.size_bytes, 1500);
    EXPECT_TRUE(table.stream_enabled);
    EXPECT_EQ(table.stream_arn, "arn:stream");
    EXPECT_EQ(table.stream_view_type, "NEW_IMAGE");
}

TEST(DescribeTable, gives_indexes_with_all_partition_key_attributes_first)
{
    const dynamodb::TableInfo info{std::string(kTable)};
    const auto indexes = info.page().indexes;
    ASSERT_EQ(indexes.size(), 3U);
    EXPECT_EQ(indexes[0].name, "by-bin");
    EXPECT_EQ(keys_text(indexes[0].keys), "bin:B");
    EXPECT_FALSE(indexes[0].local);
    EXPECT_EQ(indexes[1].name, "multi");
    EXPECT_EQ(keys_text(indexes[1].keys), "title:S bin:B year:N title:S");
    EXPECT_EQ(indexes[2].name, "local");
    EXPECT_EQ(keys_text(indexes[2].keys), "year:N bin:B");
    EXPECT_TRUE(indexes[2].local);
}

TEST(DescribeTable, says_what_indexes_hold_and_whether_they_can_be_read)
{
    const dynamodb::TableInfo info{
        without(R"("ItemCount":1})",
                R"("IndexStatus":"CREATING","Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["a","b"]}})")};
    const auto indexes = info.page().indexes;
    EXPECT_EQ(indexes[0].projection, dynamodb::Projection::kInclude);
    EXPECT_EQ(std::vector(indexes[0].included.begin(), indexes[0].included.end()),
              (std::vector<std::string_view>{"a", "b"}));
    EXPECT_FALSE(indexes[0].ready);
    EXPECT_EQ(indexes[1].projection, dynamodb::Projection::kAll);
    EXPECT_TRUE(indexes[1].ready);
    EXPECT_FALSE(indexes[2].keys[0].sort);
    EXPECT_TRUE(indexes[2].keys[1].sort);
}

TEST(DescribeTable, knows_a_stream_that_is_off)
{
    const dynamodb::TableInfo off(without("\"StreamEnabled\":true", "\"StreamEnabled\":false"));
    EXPECT_FALSE(off.page().stream_enabled);
    EXPECT_EQ(off.page().stream_view_type, "");
    EXPECT_EQ(off.page().stream_arn, "arn:stream");
}

TEST(DescribeTable, refuses_a_description_that_lacks_what_is_needed)
{
    using Info = dynamodb::TableInfo;
    expect_refused<Info>("{}", "response lacks Table.TableName");
    expect_refused<Info>(without("\"TableStatus\":\"ACTIVE\","), "response lacks Table.TableStatus");
    expect_refused<Info>(R"({"Table":{"TableName":"x","TableStatus":"ACTIVE"}})", "response lacks a partition key");
    expect_refused<Info>(without(",{\"AttributeName\":\"year\",\"AttributeType\":\"N\"}"),
                         "response defines no type for key attribute year");
    expect_refused<Info>(without("\"AttributeType\":\"N\"", "\"AttributeType\":\"M\""),
                         "response defines no type for key attribute year");
    expect_refused<Info>(without("\"KeyType\":\"RANGE\"", "\"KeyType\":\"SORT\""), "unknown type of key in KeySchema");
    expect_refused<Info>(without("\"IndexName\":\"by-bin\","), "response lacks IndexName");
    expect_refused<Info>(without("12345678901", "-1"), "Table.ItemCount is not a count");
    expect_refused<Info>(without("12345678901", "0.5"), "Table.ItemCount is not a count");
    expect_refused<Info>(without("\"Movies\"", "7"), "Table.TableName is not a string");
}

TEST(DescribeTable, refuses_endless_lists_of_key_attributes)
{
    std::string lists = R"({"Table":{"KeySchema":[)";
    for (int i = 0; i < 2000; ++i)
        lists += R"({"KeyType":"HASH"},)";
    lists += "{}]}}";
    expect_refused<dynamodb::TableInfo>(lists, "response lists too many key attributes");
}

TEST(DescribeTable, reads_what_dynamodb_answered)
{
    const auto path = test::data_directory() / "wire/recorded-dynamodb-movies.json";
    const std::string recording = test::read_file(path);
    if (recording.empty())
        GTEST_SKIP() << "no " << path;
    rapidjson::Document exchanges;
    ASSERT_FALSE(exchanges.Parse(recording.c_str()).HasParseError());
    std::size_t count = 0;
    for (const auto &exchange : exchanges.GetArray()) {
        const std::string body = exchange["response"]["body"].GetString();
        if (!body.starts_with("{\"Table\""))
            continue;
        ++count;
        const dynamodb::TableInfo info(body);
        EXPECT_EQ(info.page().name, "Movies-5");
        EXPECT_EQ(info.page().id, "b08c406a-7dbc-4f7d-b7c6-672a43ec21cd");
        EXPECT_EQ(keys_text(info.page().keys), "year:N title:S");
        EXPECT_FALSE(info.page().stream_enabled);
        EXPECT_TRUE(info.page().stream_arn.empty());
    }
    EXPECT_EQ(count, 5U);
}

}  // namespace
