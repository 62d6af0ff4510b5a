// See contents.h.
#include "exports/contents.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "base/base64.h"
#include "exports/corrupt.h"

namespace podyn::exports {

namespace {

constexpr char kGzipMagic = '\x1F';  // no JSON begins so (RFC 1952, 2.3.1)

}  // namespace

void Contents::feed(std::string_view bytes, bool last)
{
    if (!wants_bytes())
        throw std::logic_error("file is fed though it wants no bytes");
    bytes_ = bytes;
    last_ = last;
    bytes_fed_ += bytes.size();
    if (!wants_md5_)
        return;
    digest_.update(bytes);
    if (last)
        md5_ = base::encode_base64(base::as_text(digest_.finish()));
}

std::size_t Contents::read(char *text, std::size_t room)
{
    if (kind_ == Kind::kUnknown && !bytes_.empty())
        kind_ = bytes_.front() == kGzipMagic ? Kind::kGzip : Kind::kPlain;
    return kind_ == Kind::kGzip ? inflate(text, room) : copy(text, room);
}

std::size_t Contents::copy(char *text, std::size_t room)
{
    const std::size_t size = std::min(room, bytes_.size());
    if (size > 0)
        std::memcpy(text, bytes_.data(), size);
    bytes_.remove_prefix(size);
    return size;
}

std::size_t Contents::inflate(char *text, std::size_t room)
{
    if (damaged_)
        refuse_damage();
    for (;;) {
        if (between_members_ && bytes_.empty())
            return 0;
        if (between_members_ && members_ > 0)
            inflater_->begin_member();
        between_members_ = false;
        const std::size_t before = bytes_.size();
        const Inflater::Progress progress = inflater_->inflate(&bytes_, text, room);
        if (progress.state == Inflater::State::kEnded) {
            between_members_ = true;
            ++members_;
        }
        damaged_ = progress.state == Inflater::State::kDamaged;
        if (progress.written > 0)
            return progress.written;
        if (damaged_)
            refuse_damage();
        const bool stands_still = progress.state == Inflater::State::kGoesOn && bytes_.size() == before;
        if (stands_still && bytes_.empty() && !last_)
            return 0;
        if (stands_still && bytes_.empty())
            throw corrupt_file("file is cut off", "The gzip data ends in the middle.");
        if (stands_still)
            refuse_damage();
    }
}

void Contents::refuse_damage() const
{
    throw corrupt_file("file is damaged", members_ == 0 ? "The gzip data is broken, or its checksum is wrong."
                                                        : "What follows the gzip data is none, or is broken.");
}

}  // namespace podyn::exports
