// See error.h. Names and meanings: Amazon S3 API reference, "Error responses".
#include "s3/error.h"

#include <algorithm>

#include "base/guard.h"
#include "xml/reader.h"

namespace podyn::s3 {

namespace {

using aws::ErrorKind;
using base::Failure;

constexpr std::size_t kMaxKeyInMessage = 200;

constexpr ErrorKind kThrottled = {Failure::kThrottled, true, "53400", "was throttled by Amazon S3",
                                  "Let fewer workers read at the same time."};
constexpr ErrorKind kUnavailable = {Failure::kUnavailable, true, "08006", "failed inside Amazon S3",
                                    "Try again later; if this goes on, see the AWS Health Dashboard."};
constexpr ErrorKind kNoBucket = {Failure::kNotFound, false, "42704", "named a bucket that does not exist",
                                 "Check the bucket's name, and the options region and s3_endpoint of the server."};
constexpr ErrorKind kNoObject = {Failure::kNotFound, false, "58P01", "named an object that does not exist",
                                 "Check the key; it has no slash at its beginning, and upper and lower case count."};
constexpr ErrorKind kArchived = {Failure::kInvalid, false, "55000", "named an object that is archived",
                                 "Restore the object from its archive first (S3's action RestoreObject)."};
constexpr ErrorKind kDenied = {Failure::kDenied, false, "42501", "was denied by AWS", ""};
constexpr ErrorKind kCredentials = {
    Failure::kCredentials, false, "28000", "was refused for its credentials",
    "Check access_key_id, secret_access_key and session_token of the user mapping (with credentials 'default': where "
    "the server has them from), the server's region, and the clock of this machine."};
constexpr ErrorKind kExpiredCredentials = {
    Failure::kCredentials, false, "28000", "was refused: the credentials have expired",
    "Renew the temporary credentials of the user mapping, or let podyn assume a role (option role_arn)."};
constexpr ErrorKind kElsewhere = {Failure::kInvalid, false, "22023", "named a bucket of another region",
                                  "Set option region of the server to the region of the bucket."};
constexpr ErrorKind kChanged = {Failure::kInvalid, false, "55000", "found that the object has changed meanwhile",
                                "Start again with the object as it is now."};
constexpr ErrorKind kBeyondEnd = {
    Failure::kInvalid, false, "55000", "asked for bytes behind the object's end",
    "The object may have been replaced by a shorter one. Start again with it as it is now."};
constexpr ErrorKind kInvalid = {Failure::kInvalid, false, "22023", "was refused as invalid by Amazon S3",
                                "Check the bucket and the key, and option s3_endpoint of the server."};
constexpr ErrorKind kNotImplemented = {Failure::kInvalid, false, "0A000", "is not known to the server",
                                       "Check option s3_endpoint: the server there may not offer this."};
constexpr ErrorKind kUnknown = {Failure::kInvalid, false, "58000", "failed with an error of Amazon S3",
                                "See what S3's API reference says of this error."};
constexpr ErrorKind kForeign = {Failure::kInvalid, false, "08P01", "got an answer that is not Amazon S3's",
                                "Check option s3_endpoint of the server."};

constexpr aws::NamedErrorKind kNamed[] = {
    {"BandwidthLimitExceeded", kThrottled},
    {"RequestLimitExceeded", kThrottled},
    {"SlowDown", kThrottled},
    {"Throttling", kThrottled},
    {"ThrottlingException", kThrottled},
    {"TooManyRequests", kThrottled},

    {"InternalError", kUnavailable},
    {"OperationAborted", kUnavailable},
    {"RequestTimeout", kUnavailable},
    {"ServiceUnavailable", kUnavailable},

    {"NoSuchBucket", kNoBucket},
    {"NoSuchKey", kNoObject},
    {"NoSuchVersion", kNoObject},
    {"InvalidObjectState", kArchived},

    {"AccessDenied", kDenied},
    {"AccessDeniedException", kDenied},
    {"AccountProblem", kDenied},
    {"AllAccessDisabled", kDenied},
    {"NotSignedUp", kDenied},

    {"AuthorizationHeaderMalformed", kCredentials},
    {"InvalidAccessKeyId", kCredentials},
    {"InvalidSecurity", kCredentials},
    {"InvalidToken", kCredentials},
    {"RequestTimeTooSkewed", kCredentials},
    {"SignatureDoesNotMatch", kCredentials},
    {"ExpiredToken", kExpiredCredentials},
    {"TokenRefreshRequired", kExpiredCredentials},

    {"IllegalLocationConstraintException", kElsewhere},
    {"PermanentRedirect", kElsewhere},
    {"Redirect", kElsewhere},
    {"TemporaryRedirect", kElsewhere},

    {"PreconditionFailed", kChanged},
    {"InvalidRange", kBeyondEnd},
    {"InvalidArgument", kInvalid},
    {"InvalidBucketName", kInvalid},
    {"InvalidRequest", kInvalid},
    {"InvalidURI", kInvalid},
    {"KeyTooLongError", kInvalid},
    {"MethodNotAllowed", kInvalid},
    {"NotImplemented", kNotImplemented},
};

constexpr aws::ErrorKinds kKinds = {kNamed, kThrottled, kUnavailable, kDenied, kUnknown, kForeign};

class ErrorSink final : public xml::Sink {
  public:
    explicit ErrorSink(Error &error) : error_(error) {}

