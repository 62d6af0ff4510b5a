// Manifests of exports: what they say, and what is missing or wrong in them.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/time_format.h"
#include "engine/files.h"

namespace {

using namespace podyn;

constexpr std::string_view kFull =
    R"({"version":"2020-06-30","exportArn":"arn:e","startTime":"2024-05-14T11:14:20.608Z",)"
    R"("endTime":"2024-05-14T11:19:26.869Z","tableArn":"arn:t","tableId":"id","exportTime":"2024-05-14T11:00:00.000Z",)"
    R"("s3Bucket":"b","s3Prefix":"p","s3SseAlgorithm":"AES256","s3SseKmsKeyId":null,"manifestFilesS3Key":"p\/files",)"
    R"("billedSizeBytes":19,"itemCount":3,"outputFormat":"DYNAMODB_JSON"})";

constexpr std::string_view kIncremental =
    R"({"version":"2023-08-01","exportArn":"arn:e","startTime":"2024-05-14T11:14:20.608Z",)"
    R"("endTime":"2024-05-14T11:19:26.869Z","tableArn":"arn:t","exportFromTime":"2024-05-13T11:00:00Z",)"
    R"("exportToTime":"2024-05-14T11:00:00Z","s3Bucket":"b","s3Prefix":null,"manifestFilesS3Key":"files",)"
    R"("billedSizeBytes":0,"itemCount":0,"outputFormat":"DYNAMODB_JSON","outputView":"NEW_IMAGE",)"
    R"("exportType":"INCREMENTAL_EXPORT"})";

constexpr std::string_view kFiles =
    R"({"itemCount":3,"md5Checksum":"rzAeIrtALbOlNdK5Hh8tgA==","etag":"x-1","dataFileS3Key":"p\/data\/a.json.gz"})"
    "\r\n\n"
    R"({"itemCount":0,"md5Checksum":"1B2M2Y8AsgTpgAmY7PhCfg==","dataFileS3Key":"p/data/b.json.gz"})";

std::string replaced(std::string_view text, std::string_view from, std::string_view to)
{
    std::string changed(text);
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return changed.replace(at, from.size(), to);
}

base::Status summary_status(std::string_view text, engine::ExportSummary *summary)
{
    engine::Summary *handle = nullptr;
    const base::Status status = engine::parse_export_summary(text, &handle, summary);
    EXPECT_EQ(handle != nullptr, status.ok());
    engine::destroy(handle);
    return status;
}

base::Status summary_status(std::string_view text)
{
    engine::ExportSummary summary;
    return summary_status(text, &summary);
}

base::Status files_status(std::string_view text)
{
    engine::FileList *handle = nullptr;
    std::span<const engine::ExportFile> files;
    const base::Status status = engine::parse_export_files(text, &handle, &files);
    EXPECT_EQ(handle != nullptr, status.ok());
    engine::destroy(handle);
    return status;
}

void expect_refused(const base::Status &status, const std::string &message)
{
    EXPECT_EQ(status.failure, base::Failure::kCorrupt);
    EXPECT_FALSE(status.retryable);
    EXPECT_EQ(status.message, message);
}

void expect_summary_refused(std::string_view text, const std::string &why)
{
    expect_refused(summary_status(text), "manifest-summary.json is not what DynamoDB writes: " + why);
}

void expect_files_refused(std::string_view text, const std::string &why)
{
    expect_refused(files_status(text), "manifest-files.json is not what DynamoDB writes: " + why);
}

TEST(ExportSummary, of_a_full_export_gives_all_that_podyn_asks_of_it)
{
    engine::Summary *handle = nullptr;
    engine::ExportSummary summary;
    ASSERT_TRUE(engine::parse_export_summary(std::string(kFull), &handle, &summary).ok());
    EXPECT_EQ(summary.export_arn, "arn:e");
    EXPECT_EQ(summary.table_arn, "arn:t");
    EXPECT_EQ(summary.table_id, "id");
    EXPECT_EQ(summary.s3_bucket, "b");
    EXPECT_EQ(summary.s3_prefix, "p");
    EXPECT_EQ(summary.manifest_files_key, "p/files");
    EXPECT_EQ(summary.output_format, "DYNAMODB_JSON");
    EXPECT_EQ(summary.output_view, "");
    EXPECT_EQ(summary.start_time_us, 1715685260608000);
    EXPECT_EQ(summary.end_time_us, 1715685566869000);
    EXPECT_EQ(summary.export_time_us, base::parse_iso_time("2024-05-14T11:00:00Z"));
    EXPECT_EQ(summary.from_time_us, 0);
    EXPECT_EQ(summary.to_time_us, 0);
    EXPECT_EQ(summary.item_count, 3);
    EXPECT_EQ(summary.billed_size_bytes, 19);
    EXPECT_FALSE(summary.incremental);
    EXPECT_TRUE(summary.finished);
    engine::destroy(handle);
}

TEST(ExportSummary, of_an_incremental_export_gives_its_period)
{
    engine::ExportSummary summary;
    for (const std::string &text :
         {std::string(kIncremental), replaced(kIncremental, R"(,"exportType":"INCREMENTAL_EXPORT")", "")}) {
        EXPECT_TRUE(summary_status(text, &summary).ok());
        EXPECT_TRUE(summary.incremental);
        EXPECT_EQ(summary.from_time_us, base::parse_iso_time("2024-05-13T11:00:00Z"));
        EXPECT_EQ(summary.to_time_us, base::parse_iso_time("2024-05-14T11:00:00Z"));
    }
}

TEST(ExportSummary, without_an_end_is_not_finished)
{
    engine::ExportSummary summary;
    std::string text = replaced(kFull, R"("2024-05-14T11:19:26.869Z")", "null");
    text = replaced(text, R"("itemCount":3,)", "");
    EXPECT_TRUE(summary_status(text, &summary).ok());
    EXPECT_FALSE(summary.finished);
}

TEST(ExportSummary, names_the_member_that_is_missing_or_wrong)
{
    for (const std::string member :
         {"exportArn", "tableArn", "exportTime", "outputFormat", "s3Bucket", "manifestFilesS3Key", "itemCount"})
        expect_summary_refused(replaced(kFull, '"' + member + '"', "\"x\""), member + " is missing");
    for (const std::string member : {"exportFromTime", "exportToTime"})
        expect_summary_refused(replaced(kIncremental, '"' + member + '"', "\"x\""), member + " is missing");
    expect_summary_refused(replaced(kFull, "\"b\"", "1"), "s3Bucket is not a string");
    expect_summary_refused(replaced(kFull, ":3,", ":\"3\","), "itemCount is not a number");
    expect_summary_refused(replaced(kFull, ":3,", ":-3,"), "itemCount is not a count");
    expect_summary_refused(replaced(kFull, "2024-05-14T11:00", "yesterday"), "exportTime is not a time");
    expect_summary_refused(replaced(kIncremental, "INCREMENTAL_EXPORT", "OTHER"),
                           "exportType is neither FULL_EXPORT nor INCREMENTAL_EXPORT");
    expect_summary_refused(replaced(kFull, "DYNAMODB_JSON", "CSV"), "outputFormat is not DYNAMODB_JSON");
    expect_summary_refused("{", "Missing a name for object member. at byte 1");
    expect_summary_refused("", "The document is empty. at byte 0");
}

TEST(ExportSummary, refuses_ion_by_name)
{
    const base::Status status = summary_status(replaced(kFull, "DYNAMODB_JSON", "ION"));
    EXPECT_EQ(status.failure, base::Failure::kInvalid);
    EXPECT_STREQ(status.sqlstate, "0A000");
    EXPECT_STREQ(status.message, "export is in Amazon Ion format, which podyn does not read");
    EXPECT_STREQ(status.hint, "Export the table as DynamoDB JSON.");
}

TEST(ExportFiles, are_listed_line_by_line)
{
    engine::FileList *handle = nullptr;
    std::span<const engine::ExportFile> files;
    ASSERT_TRUE(engine::parse_export_files(std::string(kFiles), &handle, &files).ok());
    ASSERT_EQ(files.size(), 2U);
    EXPECT_EQ(files[0].key, "p/data/a.json.gz");
    EXPECT_EQ(files[0].md5, "rzAeIrtALbOlNdK5Hh8tgA==");
    EXPECT_EQ(files[0].etag, "x-1");
    EXPECT_EQ(files[0].item_count, 3);
    EXPECT_EQ(files[1].key, "p/data/b.json.gz");
    EXPECT_EQ(files[1].etag, "");
    EXPECT_EQ(files[1].item_count, 0);
    engine::destroy(handle);
    EXPECT_TRUE(files_status("").ok());
}

TEST(ExportFiles, name_line_and_member_that_is_missing_or_wrong)
{
    const std::string third = std::string(kFiles.substr(kFiles.rfind('{')));
    const std::string before = std::string(kFiles.substr(0, kFiles.rfind('{')));
    for (const std::string member : {"dataFileS3Key", "md5Checksum", "itemCount"})
        expect_files_refused(before + replaced(third, '"' + member + '"', "\"x\""),
                             "line 3: " + member + " is missing");
    expect_files_refused(before + replaced(third, "1B2M", "1B2M1B2M"), "line 3: md5Checksum is not an MD5 in base64");
    expect_files_refused(before + replaced(third, "1B2M", "1B2-"), "line 3: md5Checksum is not an MD5 in base64");
    expect_files_refused(before + replaced(third, ":0", ":0.5"), "line 3: itemCount is not a count");
    expect_files_refused("no JSON", "line 1: Invalid value. at byte 1");
}

}  // namespace
