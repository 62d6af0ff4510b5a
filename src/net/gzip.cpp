// See gzip.h.
#include "net/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "net/corrupt.h"

namespace podyn::net {

namespace {

constexpr std::size_t kTrailer = 8;          // CRC-32 and ISIZE (RFC 1952, 2.3.1)
constexpr std::size_t kMaxRatio = 1032;      // of deflate (zlib's technical details)
constexpr std::size_t kSmallest = 4 * 1024;  // first buffer where ISIZE is of no use
constexpr int kGzipOnly = 15 + 16;           // window bits of inflateInit2: the largest window, gzip header required

class Inflater {
  public:
    Inflater()
    {
        if (inflateInit2(&stream, kGzipOnly) != Z_OK)
            throw std::bad_alloc();
    }
    ~Inflater() { inflateEnd(&stream); }
    Inflater(const Inflater &) = delete;
    Inflater &operator=(const Inflater &) = delete;

    z_stream stream{};
};

// What the trailer claims as the size, if it is credible: an allocation that usually is exact.
std::size_t claimed_size(std::string_view compressed, std::size_t cap)
{
    if (compressed.size() < kTrailer)
        return kSmallest;
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i)
        size |= std::size_t{static_cast<unsigned char>(compressed[compressed.size() - 4 + i])} << (8 * i);
    return size <= cap && size / kMaxRatio <= compressed.size() ? size : kSmallest;
}

}  // namespace

std::string gunzip(std::string_view compressed, std::size_t cap)
{
    Inflater inflater;
    z_stream &stream = inflater.stream;
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(compressed.data()));
    stream.avail_in = static_cast<uInt>(compressed.size());
    std::string text;
    // One byte more than claimed, so that the end is seen without another round.
    std::size_t room = std::min(claimed_size(compressed, cap) + 1, cap + 1);
    for (std::size_t filled = 0;;) {
        text.resize(room);
        stream.next_out = reinterpret_cast<Bytef *>(text.data() + filled);
        stream.avail_out = static_cast<uInt>(room - filled);
        const int result = inflate(&stream, Z_NO_FLUSH);
        filled = room - stream.avail_out;
        if (filled > cap)
            throw corrupt("the gzip body inflates to more than " + std::to_string(cap) + " bytes", false);
        if (result == Z_STREAM_END) {
            if (stream.avail_in > 0)
                throw corrupt("bytes follow the end of the gzip body");
            text.resize(filled);
            return text;
        }
        if (result == Z_MEM_ERROR)
            throw std::bad_alloc();
        if (result != Z_OK || stream.avail_out > 0)  // with room left, inflate stops only for want of input
            throw corrupt("the gzip body is damaged or cut off");
        room = std::min(2 * room, cap + 1);
    }
}

}  // namespace podyn::net
