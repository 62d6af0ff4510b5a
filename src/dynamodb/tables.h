// ListTables and DescribeTable (DynamoDB API reference): requests and responses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "engine/operations.h"

namespace podyn::dynamodb {

[[nodiscard]] std::string list_tables_request(std::string_view after);
[[nodiscard]] std::string describe_table_request(std::string_view table);

// Both own all that their views point into, and stay where they are made: a short body lives inside its string.
// Constructors throw engine::Error.
class TableList {
  public:
    explicit TableList(std::string body);
    TableList(const TableList &) = delete;
    TableList &operator=(const TableList &) = delete;

    [[nodiscard]] engine::TablesPage page() const { return {names_, last_name_}; }

  private:
    std::string body_;
    base::Arena arena_;
    std::vector<std::string_view> names_;
    std::string_view last_name_;
};

class TableInfo {
  public:
    explicit TableInfo(std::string body);
    TableInfo(const TableInfo &) = delete;
    TableInfo &operator=(const TableInfo &) = delete;

    [[nodiscard]] const engine::TableDescription &page() const { return description_; }

  private:
    std::string body_;
    base::Arena arena_;
    std::vector<engine::KeyAttribute> keys_;
    std::vector<std::vector<engine::KeyAttribute>> index_keys_;
    std::vector<engine::IndexDescription> indexes_;
    engine::TableDescription description_{};
};

}  // namespace podyn::dynamodb
