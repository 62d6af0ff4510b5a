// See error.h. Which names are retried: botocore 1.43.11, retries/standard.py; the meaning of the others: API
// references of DynamoDB and DynamoDB Streams, "Common Error Types".
#include "aws/error.h"

#include <algorithm>

#include "base/guard.h"
#include "json/path_sink.h"

namespace podyn::aws {

namespace {

using base::Failure;

using Kind = ErrorKind;

// Exports take no read capacity; their number and size are limited (developer guide, "Service quotas").
constexpr std::string_view kBusyExportsHint = "Try again when other exports of this account have finished.";

constexpr std::size_t kMaxQuotedBody = 200;  // of a body that is not AWS's

// 53400, configuration limit exceeded: what throttles is a provisioned, configured or account limit.
constexpr Kind kThrottled = {Failure::kThrottled, true, "53400", "was throttled by DynamoDB",
                             "Raise the table's read capacity or its maximum throughput, or let fewer workers read."};
constexpr Kind kUnavailable = {Failure::kUnavailable, true, "08006", "failed inside DynamoDB",
                               "Try again later; if this goes on, see the AWS Health Dashboard."};
constexpr Kind kNotFound = {Failure::kNotFound, false, "42704", "named a table or stream that does not exist",
                            "Check the name, and the options region and endpoint of the server."};
constexpr Kind kDenied = {Failure::kDenied, false, "42501", "was denied by AWS", ""};
constexpr Kind kCredentials = {
    Failure::kCredentials, false, "28000", "was refused for its credentials",
    "Check access_key_id, secret_access_key and session_token of the user mapping (with credentials 'default': where "
    "the server has them from), the server's region, and the clock of this machine."};
constexpr Kind kExpiredCredentials = {
    Failure::kCredentials, false, "28000", "was refused: the credentials have expired",
    "Renew the temporary credentials of the user mapping, or let podyn assume a role (option role_arn)."};
constexpr Kind kIteratorExpired = {Failure::kIteratorExpired, false, "55000", "used an expired shard iterator", ""};
constexpr Kind kTrimmed = {Failure::kTrimmed, false, "55000", "asked for changes that the stream keeps no longer",
                           "DynamoDB Streams keeps changes for 24 hours. The table has to be copied again."};
constexpr Kind kInvalid = {Failure::kInvalid, false, "22023", "was refused as invalid by DynamoDB",
                           "Check the table's name, and the options endpoint and streams_endpoint of the server."};
constexpr Kind kCondition = {Failure::kCondition, false, "55000", "met a condition that does not hold", ""};
constexpr Kind kCollectionFull = {Failure::kInvalid, false, "54000",
                                  "was refused: too many bytes have one partition key",
                                  "With local secondary indexes, the items of one partition key may have 10 GB."};
constexpr Kind kInUse = {Failure::kInvalid, false, "55006", "was refused because the table is being changed",
                         "Try again when the table is ACTIVE."};
constexpr Kind kNoRecovery = {Failure::kInvalid, false, "55000", "was refused: point-in-time recovery is off",
                              "Turn it on with: aws dynamodb update-continuous-backups."};
constexpr Kind kExportTime = {Failure::kInvalid, false, "22023", "named a time that cannot be exported",
                              "Give a time within the table's point-in-time recovery; an incremental export is of 15 "
                              "minutes to 24 hours."};
constexpr Kind kUnknownOperation = {
    Failure::kInvalid, false, "0A000", "is not known to the server",
    "Check the options endpoint and streams_endpoint: the server there may not offer this service."};
constexpr Kind kMalformed = {Failure::kInvalid, false, "08P01", "could not be read by DynamoDB",
                             "Check the options endpoint and streams_endpoint of the server."};
constexpr Kind kUnknownError = {Failure::kInvalid, false, "58000", "failed with an error of DynamoDB",
                                "See what DynamoDB's API reference says of this error."};
constexpr Kind kNotDynamoDb = {Failure::kInvalid, false, "08P01", "got an answer that is not DynamoDB's",
                               "Check the options endpoint and streams_endpoint of the server."};

constexpr NamedErrorKind kNamed[] = {
    {"BandwidthLimitExceeded", kThrottled},
    {"EC2ThrottledException", kThrottled},
    {"LimitExceededException", kThrottled},  // DynamoDB Streams' throttling
    {"ProvisionedThroughputExceeded", kThrottled},
    {"ProvisionedThroughputExceededException", kThrottled},
    {"RequestLimitExceeded", kThrottled},
    {"RequestThrottled", kThrottled},
    {"RequestThrottledException", kThrottled},
    {"SlowDown", kThrottled},
    {"Throttling", kThrottled},
    {"ThrottlingException", kThrottled},
    {"ThrottledException", kThrottled},
    {"TooManyRequestsException", kThrottled},

    {"InternalFailure", kUnavailable},
    {"InternalServerError", kUnavailable},
    {"InternalServerErrorException", kUnavailable},
    {"PriorRequestNotComplete", kUnavailable},
    {"ReplicatedWriteConflictException", kUnavailable},
    {"RequestTimeout", kUnavailable},
    {"RequestTimeoutException", kUnavailable},
    {"ServiceUnavailable", kUnavailable},
    {"ServiceUnavailableException", kUnavailable},
    {"TransactionConflictException", kUnavailable},
    {"TransactionInProgressException", kUnavailable},

    {"ConditionalCheckFailedException", kCondition},
    {"ItemCollectionSizeLimitExceededException", kCollectionFull},
    {"ResourceInUseException", kInUse},
    {"ResourceNotFoundException", kNotFound},
    {"TableNotFoundException", kNotFound},

    {"AccessDenied", kDenied},
    {"AccessDeniedException", kDenied},
    {"NotAuthorized", kDenied},
    {"OptInRequired", kDenied},
    {"UnauthorizedOperation", kDenied},

    {"AuthFailure", kCredentials},
    {"IncompleteSignature", kCredentials},
    {"IncompleteSignatureException", kCredentials},
    {"InvalidAccessKeyId", kCredentials},
    {"InvalidClientTokenId", kCredentials},
    {"InvalidSignatureException", kCredentials},
    {"MissingAuthenticationToken", kCredentials},
    {"MissingAuthenticationTokenException", kCredentials},
    {"RequestExpired", kCredentials},
    {"RequestInTheFuture", kCredentials},
    {"RequestTimeTooSkewed", kCredentials},
    {"SignatureDoesNotMatch", kCredentials},
    {"UnrecognizedClientException", kCredentials},
    {"ExpiredToken", kExpiredCredentials},
    {"ExpiredTokenException", kExpiredCredentials},

    {"ExpiredIteratorException", kIteratorExpired},
    {"TrimmedDataAccessException", kTrimmed},
    {"PointInTimeRecoveryUnavailableException", kNoRecovery},
    {"InvalidExportTimeException", kExportTime},
    {"ValidationException", kInvalid},
    {"ValidationError", kInvalid},
    {"SerializationException", kMalformed},
    {"UnknownOperationException", kUnknownOperation},
};

constexpr ErrorKinds kKinds = {kNamed, kThrottled, kUnavailable, kDenied, kUnknownError, kNotDynamoDb};

// Collects the strings at the top level of an error body; what is no string says nothing.
class ErrorSink final : public json::PathSink {
  public:
    ErrorSink(base::Arena &arena, ServiceError &error) : PathSink(arena), error_(error) {}

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (value.kind != json::Scalar::Kind::kString)
            return;
        if (path == "__type" || (path == "code" && error_.name.empty()))
            error_.name = keep_string(path, value);
        else if (path == "message" || path == "Message")
            error_.message = keep_string(path, value);
    }

