// See inflate.h: by zlib.
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "exports/inflate.h"

namespace podyn::exports {

namespace {

constexpr int kGzipOnly = 15 + 16;  // window bits of inflateInit2: the largest window, gzip header required

uInt at_most_uint(std::size_t size)
{
    return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

class ZlibInflater final : public Inflater {
  public:
    ZlibInflater()
    {
        if (inflateInit2(&stream_, kGzipOnly) != Z_OK)
            throw std::bad_alloc();
    }
    ~ZlibInflater() override { inflateEnd(&stream_); }
    ZlibInflater(const ZlibInflater &) = delete;
    ZlibInflater &operator=(const ZlibInflater &) = delete;

    void begin_member() override { inflateReset(&stream_); }

    Progress inflate(std::string_view *bytes, char *text, std::size_t room) override
    {
        const uInt given_bytes = at_most_uint(bytes->size());
        const uInt given_room = at_most_uint(room);
        stream_.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes->data()));
        stream_.avail_in = given_bytes;
        stream_.next_out = reinterpret_cast<Bytef *>(text);
        stream_.avail_out = given_room;
        const int result = ::inflate(&stream_, Z_NO_FLUSH);
        bytes->remove_prefix(given_bytes - stream_.avail_in);
        return {given_room - stream_.avail_out, state_of(result)};
    }

  private:
    static State state_of(int result)
    {
        switch (result) {
            case Z_OK:
            case Z_BUF_ERROR:  // nothing to do without bytes or room
                return State::kGoesOn;
            case Z_STREAM_END:
                return State::kEnded;
            case Z_MEM_ERROR:
                throw std::bad_alloc();
            default:
                return State::kDamaged;
        }
    }

    z_stream stream_{};
};

}  // namespace

std::unique_ptr<Inflater> zlib_inflater()
{
    return std::make_unique<ZlibInflater>();
}

}  // namespace podyn::exports
