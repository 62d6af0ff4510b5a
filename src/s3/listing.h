// ListObjectsV2 (S3 API reference): request and response.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "s3/types.h"

namespace podyn::s3 {

// The query of the request, encoded. Throws base::Error (22023) for what is too long to be right.
[[nodiscard]] std::string list_objects_query(std::string_view prefix, std::string_view delimiter,
                                             std::string_view token);

// Owns all that its views point into. The constructor throws base::Error.
class ObjectList {
  public:
    explicit ObjectList(const std::string &body);
    ObjectList(const ObjectList &) = delete;
    ObjectList &operator=(const ObjectList &) = delete;

    [[nodiscard]] ObjectsPage page() const { return {objects_, common_prefixes_, next_token_}; }

  private:
    friend class ObjectListSink;

    base::Arena arena_;
    std::vector<Object> objects_;
    std::vector<std::string_view> common_prefixes_;
    std::string_view next_token_;
};

// An ETag without its quotes; empty for a weak one, which different contents may share (RFC 9110, 8.8.1).
[[nodiscard]] std::string_view unquoted(std::string_view etag);

}  // namespace podyn::s3
