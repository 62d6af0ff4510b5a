// See manifest.h.
#include "exports/manifest.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/base64.h"
#include "base/digest.h"
#include "base/time_format.h"
#include "exports/corrupt.h"
#include "json/path_sink.h"

namespace podyn::exports {

namespace {

constexpr std::string_view kSummaryFile = "manifest-summary.json";
constexpr std::string_view kFilesFile = "manifest-files.json";

[[noreturn]] void refuse(std::string_view file, const std::string &why)
{
    throw corrupt_file(std::string(file) + " is not what DynamoDB writes: " + why, {});
}

void read(std::string_view text, std::string_view file, const std::string &place, json::Sink &sink)
{
    try {
        json::read(text, sink);
    } catch (const base::Error &error) {
        refuse(file, place + error.status.detail);
    }
}

// ---- manifest-summary.json -----------------------------------------------------------------------------------------

struct TextMember {
    std::string_view name;
    std::string_view ExportSummary::*member;
};
constexpr TextMember kTexts[] = {
    {"exportArn", &ExportSummary::export_arn},       {"tableArn", &ExportSummary::table_arn},
    {"tableId", &ExportSummary::table_id},           {"s3Bucket", &ExportSummary::s3_bucket},
    {"s3Prefix", &ExportSummary::s3_prefix},         {"manifestFilesS3Key", &ExportSummary::manifest_files_key},
    {"outputFormat", &ExportSummary::output_format}, {"outputView", &ExportSummary::output_view},
};

struct TimeMember {
    std::string_view name;
    std::int64_t ExportSummary::*member;
};
constexpr TimeMember kTimes[] = {
    {"startTime", &ExportSummary::start_time_us},   {"endTime", &ExportSummary::end_time_us},
    {"exportTime", &ExportSummary::export_time_us}, {"exportFromTime", &ExportSummary::from_time_us},
    {"exportToTime", &ExportSummary::to_time_us},
};

class SummarySink final : public json::PathSink {
  public:
    SummarySink(base::Arena &arena, ExportSummary &summary) : PathSink(arena), summary_(summary) {}

    std::string_view type;  // exportType; absent in the manifests of version 2020-06-30
    bool has_item_count = false;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (value.is_null())
            return;
        for (const TextMember &text : kTexts)
            if (path == text.name)
                summary_.*text.member = keep_string(path, value);
        for (const TimeMember &time : kTimes)
            if (path == time.name)
                summary_.*time.member = to_time(path, value);
        if (path == "exportType")
            type = keep_string(path, value);
        else if (path == "billedSizeBytes")
            summary_.billed_size_bytes = json::to_count(path, value);
        else if (path == "itemCount") {
            summary_.item_count = json::to_count(path, value);
            has_item_count = true;
        }
    }

  private:
    [[nodiscard]] std::int64_t to_time(std::string_view path, const json::Scalar &value)
    {
        const std::optional<std::int64_t> time = base::parse_iso_time(keep_string(path, value));
        if (!time)
            json::refuse(std::string(path) + " is not a time");
        return *time;
    }

    ExportSummary &summary_;
};

void require_in_summary(bool present, std::string_view member)
{
    if (!present)
        refuse(kSummaryFile, std::string(member) + " is missing");
}

void check_format(std::string_view format)
{
    require_in_summary(!format.empty(), "outputFormat");
    if (format == "ION")
        throw base::Error{base::make_status(base::Failure::kInvalid, "0A000", false,
                                            "export is in Amazon Ion format, which podyn does not read", {},
                                            "Export the table as DynamoDB JSON.")};
    if (format != "DYNAMODB_JSON")
        refuse(kSummaryFile, "outputFormat is not DYNAMODB_JSON");
}

bool is_incremental(std::string_view type, const ExportSummary &summary)
{
    if (!type.empty() && type != "FULL_EXPORT" && type != "INCREMENTAL_EXPORT")
        refuse(kSummaryFile, "exportType is neither FULL_EXPORT nor INCREMENTAL_EXPORT");
    return type.empty() ? summary.to_time_us != 0 : type == "INCREMENTAL_EXPORT";
}

void check_summary(const ExportSummary &summary, bool has_item_count)
{
    require_in_summary(!summary.export_arn.empty(), "exportArn");
    require_in_summary(!summary.table_arn.empty(), "tableArn");
    require_in_summary(summary.incremental || summary.export_time_us != 0, "exportTime");
    require_in_summary(!summary.incremental || summary.from_time_us != 0, "exportFromTime");
    require_in_summary(!summary.incremental || summary.to_time_us != 0, "exportToTime");
    if (!summary.finished)
        return;
    require_in_summary(!summary.s3_bucket.empty(), "s3Bucket");
    require_in_summary(!summary.manifest_files_key.empty(), "manifestFilesS3Key");
    require_in_summary(has_item_count, "itemCount");
}

// ---- manifest-files.json -------------------------------------------------------------------------------------------

class FileSink final : public json::PathSink {
  public:
    explicit FileSink(base::Arena &arena) : PathSink(arena) {}

    ExportFile file{};
    bool has_item_count = false;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (value.is_null())
            return;
        if (path == "dataFileS3Key") {
            file.key = keep_string(path, value);
        } else if (path == "md5Checksum") {
            file.md5 = keep_string(path, value);
        } else if (path == "etag") {
            file.etag = keep_string(path, value);
        } else if (path == "itemCount") {
            file.item_count = json::to_count(path, value);
            has_item_count = true;
        }
    }
};

bool is_md5(std::string_view text)
{
    return base::is_base64(text) && base::decoded_size(text) == sizeof(base::Md5::Digest);
}

ExportFile read_file(std::string_view line, const std::string &place, base::Arena &arena)
{
    FileSink sink(arena);
    read(line, kFilesFile, place, sink);
    if (sink.file.key.empty())
        refuse(kFilesFile, place + "dataFileS3Key is missing");
    if (sink.file.md5.empty())
        refuse(kFilesFile, place + "md5Checksum is missing");
    if (!is_md5(sink.file.md5))
        refuse(kFilesFile, place + "md5Checksum is not an MD5 in base64");
    if (!sink.has_item_count)
        refuse(kFilesFile, place + "itemCount is missing");
    return sink.file;
}

}  // namespace

Summary::Summary(std::string_view text) : text_(text)
{
    SummarySink sink(arena_, summary_);
    read(text_, kSummaryFile, {}, sink);
    check_format(summary_.output_format);
    summary_.incremental = is_incremental(sink.type, summary_);
    summary_.finished = summary_.end_time_us != 0;
    check_summary(summary_, sink.has_item_count);
}

FileList::FileList(std::string_view text) : text_(text)
{
    std::string_view rest = text_;
    for (std::size_t number = 1; !rest.empty(); ++number) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (line.find_first_not_of(" \t\r") != std::string_view::npos)
            files_.push_back(read_file(line, "line " + std::to_string(number) + ": ", arena_));
    }
}

}  // namespace podyn::exports
