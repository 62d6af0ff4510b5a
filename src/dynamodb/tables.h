// ListTables, DescribeTable and UpdateTable (DynamoDB API reference): requests and responses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "dynamodb/types.h"

namespace podyn::dynamodb {

[[nodiscard]] std::string list_tables_request(std::string_view after);
[[nodiscard]] std::string describe_table_request(std::string_view table);
[[nodiscard]] std::string enable_stream_request(std::string_view table, std::string_view view_type);

// Both own all that their views point into, and stay where they are made: a short body lives inside its string.
// Constructors throw base::Error.
class TableList {
  public:
    explicit TableList(std::string body);
    TableList(const TableList &) = delete;
    TableList &operator=(const TableList &) = delete;

    [[nodiscard]] dynamodb::TablesPage page() const { return {names_, last_name_}; }

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

    [[nodiscard]] const dynamodb::TableDescription &page() const { return description_; }

  private:
    std::string body_;
    base::Arena arena_;
    std::vector<dynamodb::KeyAttribute> keys_;
    std::vector<std::vector<dynamodb::KeyAttribute>> index_keys_;
    std::vector<std::vector<std::string_view>> included_;
    std::vector<dynamodb::IndexDescription> indexes_;
    dynamodb::TableDescription description_{};
};

}  // namespace podyn::dynamodb
