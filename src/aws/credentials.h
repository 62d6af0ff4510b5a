// Who signs. Where credentials come from is the matter of the folder credentials/.
#pragma once

#include <cstdint>
#include <string>

namespace podyn::aws {

struct Credentials {
    std::string access_key_id;
    std::string secret_access_key;
    std::string session_token;    // empty for long-term credentials
    std::int64_t expires_us = 0;  // Unix time; 0: never

    bool operator==(const Credentials &) const = default;
};

// Throws base::Error (28000) for credentials that are empty or malformed; never repeats them.
void check_credentials(const Credentials &credentials);

}  // namespace podyn::aws
