// See gzip_header.h.
#include "exports/gzip_header.h"

#include <zlib.h>

#include <initializer_list>

namespace podyn::exports {

namespace {

constexpr std::uint8_t kChecksumFlag = 0x02, kExtraFlag = 0x04, kNameFlag = 0x08, kCommentFlag = 0x10, kReserved = 0xE0;
constexpr std::uint32_t kFixedSize = 10;
constexpr std::uint8_t kMagicAndMethod[] = {0x1F, 0x8B, 8};

}  // namespace

GzipHeader::State GzipHeader::read(std::string_view *bytes)
{
    while (field_ != Field::kEnd && !bytes->empty()) {
        const auto byte = static_cast<std::uint8_t>(bytes->front());
        if (!take(byte))
            return State::kDamaged;
        bytes->remove_prefix(1);
    }
    return field_ == Field::kEnd ? State::kEnded : State::kGoesOn;
}

bool GzipHeader::take(std::uint8_t byte)
{
    if (field_ == Field::kChecksum)
        return take_checksum(byte);
    crc_ = static_cast<std::uint32_t>(crc32(crc_, &byte, 1));
    ++position_;
    switch (field_) {
        case Field::kFixed:
            return take_fixed(byte);
        case Field::kExtraSize:
            take_extra_size(byte);
            return true;
        case Field::kExtra:
            if (position_ == extra_size_)
                go_on_behind(Field::kExtra);
            return true;
        default:  // a text that ends with a zero byte
            if (byte == 0)
                go_on_behind(field_);
            return true;
    }
}

bool GzipHeader::take_fixed(std::uint8_t byte)
{
    if (position_ <= sizeof kMagicAndMethod)
        return byte == kMagicAndMethod[position_ - 1];
    if (position_ == sizeof kMagicAndMethod + 1)
        flags_ = byte;
    if (position_ == kFixedSize)
        go_on_behind(Field::kFixed);
    return (flags_ & kReserved) == 0;
}

void GzipHeader::take_extra_size(std::uint8_t byte)
{
    extra_size_ |= std::uint32_t{byte} << (8 * (position_ - 1));
    if (position_ == 2)
        go_on_behind(extra_size_ == 0 ? Field::kExtra : Field::kExtraSize);
}

// The header's last field: the lower half of the CRC-32.
bool GzipHeader::take_checksum(std::uint8_t byte)
{
    if (byte != (crc_ >> (8 * position_) & 0xFF))
        return false;
    if (++position_ == 2)
        go_on_behind(Field::kChecksum);
    return true;
}

void GzipHeader::go_on_behind(Field field)
{
    struct Optional {
        Field field;
        std::uint8_t flag;
    };
    constexpr Optional kOptional[] = {{Field::kExtraSize, kExtraFlag},
                                      {Field::kName, kNameFlag},
                                      {Field::kComment, kCommentFlag},
                                      {Field::kChecksum, kChecksumFlag}};
    position_ = 0;
    if (field == Field::kExtraSize) {
        field_ = Field::kExtra;
        return;
    }
    for (const Optional &optional : kOptional)
        if (optional.field > field && (flags_ & optional.flag) != 0) {
            field_ = optional.field;
            return;
        }
    field_ = Field::kEnd;
}

}  // namespace podyn::exports
