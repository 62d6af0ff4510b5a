// AWS Signature Version 4, header variant, in its stages: canonical request, string to sign, signing key, signature,
// Authorization header. Proven against the suite of awslabs/aws-c-auth (tests/aws-signing-test-suite/v4).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "base/digest.h"

namespace podyn::aws {

struct Header {
    std::string_view name;
    std::string_view value;
};

// What is signed. `headers` must hold Host and X-Amz-Date; all of them are signed.
struct SignableRequest {
    std::string_view method;
    std::string_view path;   // not encoded; empty means "/"
    std::string_view query;  // without the question mark; encoded or not
    std::span<const Header> headers;
    std::string_view body;
    bool normalize_path = true;  // false for S3, whose keys may hold "//" and ".."
};

struct CanonicalRequest {
    std::string text;
    std::string signed_headers;  // host;x-amz-date
};

// What a signing key is good for.
struct Scope {
    std::string_view date;  // 20150830
    std::string_view region;
    std::string_view service;
};

[[nodiscard]] CanonicalRequest canonical_request(const SignableRequest &request);
[[nodiscard]] std::string string_to_sign(std::string_view time, const Scope &scope, std::string_view canonical_request);
[[nodiscard]] base::Sha256 signing_key(std::string_view secret_access_key, const Scope &scope);
[[nodiscard]] std::string authorization_header(std::string_view access_key_id, const Scope &scope,
                                               std::string_view signed_headers, std::string_view signature);

// Signs for one region and service, and keeps the signing key of the last day and secret: deriving it takes four HMACs.
class Signer {
  public:
    Signer(std::string region, std::string service) : region_(std::move(region)), service_(std::move(service)) {}

    // The value of the Authorization header. `time` is what X-Amz-Date says: 20150830T123600Z.
    [[nodiscard]] std::string authorization(const SignableRequest &request, const Credentials &credentials,
                                            std::string_view time);

  private:
    [[nodiscard]] const base::Sha256 &key_for(const Credentials &credentials, const Scope &scope);

    std::string region_;
    std::string service_;
    std::string key_date_;
    std::string key_secret_;
    base::Sha256 key_{};
};

}  // namespace podyn::aws
