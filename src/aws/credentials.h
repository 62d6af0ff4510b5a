// Who signs: credentials and where they come from. Each source is a CredentialsProvider in a file of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace podyn::aws {

struct Credentials {
    std::string access_key_id;
    std::string secret_access_key;
    std::string session_token;  // empty for long-term credentials
};

// A source of credentials. One that gives temporary credentials renews them here, before they expire.
class CredentialsProvider {
  public:
    virtual ~CredentialsProvider() = default;

    // Credentials that are good at the given time; valid until the next call. Throws base::Error without any.
    [[nodiscard]] virtual const Credentials &credentials(std::int64_t unix_us) = 0;
};

// Credentials that never change, as in a user mapping. Throws base::Error (28000) for empty or malformed ones.
[[nodiscard]] std::unique_ptr<CredentialsProvider> static_provider(Credentials credentials);

// Looks a variable up; null where it is not set. Usually std::getenv.
using Environment = std::function<const char *(const char *name)>;

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if set, AWS_SESSION_TOKEN, read once.
[[nodiscard]] std::unique_ptr<CredentialsProvider> environment_provider(const Environment &environment);

}  // namespace podyn::aws
