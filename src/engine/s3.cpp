// See s3.h.
#include "engine/s3.h"

#include <memory>
#include <string>

#include "engine/call.h"
#include "engine/guard.h"
#include "engine/s3_exchange.h"
#include "engine/take.h"
#include "s3/etag.h"
#include "s3/listing.h"

namespace podyn::engine {

struct S3Objects : s3::ObjectList {
    using ObjectList::ObjectList;
};

struct ObjectPart {
    ObjectPart(std::string its_bytes, const GetObject &exchange)
        : bytes(std::move(its_bytes)), etag(exchange.etag()), object_size(exchange.object_size())
    {
    }
    [[nodiscard]] S3Part page() const { return {bytes, object_size, etag}; }

    std::string bytes;
    std::string etag;
    std::uint64_t object_size;
};

Status start_list_objects(Client *client, Session *session, std::string_view bucket, std::string_view prefix,
                          std::string_view delimiter, std::string_view token, Now now, Call **call) noexcept
{
    return start(client, session, now, call,
                 [&] { return std::make_unique<ListObjects>(*session, bucket, prefix, delimiter, token); });
}

Status take_objects(Call *call, S3Objects **handle, S3ObjectsPage *page) noexcept
{
    return take(call, handle, page);
}

void destroy(S3Objects *handle) noexcept
{
    delete handle;
}

Status start_get_object(Client *client, Session *session, std::string_view bucket, std::string_view key,
                        std::uint64_t first, std::uint64_t length, std::string_view etag, Now now, Call **call) noexcept
{
    return start(client, session, now, call,
                 [&] { return std::make_unique<GetObject>(*session, bucket, key, first, length, etag); });
}

Status take_object_part(Call *call, ObjectPart **handle, S3Part *part) noexcept
{
    *handle = nullptr;
    const auto *exchange = dynamic_cast<const GetObject *>(call->exchange.get());
    if (exchange == nullptr)
        return internal_error("asked for the part of an object of another call");
    return take(call, handle, part, std::cref(*exchange));
}

void destroy(ObjectPart *handle) noexcept
{
    delete handle;
}

Status etag_shows_md5(std::string_view etag, std::string_view md5, bool *shows) noexcept
{
    return guarded([&] {
        *shows = s3::etag_shows_md5(etag, md5);
        return Status{};
    });
}

}  // namespace podyn::engine
