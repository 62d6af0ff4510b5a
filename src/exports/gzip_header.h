// Reads the header of a gzip member (RFC 1952, 2.3) byte by byte. ISA-L can do so too, but takes one with a checksum of
// its own that comes in several pieces for a damaged one.
#pragma once

#include <cstdint>
#include <string_view>

namespace podyn::exports {

class GzipHeader {
  public:
    enum class State { kGoesOn, kEnded, kDamaged };

    // Takes bytes off the front, no further than to the header's end.
    [[nodiscard]] State read(std::string_view *bytes);

  private:
    enum class Field { kFixed, kExtraSize, kExtra, kName, kComment, kChecksum, kEnd };

    [[nodiscard]] bool take(std::uint8_t byte);
    [[nodiscard]] bool take_fixed(std::uint8_t byte);
    void take_extra_size(std::uint8_t byte);
    [[nodiscard]] bool take_checksum(std::uint8_t byte);
    void go_on_behind(Field field);

    Field field_ = Field::kFixed;
    std::uint32_t position_ = 0;  // in the field
    std::uint8_t flags_ = 0;
    std::uint32_t extra_size_ = 0;
    std::uint32_t crc_ = 0;  // CRC-32 of the header so far
};

}  // namespace podyn::exports
