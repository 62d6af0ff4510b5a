// Reading from Amazon S3, and from what speaks its protocol: ListObjectsV2 and GetObject, in the manner of
// engine/operations.h.
//
// A bucket in another region than the session's is found by S3's own word: its calls go there, within the session's
// partition. Keys are any UTF-8 of at most 1024 bytes, sent as they are: "//" and ".." mean themselves. ETags are
// without quotes.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/client.h"
#include "engine/status.h"
#include "s3/types.h"

namespace podyn::engine {

using S3Object = s3::Object;
using S3ObjectsPage = s3::ObjectsPage;
using S3Part = s3::Part;

// ---- ListObjectsV2 -------------------------------------------------------------------------------------------------

struct S3Objects;
// `prefix` and `delimiter` may be empty. `token`: next_token of the page before, or empty.
[[nodiscard]] Status start_list_objects(Client *client, Session *session, std::string_view bucket,
                                        std::string_view prefix, std::string_view delimiter, std::string_view token,
                                        Now now, Call **call) noexcept;
[[nodiscard]] Status take_objects(Call *call, S3Objects **handle, S3ObjectsPage *page) noexcept;
void destroy(S3Objects *handle) noexcept;

// ---- GetObject -----------------------------------------------------------------------------------------------------

// The longest part that a call takes: it is in memory as a whole.
inline constexpr std::uint64_t kMostBytesOfPart = 64 << 20;

struct ObjectPart;
// Bytes from `first` on: `length` of them, 1 to kMostBytesOfPart, or as many as there are. An empty object gives none;
// a `first` behind the end of another is an error. `etag`: the object must still be the same one (else
// Failure::kInvalid, SQLSTATE 55000); empty: any. Bytes as they are stored, whatever Content-Encoding says. Where a
// connection breaks, the next attempt goes on at the byte where it broke, if the object is still the same.
[[nodiscard]] Status start_get_object(Client *client, Session *session, std::string_view bucket, std::string_view key,
                                      std::uint64_t first, std::uint64_t length, std::string_view etag, Now now,
                                      Call **call) noexcept;
[[nodiscard]] Status take_object_part(Call *call, ObjectPart **handle, S3Part *part) noexcept;
void destroy(ObjectPart *handle) noexcept;

// Whether an ETag shows that an object's content has this MD5 (base64, as manifests of exports have it). It does not
// where the object was uploaded in several parts, or is encrypted with a key of KMS (S3 user guide, "Checking object
// integrity").
[[nodiscard]] Status etag_shows_md5(std::string_view etag, std::string_view md5, bool *shows) noexcept;

}  // namespace podyn::engine
