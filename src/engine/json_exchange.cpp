// See json_exchange.h.
#include "engine/json_exchange.h"

#include <array>
#include <span>
#include <utility>

#include "aws/error.h"

namespace podyn::engine {

namespace {

struct OperationInfo {
    std::string_view name;
    std::string_view target;  // header X-Amz-Target: the service's target prefix and the operation
    bool streams;
};

// In the order of Operation. Target prefixes: service models of botocore 1.43.11, "targetPrefix".
constexpr std::array<OperationInfo, 17> kOperations = {{
    {"ListTables", "DynamoDB_20120810.ListTables", false},
    {"DescribeTable", "DynamoDB_20120810.DescribeTable", false},
    {"Scan", "DynamoDB_20120810.Scan", false},
    {"BatchGetItem", "DynamoDB_20120810.BatchGetItem", false},
    {"DescribeStream", "DynamoDBStreams_20120810.DescribeStream", true},
    {"GetShardIterator", "DynamoDBStreams_20120810.GetShardIterator", true},
    {"GetRecords", "DynamoDBStreams_20120810.GetRecords", true},
    {"UpdateTable", "DynamoDB_20120810.UpdateTable", false},
    {"DescribeContinuousBackups", "DynamoDB_20120810.DescribeContinuousBackups", false},
    {"ExportTableToPointInTime", "DynamoDB_20120810.ExportTableToPointInTime", false},
    {"ListExports", "DynamoDB_20120810.ListExports", false},
    {"DescribeExport", "DynamoDB_20120810.DescribeExport", false},
    {"PutItem", "DynamoDB_20120810.PutItem", false},
    {"UpdateItem", "DynamoDB_20120810.UpdateItem", false},
    {"BatchWriteItem", "DynamoDB_20120810.BatchWriteItem", false},
    {"Query", "DynamoDB_20120810.Query", false},
    {"GetItem", "DynamoDB_20120810.GetItem", false},
}};

const OperationInfo &info(Operation operation)
{
    return kOperations[static_cast<std::size_t>(operation)];
}

}  // namespace

JsonExchange::JsonExchange(Session &session, Operation operation, std::string_view body)
    : session_(session), operation_(operation), body_(body)
{
}

const base::Url &JsonExchange::endpoint() const
{
    return info(operation_).streams ? session_.endpoints.streams : session_.endpoints.dynamodb;
}

void JsonExchange::write(const aws::Credentials &credentials, std::string_view time, net::Request &request)
{
    const std::string host = endpoint().authority();
    std::array<aws::Header, 5> headers = {{{"Host", host},
                                           {"Content-Type", "application/x-amz-json-1.0"},
                                           {"X-Amz-Date", time},
                                           {"X-Amz-Target", info(operation_).target},
                                           {"X-Amz-Security-Token", credentials.session_token}}};
    const std::span<const aws::Header> used(headers.data(), credentials.session_token.empty() ? 4 : 5);
    request.url = endpoint().text();
    request.ca_file = session_.ca_file;
    request.body = body_;
    // The checksum is over the compressed bytes: they are inflated here, see net::Response.
    write_headers(request, {.method = "POST", .path = "/", .query = {}, .headers = used, .body = body_},
                  session_.signer, credentials, time, "gzip");
}

Outcome JsonExchange::judge(net::Transfer &transfer, std::string &body)
{
    net::Response &response = transfer.response;
    const Status transport = transfer.transport_status(info(operation_).streams ? "DynamoDB Streams" : "DynamoDB");
    if (!transport.ok())
        return {transport};
    std::string decoded = response.decode();
    if (response.status / 100 == 2) {
        body = std::move(decoded);
        return {};
    }
    hide_session_token(transfer.request, decoded);
    const aws::ErrorResponse error_response = {info(operation_).name, response.status, response.error_type, decoded};
    aws::ServiceError error = aws::parse_error(error_response);
    hide_session_token(transfer.request, error.message);  // in JSON it may have been written otherwise: \/
    const Status status = aws::error_status(error_response, error);
    if (status.failure == Failure::kCondition)
        body = std::move(decoded);  // it may hold the item that is there
    return {status, aws::may_be_clock_skew(error), aws::may_be_outdated_credentials(error)};
}

}  // namespace podyn::engine