    void on_end(std::string_view path, std::string_view text) override
    {
        if (path == "Error/Code")
            error_.name = text;
        else if (path == "Error/Message")
            error_.message = text;
        else if (path == "Error/Region")
            error_.region = text;
    }

  private:
    Error &error_;
};

// 412 and 416 say it all, whether or not the body has a name for them.
const ErrorKind &kind_of(int http_status, const Error &error)
{
    if (http_status == 412)
        return kChanged;
    if (http_status == 416)
        return kBeyondEnd;
    return aws::kind_of(kKinds, http_status, error);
}

std::string name_of(const Subject &subject)
{
    std::string name = "\"s3://" + std::string(subject.bucket);
    if (!subject.key.empty())
        name.append("/").append(subject.key);
    if (name.size() > kMaxKeyInMessage) {
        std::size_t end = kMaxKeyInMessage;
        while ((static_cast<unsigned char>(name[end]) & 0xc0) == 0x80)  // inside a character
            --end;
        name.resize(end);
        name.append("…");
    }
    return name.append("\"");
}

std::string request_of(const Subject &subject)
{
    return std::string(subject.operation) + " of " + name_of(subject);
}

std::string denied_hint(const Subject &subject, const Error &error)
{
    std::string hint = "Allow the action " + aws::denied_action(error, subject.action) +
                       " on the bucket and its objects in the IAM policy of these credentials.";
    if (!subject.key.empty())
        hint.append(" Without s3:ListBucket, AWS says the same of an object that does not exist.");
    return hint;
}

std::string elsewhere_hint(const Error &error)
{
    return error.region.empty() ? kElsewhere.hint
                                : "Set option region of the server to the region of the bucket: " + error.region + ".";
}

}  // namespace

Error parse_error(std::string_view body)
{
    Error error;
    if (body.size() > aws::kMaxErrorBody)
        return error;
    try {
        ErrorSink sink(error);
        xml::read(body, sink);
    } catch (const base::Error &) {
        return {};
    }
    return error;
}

base::Status error_status(const Subject &subject, int http_status, std::string_view body, const Error &error)
{
    const ErrorKind &kind = kind_of(http_status, error);
    const std::string hint = kind.failure == Failure::kDenied ? denied_hint(subject, error)
                             : &kind == &kElsewhere           ? elsewhere_hint(error)
                                                              : kind.hint;
    const std::string request = request_of(subject);
    return aws::error_status({request, http_status, {}, body}, error, kind, hint);
}

bool is_redirect(int http_status, const Error &error)
{
    constexpr std::string_view kNames[] = {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
                                           "PermanentRedirect", "Redirect", "TemporaryRedirect"};
    return http_status == 301 || http_status == 302 || http_status == 307 ||
           std::find(std::begin(kNames), std::end(kNames), error.name) != std::end(kNames);
}

base::Status changed_status(const Subject &subject)
{
    return base::make_status(kChanged.failure, kChanged.sqlstate, kChanged.retryable,
                             "request " + request_of(subject) + " " + kChanged.what, {}, kChanged.hint);
}

base::Status corrupt_status(const Subject &subject, std::string_view why, bool retryable)
{
    return base::make_status(Failure::kCorrupt, "08P01", retryable,
                             "response to " + request_of(subject) + " is not what the protocol says", why,
                             "Check the network, and that option s3_endpoint of the server is an S3 endpoint.");
}

}  // namespace podyn::s3
