// See exports.h.
#include "dynamodb/exports.h"

#include <utility>

#include "json/path_sink.h"
#include "json/writer.h"

namespace podyn::dynamodb {

namespace {

constexpr unsigned kExportsPerPage = 25;  // the most that ListExports takes

class BackupsSink final : public json::PathSink {
  public:
    BackupsSink(base::Arena &arena, BackupsDescription &description) : PathSink(arena), backups_(description) {}

    std::string_view status;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (!path.starts_with(kDescription) || value.is_null())
            return;
        const std::string_view member = path.substr(kDescription.size());
        if (member == "ContinuousBackupsStatus")
            status = keep_string(path, value);
        else if (member == "PointInTimeRecoveryDescription.PointInTimeRecoveryStatus")
            backups_.point_in_time_recovery = keep_string(path, value) == "ENABLED";
        else if (member == "PointInTimeRecoveryDescription.EarliestRestorableDateTime")
            backups_.earliest_us = json::to_time_us(path, value);
    }

  private:
    static constexpr std::string_view kDescription = "ContinuousBackupsDescription.";

    BackupsDescription &backups_;
};

class ExportListSink final : public json::PathSink {
  public:
    using PathSink::PathSink;

    std::vector<std::string_view> arns;
    std::string_view next_token;
    bool has_summaries = false;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (path == kArn)
            arns.push_back(keep_string(path, value));
        else if (path == kToken)
            next_token = keep_string(path, value);
    }

    void on_array(std::string_view path) override { has_summaries |= path == "ExportSummaries"; }

    [[nodiscard]] bool needs_scalar(std::string_view path) const override { return path == kArn || path == kToken; }

  private:
    static constexpr std::string_view kArn = "ExportSummaries[].ExportArn";
    static constexpr std::string_view kToken = "NextToken";
};

class ExportSink final : public json::PathSink {
  public:
    ExportSink(base::Arena &arena, ExportDescription &description) : PathSink(arena), export_(description) {}

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (path.starts_with(kDescription) && !value.is_null())
            set(path.substr(kDescription.size()), path, value);
    }

  private:
    static constexpr std::string_view kDescription = "ExportDescription.";

    // DescribeExport has been seen to leave ExportType out: an incremental export is one with a period.
    void set(std::string_view member, std::string_view path, const json::Scalar &value)
    {
        export_.incremental |= member.starts_with("IncrementalExportSpecification.");
        if (member == "ExportArn")
            export_.arn = keep_string(path, value);
        else if (member == "ExportStatus")
            export_.status = keep_string(path, value);
        else if (member == "ExportTime")
            export_.export_time_us = json::to_time_us(path, value);
        else if (member == "IncrementalExportSpecification.ExportToTime")
            export_.to_time_us = json::to_time_us(path, value);
        else if (member == "S3Bucket")
            export_.bucket = keep_string(path, value);
        else if (member == "ExportManifest")
            export_.manifest_key = keep_string(path, value);
        else if (member == "ItemCount")
            export_.item_count = json::to_count(path, value);
        else if (member == "BilledSizeBytes")
            export_.billed_bytes = json::to_count(path, value);
        else if (member == "FailureCode")
            export_.failure_code = keep_string(path, value);
        else if (member == "FailureMessage")
            export_.failure_message = keep_string(path, value);
    }

    ExportDescription &export_;
};

// Timestamps of JSON 1.0: seconds, with milliseconds as a fraction.
std::string seconds_text(std::int64_t ms)
{
    std::string text = std::to_string(ms / 1000);
    if (ms % 1000 != 0)
        text.append(".").append(std::to_string(1000 + ms % 1000).substr(1));
    return text;
}

void add_period(json::ObjectWriter &writer, const ExportRequest &request)
{
    json::ObjectWriter period;
    period.raw("ExportFromTime", seconds_text(request.from_ms));
    if (request.to_ms != kUnknown)
        period.raw("ExportToTime", seconds_text(request.to_ms));
    period.string("ExportViewType", "NEW_AND_OLD_IMAGES");
    writer.string("ExportType", "INCREMENTAL_EXPORT").raw("IncrementalExportSpecification", period.finish());
}

}  // namespace

std::string describe_backups_request(std::string_view table)
{
    return json::ObjectWriter().string("TableName", table).finish();
}

std::string export_request(const ExportRequest &request)
{
    json::ObjectWriter writer;
    writer.string("TableArn", request.table_arn).string("S3Bucket", request.bucket);
    if (!request.prefix.empty())
        writer.string("S3Prefix", request.prefix);
    writer.string("ClientToken", request.client_token).string("ExportFormat", "DYNAMODB_JSON");
    if (request.from_ms != kUnknown)
        add_period(writer, request);
    else if (request.to_ms != kUnknown)
        writer.raw("ExportTime", seconds_text(request.to_ms));
    return writer.finish();
}

std::string list_exports_request(std::string_view table_arn, std::string_view after)
{
    json::ObjectWriter writer;
    writer.string("TableArn", table_arn).number("MaxResults", kExportsPerPage);
    if (!after.empty())
        writer.string("NextToken", after);
    return writer.finish();
}

std::string describe_export_request(std::string_view export_arn)
{
    return json::ObjectWriter().string("ExportArn", export_arn).finish();
}

BackupsInfo::BackupsInfo(std::string body)
{
    base::Arena arena;
    BackupsSink sink(arena, description_);
    json::read(body, sink);
    json::require(!sink.status.empty(), "ContinuousBackupsDescription.ContinuousBackupsStatus");
}

ExportList::ExportList(std::string body) : body_(std::move(body))
{
    ExportListSink sink(arena_);
    json::read(body_, sink);
    json::require(sink.has_summaries, "ExportSummaries");
    arns_ = std::move(sink.arns);
    next_token_ = sink.next_token;
}

ExportInfo::ExportInfo(std::string body) : body_(std::move(body))
{
    ExportSink sink(arena_, description_);
    json::read(body_, sink);
    json::require(!description_.arn.empty(), "ExportDescription.ExportArn");
    json::require(!description_.status.empty(), "ExportDescription.ExportStatus");
}

}  // namespace podyn::dynamodb
