// What S3 gives, as plain data.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace podyn::s3 {

struct Object {
    std::string_view key;
    std::uint64_t size;
    std::string_view etag;  // without quotes; empty where the server tells none
};

// One page of ListObjectsV2: at most 1,000 keys and common prefixes.
struct ObjectsPage {
    std::span<const Object> objects;
    std::span<const std::string_view> common_prefixes;
    std::string_view next_token;  // empty after the last page
};

// A part of an object.
struct Part {
    std::string_view bytes;     // as they are stored
    std::uint64_t object_size;  // of the whole object
    std::string_view etag;      // without quotes; empty where the server tells none
};

}  // namespace podyn::s3
