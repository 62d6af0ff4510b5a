// AWS's shared configuration and credentials files (AWS SDKs and Tools Reference Guide, "Shared config and credentials
// files"): profiles and sso-sessions, each a list of properties.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "aws/credentials/world.h"

namespace podyn::aws {

// By name in lower case. Of nested properties ("s3 =" and indented lines), only the outer one is kept.
using Properties = std::map<std::string, std::string>;

// The value, empty where there is none.
[[nodiscard]] std::string property(const Properties &properties, const std::string &name);

struct ConfigFiles {
    std::map<std::string, Properties> profiles;
    std::map<std::string, Properties> sso_sessions;
    std::string missing;  // files that cannot be read, and why; for the message where nothing was found
};

// The files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, or those in ~/.aws. In a profile that both have,
// the properties of the credentials file win. Throws base::Error (28000) for a line that makes no sense.
[[nodiscard]] ConfigFiles load_config_files(const World &world);

enum class FileKind { kConfig, kCredentials };
// Adds what the text says. `path` is for messages.
void parse_config_file(std::string_view text, FileKind kind, std::string_view path, ConfigFiles &files);

// A setting that a variable or a profile may give; the variable wins.
[[nodiscard]] std::string setting(const World &world, const char *variable, const Properties &profile,
                                  const std::string &name);

}  // namespace podyn::aws
