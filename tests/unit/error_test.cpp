// What error responses mean; the bodies are real ones.
#include "aws/error.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <map>

#include "test_data.h"

namespace podyn::aws {
namespace {

using base::Failure;
using base::Status;

Status status_of(int http_status, std::string_view body, std::string_view header = {})
{
    const ErrorResponse response{"Scan", http_status, header, body};
    return error_status(response, parse_error(response));
}

Status status_of_name(const std::string &name)
{
    return status_of(400, R"({"__type":"com.amazonaws.dynamodb.v20120810#)" + name + R"(","message":"so it is"})");
}

TEST(Error, every_recorded_body_is_understood)
{
    const auto path = test::data_directory() / "wire/error-bodies.jsonl";
    std::istringstream lines(test::read_file(path));
    const std::map<std::string, Failure> failures = {
        {"AccessDeniedException", Failure::kDenied},
        {"ExpiredIteratorException", Failure::kIteratorExpired},
        {"ExportConflictException", Failure::kInvalid},
        {"ExportNotFoundException", Failure::kInvalid},
        {"IncompleteSignatureException", Failure::kCredentials},
        {"InternalServerError", Failure::kUnavailable},
        {"InvalidExportTimeException", Failure::kInvalid},
        {"InvalidSignatureException", Failure::kCredentials},
        {"MissingAuthenticationTokenException", Failure::kCredentials},
        {"PointInTimeRecoveryUnavailableException", Failure::kInvalid},
        {"ProvisionedThroughputExceededException", Failure::kThrottled},
        {"ResourceNotFoundException", Failure::kNotFound},
        {"SerializationException", Failure::kInvalid},
        {"TableNotFoundException", Failure::kNotFound},
        {"ThrottlingException", Failure::kThrottled},
        {"TrimmedDataAccessException", Failure::kTrimmed},
        {"UnknownOperationException", Failure::kInvalid},
        {"ValidationException", Failure::kInvalid},
    };
    int count = 0, understood = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        rapidjson::Document record;
        record.Parse(line.c_str());
        const std::string body = record["body"].GetString();
        SCOPED_TRACE(body);
        const ErrorResponse response{"Scan", record["status"].GetInt(), "", body};
        const ServiceError error = parse_error(response);
        const Status status = error_status(response, error);
        if (!failures.contains(error.name))
            continue;  // a fuller set of bodies knows more names
        ++understood;
        EXPECT_EQ(status.failure, failures.at(error.name));
        EXPECT_EQ(status.retryable, status.failure == Failure::kThrottled || status.failure == Failure::kUnavailable);
        EXPECT_TRUE(std::string_view(status.detail).starts_with(error.name));
        EXPECT_FALSE(std::string_view(status.message).ends_with("."));
        // podyn gets another iterator for an expired one: nobody sees that error.
        EXPECT_EQ(std::string_view(status.hint).empty(), status.failure == Failure::kIteratorExpired);
    }
    if (count == 0)
        GTEST_SKIP() << "no " << path;
    EXPECT_GE(understood, 209);
}

Status status_of_export(std::string_view name, std::string_view message)
{
    const std::string body = std::string(R"({"__type":"com.amazonaws.dynamodb.v20120810#)")
                                 .append(name)
                                 .append(R"(","message":")")
                                 .append(message)
                                 .append(R"("})");
    const ErrorResponse response{"ExportTableToPointInTime", 400, "", body};
    return error_status(response, parse_error(response));
}

TEST(Error, exports_have_hints_of_their_own)
{
    const Status busy = status_of_export("LimitExceededException", "too many");
    EXPECT_EQ(busy.failure, Failure::kThrottled);
    EXPECT_EQ(std::string_view(busy.hint).find("read capacity"), std::string_view::npos);
    const Status denied = status_of_export("AccessDeniedException",
                                           "User: x is not authorized to perform: "
                                           "s3:PutObject on resource: arn:aws:s3:::b/*");
    EXPECT_TRUE(std::string_view(denied.hint).starts_with("Allow the action s3:PutObject on the bucket"));
    EXPECT_STREQ(status_of_export("PointInTimeRecoveryUnavailableException", "off").sqlstate, "55000");
    EXPECT_STREQ(status_of_export("InvalidExportTimeException", "Export Time is invalid").sqlstate, "22023");
}

// RapidJSON computes numbers unless told not to, and asserts on absurd exponents: the whole server would go down.
TEST(Error, a_body_with_an_absurd_number_ends_nothing)
{
    for (const std::string number : {"0.0000000001e-2147483639", "1e-99999999999", "1e999999999999"}) {
        const Status status = status_of(400, R"({"__type":"a#ValidationException","x":)" + number + "}");
        EXPECT_EQ(status.failure, Failure::kInvalid) << number;
    }
}

TEST(Error, a_body_that_is_no_sound_json_is_not_amazons)
{
    const std::string deep = std::string(300, '[');
    for (const std::string &body : {std::string(R"({"__type":"a#ThrottlingException","message":"\udc00"})"),
                                    std::string("{\"__type\":\"a#ThrottlingException\",\"m\":\"\xff\"}"),
                                    R"({"__type":"a#ThrottlingException","x":)" + deep}) {
        const Status status = status_of(400, body);
        EXPECT_EQ(status.failure, Failure::kInvalid) << body;
        EXPECT_TRUE(std::string_view(status.detail).starts_with("HTTP status 400")) << body;
    }
}

TEST(Error, a_name_may_come_in_the_header)
{
    const Status status = status_of(400, "{}", "ThrottlingException:http://internal.amazon.com/coral/");
    EXPECT_EQ(status.failure, Failure::kThrottled);
    EXPECT_STREQ(status.detail, "ThrottlingException");
}

TEST(Error, sqlstates_follow_the_kind)
{
    EXPECT_STREQ(status_of_name("ThrottlingException").sqlstate, "53400");
    EXPECT_STREQ(status_of_name("ResourceNotFoundException").sqlstate, "42704");
    EXPECT_STREQ(status_of_name("AccessDeniedException").sqlstate, "42501");
    EXPECT_STREQ(status_of_name("UnrecognizedClientException").sqlstate, "28000");
    EXPECT_STREQ(status_of_name("ExpiredTokenException").sqlstate, "28000");
    EXPECT_STREQ(status_of_name("ValidationException").sqlstate, "22023");
    EXPECT_STREQ(status_of_name("TrimmedDataAccessException").sqlstate, "55000");
    EXPECT_STREQ(status_of_name("NeverHeardOfException").sqlstate, "58000");
    EXPECT_STREQ(status_of(503, "").sqlstate, "08006");
}

TEST(Error, streams_limit_exceeded_is_throttling)
{
    EXPECT_EQ(status_of_name("LimitExceededException").failure, Failure::kThrottled);
}

TEST(Error, a_denied_action_is_named_in_the_hint)
{
    const Status named = status_of(
        400,
        R"({"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:iam::1:user/u is not )"
        R"(authorized to perform: dynamodb:DescribeTable on resource: arn:aws:dynamodb:us-east-1:1:table/t"})");
    EXPECT_NE(std::string(named.hint).find("dynamodb:DescribeTable "), std::string::npos) << named.hint;
    const Status unnamed = status_of_name("AccessDeniedException");
    EXPECT_NE(std::string(unnamed.hint).find("dynamodb:Scan "), std::string::npos) << unnamed.hint;
}

TEST(Error, bodies_that_are_not_aws_are_quoted_in_part)
{
    const Status html = status_of(502, "<html>\r\n<h1>Bad\tGateway</h1>" + std::string(10'000, 'x'));
    EXPECT_EQ(html.failure, Failure::kUnavailable);
    EXPECT_TRUE(html.retryable);
    EXPECT_TRUE(std::string_view(html.detail).starts_with("HTTP status 502: <html> <h1>Bad Gateway</h1>xxx"));
    EXPECT_LT(std::string_view(html.detail).size(), 250u);
    EXPECT_STREQ(status_of(504, "").detail, "HTTP status 504 without a body");
    const Status wrong_server = status_of(404, "no such page");
    EXPECT_EQ(wrong_server.failure, Failure::kInvalid);
    EXPECT_FALSE(wrong_server.retryable);
    EXPECT_NE(std::string(wrong_server.hint).find("endpoint"), std::string::npos);
    EXPECT_EQ(status_of(429, "slow").failure, Failure::kThrottled);
}

TEST(Error, malformed_json_does_not_matter)
{
    for (const std::string body :
         {"{", "{\"__type\":\"X", "[]", "null", "\"a\"", "{\"__type\":1}", "{\"__type\":null}", "{\"__type\":\"\xff\"}",
          "{\"a\":{\"__type\":\"ThrottlingException\"}}", "{\"code\":[\"ThrottlingException\"]}"})
        EXPECT_EQ(status_of(500, body).failure, Failure::kUnavailable) << body;
    EXPECT_EQ(std::string(status_of(500, "{\"__type\":\"\xff\"}").detail).find('\xff'), std::string::npos);
    EXPECT_EQ(status_of(500, std::string(60'000, '[')).failure, Failure::kUnavailable);
}

TEST(Error, what_aws_repeats_of_the_signed_request_is_cut_off)
{
    const Status wrong = status_of(
        403,
        R"({"__type":"x#InvalidSignatureException","message":"The signature does not match.\n\nThe Canonical String )"
        R"(for this request should have been\n'POST\nx-amz-security-token:CANARY'"})");
    EXPECT_STREQ(wrong.detail, "InvalidSignatureException: The signature does not match.");
    const Status incomplete = status_of(
        400, R"({"__type":"x#IncompleteSignatureException","message":"No 'Credential'. Authorization=AWS4 CANARY"})");
    EXPECT_EQ(std::string(incomplete.detail).find("CANARY"), std::string::npos);
}

TEST(Error, only_errors_of_time_and_signature_may_be_clock_skew)
{
    EXPECT_TRUE(may_be_clock_skew({"RequestTimeTooSkewed", ""}));
    EXPECT_TRUE(may_be_clock_skew({"InvalidSignatureException", ""}));
    EXPECT_FALSE(may_be_clock_skew({"AccessDeniedException", ""}));
}

}  // namespace
}  // namespace podyn::aws
