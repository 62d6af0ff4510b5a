// Expressions: what stands in key conditions, filters and projections, and in the placeholders beside them.
#include "dynamodb/expressions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "dynamodb/decimal.h"
#include "dynamodb/reads.h"

namespace {

using namespace podyn;
using dynamodb::Condition;
using dynamodb::Expressions;
using dynamodb::Operand;
using Asked = dynamodb::Test;
using dynamodb::ValueType;

constexpr std::uint32_t kS = 1U << static_cast<unsigned>(ValueType::kString);
constexpr std::uint32_t kN = 1U << static_cast<unsigned>(ValueType::kNumber);
constexpr std::uint32_t kL = 1U << static_cast<unsigned>(ValueType::kList);

constexpr Operand kX = {ValueType::kString, "x", false};
constexpr Operand kFive = {ValueType::kNumber, "5", false};
constexpr Operand kOperands[] = {kX, {ValueType::kString, "y", false}};

Condition equal(std::string_view attribute, const Operand &operand)
{
    return {Asked::kEqual, 0, attribute, {&operand, 1}, 0};
}

std::string filter_of(const std::vector<Condition> &conditions)
{
    return Expressions().filter(conditions);
}

TEST(Expressions, put_names_and_values_into_placeholders)
{
    Expressions expressions;
    EXPECT_EQ(expressions.filter(std::vector{equal("a.\"b", kX), equal("n", kFive), equal("a.\"b", kFive)}),
              "#0 = :0 AND #1 = :1 AND #0 = :1");
    EXPECT_EQ(expressions.names_json(), R"({"#0":"a.\"b","#1":"n"})");
    EXPECT_EQ(expressions.values_json(), R"({":0":{"S":"x"},":1":{"N":"5"}})");
}

TEST(Expressions, write_every_type_of_value)
{
    EXPECT_EQ(dynamodb::operand_json({ValueType::kBinary, "\x01\x02", false}), R"({"B":"AQI="})");
    EXPECT_EQ(dynamodb::operand_json({ValueType::kBool, {}, true}), R"({"BOOL":true})");
    EXPECT_EQ(dynamodb::operand_json({ValueType::kString, "", false}), R"({"S":""})");
}

TEST(Expressions, let_strings_through_that_arrive_as_others)
{
    Expressions expressions;
    EXPECT_EQ(expressions.filter(std::vector{Condition{Asked::kLess, 0, "a", {&kX, 1}, 0}}),
              "#0 < :0 OR contains(#0, :1)");
    EXPECT_EQ(expressions.values_json(), R"({":0":{"S":"x"},":1":{"S":"\u0000"}})");
    EXPECT_EQ(filter_of({{Asked::kGreaterOrEqual, 0, "n", {&kFive, 1}, 0}}), "#0 >= :0");
}

TEST(Expressions, ask_for_the_type_where_absence_would_do)
{
    EXPECT_EQ(filter_of({{Asked::kNotIn, 0, "a", kOperands, kS}}), "attribute_type(#0, :0) AND #0 <> :1 AND #0 <> :2");
    EXPECT_EQ(filter_of({{Asked::kIsNull, 0, "a", {}, kS}}), "NOT attribute_type(#0, :0)");
    EXPECT_EQ(filter_of({{Asked::kIsNull, 0, "a", {}, kN | kL}}),
              "NOT (attribute_type(#0, :0) OR attribute_type(#0, :1))");
    EXPECT_EQ(filter_of({{Asked::kContains, 0, "a", {&kX, 1}, kS}}), "attribute_type(#0, :0) AND contains(#0, :1)");
}

TEST(Expressions, group_with_parentheses_only_where_they_mean_something)
{
    const Condition any = {Asked::kAny, 2, {}, {}, 0};
    const Condition all = {Asked::kAll, 2, {}, {}, 0};
    const Condition x = equal("x", kX);
    EXPECT_EQ(filter_of({any, x, x}), "#0 = :0 OR #0 = :0");
    EXPECT_EQ(filter_of({x, any, x, all, x, x}), "#0 = :0 AND (#0 = :0 OR (#0 = :0 AND #0 = :0))");
}

TEST(Expressions, leave_out_what_cannot_be_said_and_never_narrow_what_is_let_through)
{
    const Condition any = {Asked::kAny, 2, {}, {}, 0};
    const Condition all = {Asked::kAll, 2, {}, {}, 0};
    const Condition unknown = {Asked::kUnknown, 0, {}, {}, 0};
    const Condition x = equal("x", kX);
    EXPECT_EQ(filter_of({unknown, x}), "#0 = :0");
    EXPECT_EQ(filter_of({all, unknown, x}), "#0 = :0");
    EXPECT_EQ(filter_of({all, unknown, unknown, x}), "#0 = :0");

    Expressions expressions;
    EXPECT_EQ(expressions.filter(std::vector{any, equal("gone", kFive), unknown, x}), "#0 = :0");
    EXPECT_EQ(expressions.names_json(), R"({"#0":"x"})") << "placeholders that nothing uses are refused";
    EXPECT_EQ(expressions.values_json(), R"({":0":{"S":"x"}})");
}

TEST(Expressions, divide_long_lists)
{
    const std::vector<Operand> operands(150, kX);
    const std::string filter = filter_of({{Asked::kIn, 0, "a", operands, 0}});
    EXPECT_EQ(std::count(filter.begin(), filter.end(), ':'), 150);
    EXPECT_NE(filter.find(") OR #0 IN ("), std::string::npos);
}

TEST(Expressions, stay_within_the_limits)
{
    const std::vector<Operand> operands(301, kX);
    EXPECT_EQ(filter_of({equal("x", kX), {Asked::kIn, 0, "a", operands, 0}, equal("x", kFive)}), "#0 = :0 AND #0 = :1");
    std::vector<std::string> names;
    for (int i = 0; i < 1000; ++i)
        names.push_back("attribute" + std::to_string(i));
    const std::vector<std::string_view> views(names.begin(), names.end());
    Expressions expressions;
    EXPECT_EQ(expressions.projection(views), "");
    EXPECT_EQ(expressions.names_json(), "");
    EXPECT_EQ(expressions.projection({views.data(), 2}), "#0, #1");
}

// Each value was compared with all before it, though the list could not be said in the end: a list of 100,000 took
// a dozen seconds, one of a million twenty minutes, in which no cancel was heard.
TEST(Expressions, do_not_begin_a_list_that_cannot_fit)
{
    std::vector<std::string> texts;
    for (int i = 0; i < 1'000'000; ++i)
        texts.push_back(std::to_string(i));
    std::vector<Operand> operands;
    for (const std::string &text : texts)
        operands.push_back({ValueType::kNumber, text, false});
    const Condition list = {Asked::kIn, 0, "a", operands, kN};
    const std::vector<Condition> conditions = {{Asked::kAny, 2, {}, {}, 0}, list, equal("x", kX), equal("x", kFive)};
    Expressions expressions;
    EXPECT_EQ(expressions.filter(conditions), "#0 = :0");
    EXPECT_EQ(expressions.values_json(), R"({":0":{"N":"5"}})");
}

TEST(Expressions, say_what_key_is_looked_for)
{
    const dynamodb::KeyValue partition[] = {{"pk", kX}};
    const Condition between = {Asked::kBetween, 0, "sk", kOperands, 0};
    const Condition prefix = {Asked::kBeginsWith, 0, "sk", {&kX, 1}, 0};
    const Condition less = {Asked::kLess, 0, "sk", {&kX, 1}, 0};
    EXPECT_EQ(Expressions().key_condition(partition, nullptr), "#0 = :0");
    EXPECT_EQ(Expressions().key_condition(partition, &between), "#0 = :0 AND #1 BETWEEN :0 AND :1");
    EXPECT_EQ(Expressions().key_condition(partition, &prefix), "#0 = :0 AND begins_with(#1, :0)");
    EXPECT_EQ(Expressions().key_condition(partition, &less), "#0 = :0 AND #1 < :0");
}

TEST(Reads, ask_for_what_is_wanted)
{
    const std::string_view projection[] = {"pk", "size"};
    const Condition filter = equal("size", kFive);
    const dynamodb::KeyValue partition[] = {{"pk", kX}};
    const dynamodb::ReadOptions options = {"t", "i", false, projection, {&filter, 1}, false, 7, R"({"pk":{"S":"a"}})"};
    EXPECT_EQ(dynamodb::query_request({options, partition, nullptr, true}),
              R"({"KeyConditionExpression":"#0 = :0","ScanIndexForward":false,"TableName":"t","IndexName":"i",)"
              R"("FilterExpression":"#1 = :1","ProjectionExpression":"#0, #1",)"
              R"("ExpressionAttributeNames":{"#0":"pk","#1":"size"},)"
              R"("ExpressionAttributeValues":{":0":{"S":"x"},":1":{"N":"5"}},"ConsistentRead":false,"Limit":7,)"
              R"("ExclusiveStartKey":{"pk":{"S":"a"}},"ReturnConsumedCapacity":"TOTAL"})");
    dynamodb::ReadOptions count{};
    count.table = "t";
    count.projection = projection;
    count.count_only = true;
    EXPECT_EQ(dynamodb::read_request({count, 1, 2}),
              R"({"Segment":1,"TotalSegments":2,"TableName":"t","Select":"COUNT","ConsistentRead":false,)"
              R"("ReturnConsumedCapacity":"TOTAL"})");
    EXPECT_EQ(dynamodb::get_request(options, R"({"pk":{"S":"x"}})"),
              R"({"TableName":"t","Key":{"pk":{"S":"x"}},"ProjectionExpression":"#0, #1",)"
              R"("ExpressionAttributeNames":{"#0":"pk","#1":"size"},"ConsistentRead":false,)"
              R"("ReturnConsumedCapacity":"TOTAL"})");
}

bool fits(std::string_view digits)
{
    return dynamodb::fits_dynamodb(*dynamodb::parse_decimal(digits));
}

TEST(Numbers, fit_dynamodb_up_to_its_limits)
{
    EXPECT_TRUE(fits("0"));
    EXPECT_TRUE(fits("-12345678901234567890123456789012345678"));
    EXPECT_FALSE(fits("123456789012345678901234567890123456789"));
    EXPECT_TRUE(fits("1234567890123456789012345678901234567800000"));
    EXPECT_TRUE(fits("9.9999999999999999999999999999999999999E125"));
    EXPECT_FALSE(fits("1E126"));
    EXPECT_TRUE(fits("1E-130"));
    EXPECT_FALSE(fits("9E-131"));
}

}  // namespace
