// See inflate.h: by ISA-L.
#include "exports/inflate.h"

#ifdef PODYN_WITH_ISAL

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "exports/gzip_header.h"

namespace podyn::exports {

namespace {

std::uint32_t at_most_uint32(std::size_t size)
{
    return static_cast<std::uint32_t>(std::min<std::size_t>(size, std::numeric_limits<std::uint32_t>::max()));
}

// ISA-L's AVX code leaves the upper halves of the registers in use, with which all SSE code behind it runs at half its
// speed.
#ifdef __x86_64__
__attribute__((target("avx"))) void zero_upper_halves()
{
    _mm256_zeroupper();
}

void clean_registers()
{
    static const bool has_avx = __builtin_cpu_supports("avx") != 0;
    if (has_avx)
        zero_upper_halves();
}
#else
void clean_registers() {}
#endif

class IsalInflater final : public Inflater {
  public:
    IsalInflater()
    {
        isal_inflate_init(&state_);
        state_.crc_flag = kVerify;
    }

    void begin_member() override
    {
        header_ = {};
        isal_inflate_reset(&state_);
        state_.crc_flag = kVerify;
    }

    Progress inflate(std::string_view *bytes, char *text, std::size_t room) override
    {
        const GzipHeader::State header = header_.read(bytes);
        if (header != GzipHeader::State::kEnded)
            return {0, header == GzipHeader::State::kDamaged ? State::kDamaged : State::kGoesOn};
        const std::uint32_t given_bytes = at_most_uint32(bytes->size());
        const std::uint32_t given_room = at_most_uint32(room);
        state_.next_in = reinterpret_cast<std::uint8_t *>(const_cast<char *>(bytes->data()));
        state_.avail_in = given_bytes;
        state_.next_out = reinterpret_cast<std::uint8_t *>(text);
        state_.avail_out = given_room;
        const int result = isal_inflate(&state_);
        clean_registers();
        bytes->remove_prefix(given_bytes - state_.avail_in);
        return {given_room - state_.avail_out, state_of(result)};
    }

  private:
    static constexpr std::uint32_t kVerify = ISAL_GZIP_NO_HDR_VER;  // the checksum and length behind the data

    [[nodiscard]] State state_of(int result) const
    {
        if (result < 0 || result == ISAL_NEED_DICT)
            return State::kDamaged;
        return state_.block_state == ISAL_BLOCK_FINISH ? State::kEnded : State::kGoesOn;
    }

    GzipHeader header_;
    inflate_state state_{};
};

}  // namespace

std::unique_ptr<Inflater> isal_inflater()
{
    return std::make_unique<IsalInflater>();
}

}  // namespace podyn::exports

#else

namespace podyn::exports {

std::unique_ptr<Inflater> isal_inflater()
{
    return nullptr;
}

}  // namespace podyn::exports

#endif
