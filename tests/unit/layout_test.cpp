// Where the column of each attribute and type stands.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/columns.h"

namespace {

using namespace podyn::engine;

class LayoutTest : public testing::Test {
  protected:
    LayoutTest() { EXPECT_TRUE(layout_create(&layout_).ok()); }
    ~LayoutTest() override { destroy(layout_); }

    Layout *layout_ = nullptr;
};

using ALayout = LayoutTest;

TEST_F(ALayout, knows_nothing_at_first)
{
    EXPECT_EQ(layout_find(layout_, "a", ColumnType::kText), kNoColumn);
    EXPECT_FALSE(layout_knows(layout_, "a"));
}

TEST_F(ALayout, finds_a_column_by_attribute_and_type)
{
    ASSERT_TRUE(layout_add(layout_, "a", ColumnType::kText, 0).ok());
    ASSERT_TRUE(layout_add(layout_, "a", ColumnType::kJsonb, 5).ok());
    ASSERT_TRUE(layout_add(layout_, "A", ColumnType::kText, 2).ok());
    EXPECT_EQ(layout_find(layout_, "a", ColumnType::kText), 0);
    EXPECT_EQ(layout_find(layout_, "a", ColumnType::kJsonb), 5);
    EXPECT_EQ(layout_find(layout_, "A", ColumnType::kText), 2);
    EXPECT_EQ(layout_find(layout_, "a", ColumnType::kNumeric), kNoColumn);
    EXPECT_EQ(layout_find(layout_, "a", ColumnType::kNone), kNoColumn);
    EXPECT_EQ(layout_find(layout_, "b", ColumnType::kText), kNoColumn);
}

TEST_F(ALayout, knows_an_attribute_that_has_a_column_of_any_type)
{
    ASSERT_TRUE(layout_add(layout_, "a", ColumnType::kBytea, 1).ok());
    EXPECT_TRUE(layout_knows(layout_, "a"));
    EXPECT_FALSE(layout_knows(layout_, "A"));
}

TEST_F(ALayout, takes_the_later_of_two_columns)
{
    ASSERT_TRUE(layout_add(layout_, "a", ColumnType::kText, 1).ok());
    ASSERT_TRUE(layout_add(layout_, "a", ColumnType::kText, 9).ok());
    EXPECT_EQ(layout_find(layout_, "a", ColumnType::kText), 9);
}

TEST_F(ALayout, copies_what_it_is_given)
{
    auto attribute = std::make_unique<std::string>("an attribute with a long name that lives on the heap");
    const std::string same = *attribute;
    ASSERT_TRUE(layout_add(layout_, *attribute, ColumnType::kText, 4).ok());
    attribute.reset();
    EXPECT_EQ(layout_find(layout_, same, ColumnType::kText), 4);
}

TEST_F(ALayout, refuses_a_column_without_type_or_number)
{
    EXPECT_EQ(layout_add(layout_, "a", ColumnType::kNone, 1).failure, Failure::kInvalid);
    EXPECT_EQ(layout_add(layout_, "a", ColumnType::kText, -1).failure, Failure::kInvalid);
    EXPECT_FALSE(layout_knows(layout_, "a"));
}

}  // namespace
