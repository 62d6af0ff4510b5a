// Items to DynamoDB JSON: what they look like, how AWS counts their bytes, and what is refused before it is sent.
#include "dynamodb/item_writer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/guard.h"
#include "dynamodb/scan.h"
#include "dynamodb/writes.h"

namespace {

using namespace podyn;
using dynamodb::KeyRules;
using dynamodb::Value;
using dynamodb::ValueType;
using dynamodb::WrittenItem;

const KeyRules kKey = {{{"pk", 'S', false}}, {}};

// The values of an item given as DynamoDB JSON.
class Parsed {
  public:
    explicit Parsed(std::string_view json)
    {
        const std::string_view documents[] = {json};
        page_ = std::make_unique<dynamodb::ItemPage>(documents, dynamodb::NulCharacters::kReject);
        EXPECT_FALSE(page_->page().items[0].problem.exists()) << page_->page().items[0].problem.message;
    }
    [[nodiscard]] std::span<const Value> values() const { return page_->page().items[0].values; }

  private:
    std::unique_ptr<dynamodb::ItemPage> page_;
};

WrittenItem write(std::string_view json, const KeyRules &rules = kKey)
{
    return dynamodb::write_item(Parsed(json).values(), rules);
}

std::string with_value(std::string_view value)
{
    return R"({"pk":{"S":"a"},"v":)" + std::string(value) + "}";
}

std::string refusal(std::string_view json, const KeyRules &rules = kKey)
{
    const base::Status status = base::guarded([&] {
        EXPECT_EQ(write(json, rules).json, "");
        return base::Status{};
    });
    EXPECT_EQ(status.failure, base::Failure::kInvalid);
    EXPECT_FALSE(status.retryable);
    return std::string(status.sqlstate) + " " + status.message;
}

std::size_t size_of(std::string_view value)
{
    return write(with_value(value)).size - write(R"({"pk":{"S":"a"}})").size - 1;  // its name
}

std::string nested(int levels)
{
    std::string text;
    for (int i = 0; i < levels; ++i)
        text += R"({"M":{"m":)";
    text += R"({"S":"x"})";
    for (int i = 0; i < levels; ++i)
        text += "}}";
    return text;
}

TEST(ItemWriter, writes_every_type_as_it_was)
{
    constexpr std::string_view kItem =
        R"({"pk":{"S":"a\"\u0001é"},"n":{"N":"-1.50"},"b":{"B":"AQI="},"t":{"BOOL":true},"f":{"BOOL":false},)"
        R"("z":{"NULL":true},"m":{"M":{"l":{"L":[{"B":"AQI="},{"L":[]},{"M":{}}]}}},"ss":{"SS":["x",""]},)"
        R"("ns":{"NS":["1","2"]},"bs":{"BS":["AQI="]},"e":{"S":""}})";
    const WrittenItem item = write(kItem);
    EXPECT_EQ(item.json, kItem);
    EXPECT_EQ(item.key, R"({"pk":{"S":"a\"\u0001é"}})");
}

TEST(ItemWriter, writes_long_numbers_with_an_exponent)
{
    const std::string zeros(125, '0');
    EXPECT_EQ(write(with_value(R"({"N":"-12)" + zeros.substr(1) + R"("})")).json, with_value(R"({"N":"-1.2E125"})"));
    EXPECT_EQ(write(with_value(R"({"N":"0.)" + zeros + R"(00001"})")).json, with_value(R"({"N":"1E-130"})"));
    EXPECT_EQ(write(with_value(R"({"N":")" + zeros + R"("})")).json, with_value(R"({"N":")" + zeros + R"("})"));
}

TEST(ItemWriter, counts_bytes_as_aws_does)
{
    EXPECT_EQ(write(R"({"pk":{"S":"äb"}})").size, 2U + 3U);
    EXPECT_EQ(size_of(R"({"B":"AQI="})"), 2U);
    EXPECT_EQ(size_of(R"({"BOOL":true})"), 1U);
    EXPECT_EQ(size_of(R"({"NULL":true})"), 1U);
    EXPECT_EQ(size_of(R"({"N":"0"})"), 2U);
    EXPECT_EQ(size_of(R"({"N":"-100.50"})"), 2U + 2U);
    EXPECT_EQ(size_of(R"({"N":"12345678901234567890123456789012345678"})"), 20U);
    EXPECT_EQ(size_of(R"({"L":[]})"), 3U);
    EXPECT_EQ(size_of(R"({"M":{"ab":{"S":"xyz"}}})"), 3U + 1U + 2U + 3U);
    EXPECT_EQ(size_of(R"({"SS":["ab","c"]})"), 3U + 3U);
}

