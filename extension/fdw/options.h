// Options of foreign servers and user mappings: one table for validation, hints and reading.
#pragma once

#include <string_view>

#include "compat.h"

namespace podyn {

// The options of a server and of its user's mapping, null where not given. Palloc'ed.
struct SourceOptions {
    const char *region;
    const char *endpoint;
    const char *streams_endpoint;
    const char *sts_endpoint;
    const char *s3_endpoint;
    const char *ca_file;
    const char *credentials;  // user_mapping, default
    const char *profile;      // with credentials 'default'
    const char *role_arn;
    const char *external_id;  // with role_arn
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token;
    int64 request_timeout_us;
    bool use_fips;
    bool use_dualstack;
    bool s3_path_style;
    bool has_mapping;
};

// Reads a server's options, and those of the role's user mapping for it if there is one.
SourceOptions read_source_options(const ForeignServer *server, Oid role);

}  // namespace podyn