  private:
    ServiceError &error_;
};

// A body that is not sound JSON is nobody's error: then the HTTP status speaks.
ServiceError read_body(std::string_view body)
{
    ServiceError error;
    try {
        base::Arena arena;
        ErrorSink sink(arena, error);
        json::read(body, sink);
    } catch (const base::Error &) {
        return {};
    }
    return error;
}

std::string detail_of(const ErrorResponse &response, const ServiceError &error, const Kind &kind);

// What an action has to be allowed on (service authorization reference, Amazon DynamoDB).
std::string_view resource_of(std::string_view action)
{
    if (action == "dynamodb:ListExports")
        return "all resources";
    if (action == "dynamodb:DescribeExport")
        return "the table's exports";
    return action.starts_with("s3:") ? "the bucket and its objects" : "the table and its stream";
}

std::string denied_hint(std::string_view action)
{
    return std::string("Allow the action ")
        .append(action)
        .append(" on ")
        .append(resource_of(action))
        .append(" in the IAM policy of these credentials.");
}

// "com.amazonaws.dynamodb.v20120810#ThrottlingException" → ThrottlingException. The header form ends with ":" and a URL
// (restJson1 protocol of Smithy, "Operation error serialization").
std::string bare_name(std::string_view type)
{
    type = type.substr(0, type.find(':'));
    const std::size_t hash = type.rfind('#');
    return std::string(hash == std::string_view::npos ? type : type.substr(hash + 1));
}

}  // namespace