TEST(ItemWriter, takes_what_dynamodb_just_takes)
{
    EXPECT_EQ(refusal(R"({"pk":{"S":""}})"), "22023 attribute \"pk\" is empty, which a key must not be");
    write(R"({"pk":{"S":")" + std::string(2048, 'x') + R"("}})");
    write(with_value(nested(31)));
    const std::size_t room = dynamodb::kMostItemBytes - 3 - 1;
    EXPECT_EQ(write(with_value(R"({"S":")" + std::string(room, 'x') + R"("})")).size, dynamodb::kMostItemBytes);
    EXPECT_EQ(refusal(with_value(R"({"S":")" + std::string(room + 1, 'x') + R"("})")),
              "54000 the item has 409601 bytes, more than DynamoDB's 400 KB");
}

TEST(ItemWriter, refuses_what_dynamodb_would)
{
    EXPECT_EQ(refusal(with_value(nested(32))), "54001 attribute \"v\" is nested more than 32 levels deep");
    EXPECT_EQ(refusal(with_value(R"({"SS":[]})")),
              "22023 attribute \"v\" is a set without members, which DynamoDB does not have");
    EXPECT_EQ(refusal(with_value(R"({"L":[{"NS":["1","1.0"]}]})")),
              "22023 attribute \"v\" is a set with a member twice: 1.0");
    EXPECT_EQ(refusal(with_value(R"({"N":"123456789012345678901234567890123456789"})")),
              "22003 attribute \"v\" has a number of 39 digits; DynamoDB keeps 38");
    EXPECT_EQ(refusal(with_value(R"({"N":"1E126"})")),
              "22003 attribute \"v\" has a number beyond DynamoDB's, which go from 1E-130 to 9.99E+125");
    EXPECT_EQ(refusal(with_value(R"({"N":"1E-131"})")).substr(0, 5), "22003");
    EXPECT_EQ(refusal(with_value(R"({"M":{"":{"S":"x"}}})")),
              "22023 attribute \"v\" has a name inside of it that is empty or longer than 65,535 bytes");
    EXPECT_EQ(refusal(R"({"pk":{"S":"a"},"":{"S":"x"}})").substr(0, 5), "22023");
    EXPECT_EQ(refusal(R"({"v":{"S":"x"}})"), "23502 attribute \"pk\" is missing, which is of the table's key");
    EXPECT_EQ(refusal(R"({"pk":{"N":"1"}})"), "42804 attribute \"pk\" is of type N, as a key it has to be of type S");
    EXPECT_EQ(refusal(R"({"pk":{"S":")" + std::string(2049, 'x') + R"("}})"),
              "54000 attribute \"pk\" is a partition key of more than 2048 bytes");
    const KeyRules rules = {{{"pk", 'S', false}, {"sk", 'B', true}}, {{"i", 'N', false}}};
    EXPECT_EQ(refusal(R"({"pk":{"S":"a"},"sk":{"B":")" + std::string(1368, 'A') + R"("}})", rules),
              "54000 attribute \"sk\" is a sort key of more than 1024 bytes");
    EXPECT_EQ(refusal(R"({"pk":{"S":"a"},"sk":{"B":"AQI="},"i":{"S":"x"}})", rules),
              "42804 attribute \"i\" is of type S, as a key it has to be of type N");
}

TEST(SameItem, goes_by_value_and_knows_no_order_of_sets_and_names)
{
    const auto same = [](std::string_view left, std::string_view right) {
        return dynamodb::same_item(Parsed(left).values(), Parsed(right).values());
    };
    EXPECT_TRUE(same(R"({"a":{"N":"1.0"},"b":{"SS":["x","y"]},"c":{"M":{"d":{"L":[{"N":"10"}]},"e":{"NULL":true}}}})",
                     R"({"b":{"SS":["y","x"]},"c":{"M":{"e":{"NULL":true},"d":{"L":[{"N":"1E1"}]}}},"a":{"N":"1"}})"));
    EXPECT_FALSE(same(R"({"a":{"N":"1"}})", R"({"a":{"S":"1"}})"));
    EXPECT_FALSE(same(R"({"a":{"L":[{"N":"1"},{"N":"2"}]}})", R"({"a":{"L":[{"N":"2"},{"N":"1"}]}})"));
    EXPECT_FALSE(same(R"({"a":{"N":"1"}})", R"({"a":{"N":"1"},"b":{"BOOL":true}})"));
    EXPECT_FALSE(same(R"({"a":{"BOOL":false}})", R"({"a":{"BOOL":true}})"));
}

