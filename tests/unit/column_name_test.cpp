// What columns and indexes are called.
#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/columns.h"

namespace {

using namespace podyn::engine;

struct Rules {
    ColumnType type = ColumnType::kText;
    bool typed = false;
    bool lower_case = false;
    std::vector<std::string_view> taken = {};
};

std::string name(std::string_view attribute, const Rules &rules = {})
{
    ColumnName name;
    EXPECT_TRUE(choose_column_name(attribute, rules.type, rules.typed, rules.lower_case, rules.taken, &name).ok());
    return name.text;
}

std::string name_of_index(std::string_view table, std::string_view index,
                          const std::vector<std::string_view> &taken = {})
{
    ColumnName name;
    EXPECT_TRUE(choose_index_name(table, index, taken, &name).ok());
    return name.text;
}

bool has_digits(std::string_view name, std::size_t count = 8)
{
    return name.size() > count && name[name.size() - count - 1] == '_' &&
           name.substr(name.size() - count).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void expect_hashed(std::string_view chosen, std::string_view head)
{
    EXPECT_TRUE(has_digits(chosen)) << chosen;
    EXPECT_EQ(chosen.substr(0, chosen.size() - 9), head);
    EXPECT_LE(chosen.size(), 63U);
}

std::string repeated(std::string_view text, std::size_t count)
{
    std::string result;
    while (count-- > 0)
        result += text;
    return result;
}

TEST(ColumnType, follows_from_the_attributes_type)
{
    EXPECT_EQ(column_type_name(column_type(ValueType::kString)), "text");
    EXPECT_EQ(column_type_name(column_type(ValueType::kNumber)), "numeric");
    EXPECT_EQ(column_type_name(column_type(ValueType::kBinary)), "bytea");
    EXPECT_EQ(column_type_name(column_type(ValueType::kBool)), "boolean");
    for (const ValueType type :
         {ValueType::kMap, ValueType::kList, ValueType::kStringSet, ValueType::kNumberSet, ValueType::kBinarySet})
        EXPECT_EQ(column_type_name(column_type(type)), "jsonb");
    EXPECT_EQ(column_type(ValueType::kNull), ColumnType::kNone);
}

TEST(ColumnName, is_the_attributes_own_where_possible)
{
    for (const std::string_view attribute :
         {"a", "Mixed Case", "select", "a\"b", "1", "été", "-", "Xmin", "podyn", "_podyn_"})
        EXPECT_EQ(name(attribute), attribute);
}

TEST(ColumnName, carries_the_type_if_another_type_has_the_plain_name)
{
    EXPECT_EQ(name("a", {.type = ColumnType::kNumeric, .typed = true, .taken = {"a"}}), "a_numeric");
    EXPECT_EQ(name("xmin", {.type = ColumnType::kJsonb, .typed = true}), "xmin_jsonb");
}

TEST(ColumnName, is_lower_cased_in_ascii_only)
{
    EXPECT_EQ(name("AbZÉ@[`{", {.lower_case = true}), "abzÉ@[`{");
    EXPECT_EQ(name("AbZ"), "AbZ");
}

TEST(ColumnName, minds_the_case_of_what_is_taken)
{
    EXPECT_EQ(name("Name", {.taken = {"name"}}), "Name");
    expect_hashed(name("Name", {.lower_case = true, .taken = {"name"}}), "name");
}

TEST(ColumnName, fits_into_63_bytes)
{
    const std::string fits(63, 'x');
    EXPECT_EQ(name(fits), fits);
    expect_hashed(name(fits + "x"), std::string(54, 'x'));
    expect_hashed(name(std::string(65'535, 'x')), std::string(54, 'x'));
    expect_hashed(name(std::string(60, 'x'), {.typed = true}), std::string(54, 'x'));
}

TEST(ColumnName, is_cut_at_a_character)
{
    EXPECT_EQ(name(repeated("é", 31) + "x"), repeated("é", 31) + "x");
    expect_hashed(name(repeated("é", 32)), repeated("é", 27));
    expect_hashed(name("x" + repeated("é", 32)), "x" + repeated("é", 26));
    expect_hashed(name(repeated("😀", 16)), repeated("😀", 13));
}

TEST(ColumnName, avoids_what_postgresql_and_podyn_keep_for_themselves)
{
    for (const std::string_view attribute :
         {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "podyn_x", "PODYN_x", "Podyn_"})
        expect_hashed(name(attribute), attribute);
    expect_hashed(name("XMIN", {.lower_case = true}), "xmin");
    expect_hashed(name(""), "");
    expect_hashed(name(std::string_view("a\0b", 3)), "a");
}

TEST(ColumnName, is_the_same_each_time_and_differs_by_attribute_and_type)
{
    const std::string attribute(70, 'x');
    EXPECT_EQ(name(attribute), name(attribute, {.taken = {"other"}}));
    EXPECT_NE(name(attribute), name(attribute + "y"));
    EXPECT_NE(name(attribute), name(attribute, {.type = ColumnType::kNumeric}));
}

TEST(ColumnName, gets_more_digits_if_the_first_eight_are_taken_too)
{
    const std::string first = name("a", {.taken = {"a"}});
    const std::string second = name("a", {.taken = {"a", first}});
    EXPECT_TRUE(has_digits(second, 16)) << second;
    EXPECT_TRUE(second.starts_with(first));
    const std::string third = name("a", {.taken = {"a", first, second}});
    EXPECT_TRUE(has_digits(third, 16)) << third;
    EXPECT_NE(second, third);
    EXPECT_EQ(third, name("a", {.taken = {second, "a", first}}));
}

TEST(IndexName, joins_table_and_index_under_the_same_rules)
{
    EXPECT_EQ(name_of_index("movies", "by-Year"), "movies_by-Year");
    expect_hashed(name_of_index("movies", "by-Year", {"movies_by-Year"}), "movies_by-Year");
    expect_hashed(name_of_index(std::string(40, 't'), std::string(40, 'i')),
                  std::string(40, 't') + "_" + std::string(13, 'i'));
    EXPECT_NE(name_of_index(std::string(70, 't'), "a"), name_of_index(std::string(70, 't'), "b"));
}

}  // namespace