ServiceError parse_error(const ErrorResponse &response)
{
    ServiceError error = response.body.size() <= kMaxErrorBody ? read_body(response.body) : ServiceError();
    error.name = bare_name(error.name.empty() ? response.error_type : error.name);
    return error;
}

base::Status error_status(const ErrorResponse &response, const ServiceError &error)
{
    const Kind &kind = kind_of(kKinds, response.http_status, error);
    if (kind.failure == Failure::kDenied)
        return error_status(response, error, kind,
                            denied_hint(denied_action(error, "dynamodb:" + std::string(response.operation))));
    if (kind.failure == Failure::kThrottled && response.operation.find("Export") != std::string_view::npos)
        return error_status(response, error, kind, kBusyExportsHint);
    return error_status(response, error, kind, kind.hint);
}

const ErrorKind &kind_of(const ErrorKinds &kinds, int http_status, const ServiceError &error)
{
    for (const NamedErrorKind &named : kinds.named)
        if (named.name == error.name)
            return named.kind;
    if (http_status >= 500 || http_status == 408)
        return kinds.unavailable;
    if (http_status == 429)
        return kinds.throttled;
    if (error.name.empty())
        return kinds.foreign;
    return http_status == 403 ? kinds.denied : kinds.unknown;
}

base::Status error_status(const ErrorResponse &response, const ServiceError &error, const ErrorKind &kind,
                          std::string_view hint)
{
    const std::string message = std::string("request ").append(response.operation).append(" ").append(kind.what);
    return base::make_status(kind.failure, kind.sqlstate, kind.retryable, message, detail_of(response, error, kind),
                             hint);
}

// "User: … is not authorized to perform: dynamodb:Scan on resource: …".
std::string denied_action(const ServiceError &error, std::string_view action)
{
    constexpr std::string_view kMark = "not authorized to perform: ";
    const std::size_t mark = error.message.find(kMark);
    if (mark == std::string::npos)
        return std::string(action);
    const std::string_view rest = std::string_view(error.message).substr(mark + kMark.size());
    return std::string(rest.substr(0, rest.find_first_of(" \n")));
}

std::string_view without_secrets(std::string_view message)
{
    message = message.substr(0, message.find('\n'));
    return message.substr(0, message.find(" Authorization="));
}

// Expired, or replaced meanwhile where they came from.
bool may_be_outdated_credentials(const ServiceError &error)
{
    constexpr std::string_view kNames[] = {"ExpiredToken",       "ExpiredTokenException",
                                           "InvalidAccessKeyId", "InvalidClientTokenId",
                                           "InvalidToken",       "UnrecognizedClientException"};
    return std::find(std::begin(kNames), std::end(kNames), error.name) != std::end(kNames);
}

// AWS's SDKs take these for clock skew (aws-sdk-js-v3, service-error-classification, CLOCK_SKEW_ERROR_CODES).
bool may_be_clock_skew(const ServiceError &error)
{
    constexpr std::string_view kNames[] = {"AuthFailure",        "InvalidSignatureException", "RequestExpired",
                                           "RequestInTheFuture", "RequestTimeTooSkewed",      "SignatureDoesNotMatch"};
    return std::find(std::begin(kNames), std::end(kNames), error.name) != std::end(kNames);
}

namespace {

// A body that is not AWS's, such as a proxy's HTML: its beginning, on one line.
std::string quoted(std::string_view body)
{
    std::string text;
    for (const char c : body.substr(0, kMaxQuotedBody)) {
        const bool printable = c > ' ' && c < '\x7f';
        if (printable || (!text.empty() && text.back() != ' '))
            text += printable ? c : ' ';
    }
    return text;
}

std::string detail_of(const ErrorResponse &response, const ServiceError &error, const Kind &kind)
{
    if (error.name.empty()) {
        const std::string status = "HTTP status " + std::to_string(response.http_status);
        return response.body.empty() ? status + " without a body" : status + ": " + quoted(response.body);
    }
    const std::string_view message =
        kind.failure == Failure::kCredentials ? without_secrets(error.message) : std::string_view(error.message);
    return message.empty() ? error.name : error.name + ": " + std::string(message);
}

}  // namespace

}  // namespace podyn::aws