TEST(WriteRequests, are_as_dynamodb_wants_them)
{
    const dynamodb::BatchedWrite writes[] = {{false, R"({"pk":{"S":"a"}})"}, {true, R"({"pk":{"S":"b"}})"}};
    EXPECT_EQ(dynamodb::batch_write_request("t.1", writes),
              R"({"RequestItems":{"t.1":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}},)"
              R"({"DeleteRequest":{"Key":{"pk":{"S":"b"}}}}]},"ReturnConsumedCapacity":"TOTAL"})");
    EXPECT_EQ(dynamodb::put_new_request("t", "size", R"({"size":{"S":"a"}})"),
              R"x({"TableName":"t","Item":{"size":{"S":"a"}},"ConditionExpression":"attribute_not_exists(#k)",)x"
              R"("ExpressionAttributeNames":{"#k":"size"},"ReturnValuesOnConditionCheckFailure":"ALL_OLD",)"
              R"("ReturnConsumedCapacity":"TOTAL"})");
    const std::string_view names[] = {"name", "a.b"};
    const std::string values[] = {R"({"S":"x"})", R"({"N":"1"})"};
    const std::string_view removed[] = {"old"};
    EXPECT_EQ(dynamodb::update_request({"t", "pk", R"({"pk":{"S":"a"}})", names, values, removed}),
              R"({"TableName":"t","Key":{"pk":{"S":"a"}},"UpdateExpression":"SET #0 = :0, #1 = :1 REMOVE #2",)"
              R"x("ConditionExpression":"attribute_exists(#3)",)x"
              R"("ExpressionAttributeNames":{"#0":"name","#1":"a.b","#2":"old","#3":"pk"},)"
              R"("ExpressionAttributeValues":{":0":{"S":"x"},":1":{"N":"1"}},"ReturnConsumedCapacity":"TOTAL"})");
}

TEST(WriteAnswers, tell_what_was_left_undone_by_its_key)
{
    const std::string_view keys[] = {"pk"};
    const dynamodb::WriteAnswer answer = dynamodb::parse_write_answer(
        R"({"UnprocessedItems":{"t.1":[{"PutRequest":{"Item":{"x":{"X":1},"pk":{"N":"1.0"}}}},)"
        R"({"DeleteRequest":{"Key":{"pk":{"N":"2"}}}}]},"ConsumedCapacity":[{"TableName":"t.1","CapacityUnits":3.0}]})",
        keys);
    EXPECT_EQ(answer.write_units, 3.0);
    ASSERT_EQ(answer.unprocessed.size(), 2U);
    EXPECT_EQ(answer.unprocessed[0], dynamodb::digest_of_key(R"({"pk":{"N":"1"}})", keys));
    EXPECT_EQ(dynamodb::parse_write_answer(R"({"UnprocessedItems":{}})", keys).unprocessed.size(), 0U);
    EXPECT_EQ(dynamodb::parse_write_answer(R"({"ConsumedCapacity":{"CapacityUnits":2}})", keys).write_units, 2);
    EXPECT_THROW((void)dynamodb::parse_write_answer(R"({"UnprocessedItems":{"t":[{"Other":{}}]}})", keys), base::Error);
}

TEST(WriteAnswers, tell_whether_a_condition_met_the_item_itself)
{
    constexpr std::string_view kSent = R"({"pk":{"S":"a"},"s":{"SS":["x","y"]}})";
    EXPECT_TRUE(dynamodb::holds_item(
        R"({"__type":"x#ConditionalCheckFailedException","Item":{"s":{"SS":["y","x"]},"pk":{"S":"a"}}})", kSent));
    EXPECT_FALSE(dynamodb::holds_item(R"({"__type":"x","Item":{"pk":{"S":"a"}}})", kSent));
    EXPECT_FALSE(dynamodb::holds_item(R"({"__type":"x"})", kSent));
}

}  // namespace
