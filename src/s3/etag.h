// What an object's ETag tells of its content (S3 user guide, "Checking object integrity").
#pragma once

#include <string_view>

namespace podyn::s3 {

// Whether it shows that the content has this MD5, in base64. The ETag of what was uploaded as a whole is its MD5; of
// what was uploaded in a single part, as DynamoDB's exports are, the MD5 of that MD5, and "-1".
[[nodiscard]] bool etag_shows_md5(std::string_view etag, std::string_view md5);

}  // namespace podyn::s3
