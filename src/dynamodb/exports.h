// Exports of tables to S3: DescribeContinuousBackups, ExportTableToPointInTime, ListExports and DescribeExport
// (DynamoDB API reference): requests and responses. What the exports hold is src/exports' affair.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "dynamodb/types.h"

namespace podyn::dynamodb {

[[nodiscard]] std::string describe_backups_request(std::string_view table);
[[nodiscard]] std::string export_request(const ExportRequest &request);
[[nodiscard]] std::string list_exports_request(std::string_view table_arn, std::string_view after);
[[nodiscard]] std::string describe_export_request(std::string_view export_arn);

// They own all that their views point into, and stay where they are made: a short body lives inside its string.
// Constructors throw base::Error.
class BackupsInfo {
  public:
    explicit BackupsInfo(std::string body);
    BackupsInfo(const BackupsInfo &) = delete;
    BackupsInfo &operator=(const BackupsInfo &) = delete;

    [[nodiscard]] const BackupsDescription &page() const { return description_; }

  private:
    BackupsDescription description_{false, kUnknown};
};

class ExportList {
  public:
    explicit ExportList(std::string body);
    ExportList(const ExportList &) = delete;
    ExportList &operator=(const ExportList &) = delete;

    [[nodiscard]] ExportsPage page() const { return {arns_, next_token_}; }

  private:
    std::string body_;
    base::Arena arena_;
    std::vector<std::string_view> arns_;
    std::string_view next_token_;
};

// The answer to DescribeExport and to ExportTableToPointInTime.
class ExportInfo {
  public:
    explicit ExportInfo(std::string body);
    ExportInfo(const ExportInfo &) = delete;
    ExportInfo &operator=(const ExportInfo &) = delete;

    [[nodiscard]] const ExportDescription &page() const { return description_; }

  private:
    std::string body_;
    base::Arena arena_;
    ExportDescription description_{};
};

}  // namespace podyn::dynamodb
