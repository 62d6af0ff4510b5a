// DynamoDB's exports to S3: requests and responses. Bodies as in the API reference, times as AWS sends them.
#include "dynamodb/exports.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/guard.h"

namespace podyn::dynamodb {
namespace {

constexpr std::string_view kTable = "arn:aws:dynamodb:eu-central-1:111122223333:table/events";

ExportRequest request_of(std::string_view prefix, std::int64_t from_ms, std::int64_t to_ms)
{
    return {kTable, "bucket", prefix, "token", from_ms, to_ms};
}

template <typename Response>
void expect_refused(std::string_view body, std::string_view detail)
{
    const base::Status status = base::guarded([&] {
        const Response response{std::string(body)};
        return base::Status{};
    });
    EXPECT_EQ(status.failure, base::Failure::kCorrupt) << body;
    EXPECT_EQ(status.detail, detail);
}

TEST(Exports, a_full_one_of_now_names_no_time)
{
    EXPECT_EQ(export_request(request_of("a/b", kUnknown, kUnknown)),
              R"({"TableArn":"arn:aws:dynamodb:eu-central-1:111122223333:table/events","S3Bucket":"bucket",)"
              R"("S3Prefix":"a/b","ClientToken":"token","ExportFormat":"DYNAMODB_JSON"})");
}

TEST(Exports, a_full_one_of_a_time_without_a_prefix)
{
    EXPECT_EQ(export_request(request_of("", kUnknown, 1'700'000'000'000)),
              R"({"TableArn":"arn:aws:dynamodb:eu-central-1:111122223333:table/events","S3Bucket":"bucket",)"
              R"("ClientToken":"token","ExportFormat":"DYNAMODB_JSON","ExportTime":1700000000})");
}

TEST(Exports, an_incremental_one_has_a_period)
{
    const std::string begin =
        R"({"TableArn":"arn:aws:dynamodb:eu-central-1:111122223333:table/events","S3Bucket":"bucket",)"
        R"("ClientToken":"token","ExportFormat":"DYNAMODB_JSON","ExportType":"INCREMENTAL_EXPORT",)"
        R"("IncrementalExportSpecification":{"ExportFromTime":1700000000,)";
    EXPECT_EQ(export_request(request_of("", 1'700'000'000'000, 1'700'003'600'042)),
              begin + R"("ExportToTime":1700003600.042,"ExportViewType":"NEW_AND_OLD_IMAGES"}})");
    EXPECT_EQ(export_request(request_of("", 1'700'000'000'000, kUnknown)),
              begin + R"("ExportViewType":"NEW_AND_OLD_IMAGES"}})");
}

TEST(Exports, lists_are_asked_for_in_the_longest_pages)
{
    EXPECT_EQ(list_exports_request("arn", ""), R"({"TableArn":"arn","MaxResults":25})");
    EXPECT_EQ(list_exports_request("arn", "next"), R"({"TableArn":"arn","MaxResults":25,"NextToken":"next"})");
    EXPECT_EQ(describe_export_request("arn"), R"({"ExportArn":"arn"})");
    EXPECT_EQ(describe_backups_request("events"), R"({"TableName":"events"})");
}

TEST(Exports, a_list_gives_arns_and_the_next_token)
{
    const ExportList list(
        R"({"ExportSummaries":[{"ExportArn":"a","ExportStatus":"COMPLETED","ExportType":"FULL_EXPORT"},)"
        R"({"ExportArn":"b","ExportStatus":"IN_PROGRESS"}],"NextToken":"more"})");
    EXPECT_EQ(std::vector(list.page().arns.begin(), list.page().arns.end()), (std::vector<std::string_view>{"a", "b"}));
    EXPECT_EQ(list.page().next_token, "more");
    EXPECT_TRUE(ExportList(R"({"ExportSummaries":[]})").page().next_token.empty());
    expect_refused<ExportList>("{}", "response lacks ExportSummaries");
    expect_refused<ExportList>(R"({"ExportSummaries":[],"NextToken":[]})", "NextToken is not a scalar");
}

TEST(Exports, one_under_way_has_neither_counts_nor_manifest)
{
    const ExportInfo info(R"({"ExportDescription":{"ExportArn":"arn","ExportStatus":"IN_PROGRESS",)"
                          R"("StartTime":1.791506414432E9,"ExportTime":1.791506414432E9,"S3Bucket":"bucket",)"
                          R"("ExportManifest":null,"ItemCount":null}})");
    const ExportDescription &found = info.page();
    EXPECT_EQ(found.arn, "arn");
    EXPECT_EQ(found.status, "IN_PROGRESS");
    EXPECT_FALSE(found.incremental);
    EXPECT_EQ(found.export_time_us, 1'791'506'414'432'000);
    EXPECT_EQ(found.to_time_us, kUnknown);
    EXPECT_EQ(found.item_count, kUnknown);
    EXPECT_EQ(found.billed_bytes, kUnknown);
    EXPECT_TRUE(found.manifest_key.empty());
}

TEST(Exports, an_incremental_one_is_known_by_its_period)
{
    const ExportInfo info(R"({"ExportDescription":{"ExportArn":"arn","ExportStatus":"COMPLETED","S3Bucket":"bucket",)"
                          R"("ExportManifest":"p/AWSDynamoDB/1-a/manifest-summary.json","ItemCount":3,)"
                          R"("BilledSizeBytes":10000000,"ExportTime":null,"IncrementalExportSpecification":)"
                          R"({"ExportFromTime":1700000000,"ExportToTime":1700003600}}})");
    const ExportDescription &found = info.page();
    EXPECT_TRUE(found.incremental);
    EXPECT_EQ(found.to_time_us, 1'700'003'600'000'000);
    EXPECT_EQ(found.export_time_us, kUnknown);
    EXPECT_EQ(found.bucket, "bucket");
    EXPECT_EQ(found.manifest_key, "p/AWSDynamoDB/1-a/manifest-summary.json");
    EXPECT_EQ(found.item_count, 3);
    EXPECT_EQ(found.billed_bytes, 10'000'000);
}

TEST(Exports, a_failed_one_says_why)
{
    const ExportInfo info(R"({"ExportDescription":{"ExportArn":"arn","ExportStatus":"FAILED",)"
                          R"("FailureCode":"S3NoSuchBucket","FailureMessage":"The specified bucket does not exist"}})");
    EXPECT_EQ(info.page().failure_code, "S3NoSuchBucket");
    EXPECT_EQ(info.page().failure_message, "The specified bucket does not exist");
}

TEST(Exports, what_is_no_description_is_refused)
{
    expect_refused<ExportInfo>("{}", "response lacks ExportDescription.ExportArn");
    expect_refused<ExportInfo>(R"({"ExportDescription":{"ExportArn":"a"}})",
                               "response lacks ExportDescription.ExportStatus");
    for (const std::string time : {"-1", "1e300"})
        expect_refused<ExportInfo>(R"({"ExportDescription":{"ExportTime":)" + time + "}}",
                                   "ExportDescription.ExportTime is not a time");
}

TEST(Backups, tell_whether_and_since_when)
{
    const BackupsInfo on(R"({"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED",)"
                         R"("PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"ENABLED",)"
                         R"("EarliestRestorableDateTime":1.7000000005E9,"LatestRestorableDateTime":1700003600}}})");
    EXPECT_TRUE(on.page().point_in_time_recovery);
    EXPECT_EQ(on.page().earliest_us, 1'700'000'000'500'000);
    const BackupsInfo off(R"({"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED",)"
                          R"("PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}})");
    EXPECT_FALSE(off.page().point_in_time_recovery);
    expect_refused<BackupsInfo>("{}", "response lacks ContinuousBackupsDescription.ContinuousBackupsStatus");
}

}  // namespace
}  // namespace podyn::dynamodb
