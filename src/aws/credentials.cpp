// See credentials.h.
#include "aws/credentials.h"

#include <algorithm>
#include <string_view>

#include "base/guard.h"

namespace podyn::aws {

namespace {

// Anything else could break out of its HTTP header.
bool is_printable_ascii(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

void check(std::string_view what, std::string_view value)
{
    if (is_printable_ascii(value))
        return;
    throw base::Error{base::make_status(
        base::Failure::kCredentials, "28000", false,
        std::string("the ").append(what).append(" of the AWS credentials contains an illegal character"), {},
        "Credentials consist of printable ASCII characters without spaces. Look for a line end or a space that was "
        "copied with them.")};
}

}  // namespace

void check_credentials(const Credentials &credentials)
{
    if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
        throw base::Error{
            base::make_status(base::Failure::kCredentials, "28000", false, "AWS credentials are incomplete", {},
                              "Set both access_key_id and secret_access_key in the user mapping of the server.")};
    check("access key ID", credentials.access_key_id);
    check("secret access key", credentials.secret_access_key);
    check("session token", credentials.session_token);
}

}  // namespace podyn::aws
