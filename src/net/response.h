// A response as it arrives: the few headers that matter, and the body as sent; and its way to a body that can be used.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace podyn::net {

// Scan's and GetRecords' pages are 1 MB of items, BatchGetItem's 16 MB (API reference); as JSON they grow several
// times.
inline constexpr std::size_t kMaxBody = std::size_t{32} << 20;
inline constexpr std::size_t kMaxInflatedBody = std::size_t{64} << 20;

struct Response {
    int status = 0;
    std::string content_encoding;
    std::string crc32;
    std::string date;
    std::string error_type;
    std::string request_id;
    std::string retry_after;
    std::string etag;
    std::string content_range;
    std::string bucket_region;
    std::string body;  // as sent
    std::size_t max_body = kMaxBody;

    // Ready for another response; strings keep their memory, the body does not. max_body stays.
    void clear();
    // One header line with its line end. Values that are not printable ASCII are ignored.
    void take_header(std::string_view line);
    // Another piece of the body; false if it would exceed max_body.
    [[nodiscard]] bool take_body(std::string_view piece);
    // Checks the checksum over the bytes as sent, then inflates. Takes the body. Throws base::Error (kCorrupt).
    [[nodiscard]] std::string decode();

  private:
    void check_crc32() const;
};

}  // namespace podyn::net
