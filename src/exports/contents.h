// The text of a file that is fed piece by piece, inflated if it is gzipped: which is seen from its first byte. Several
// gzip members in a row are one file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/digest.h"
#include "exports/inflate.h"

namespace podyn::exports {

class Contents {
  public:
    explicit Contents(std::unique_ptr<Inflater> inflater) : inflater_(std::move(inflater)) {}

    // The next bytes as stored, once wants_bytes() is true; they must live until it is true again.
    void feed(std::string_view bytes, bool last);
    [[nodiscard]] bool wants_bytes() const { return bytes_.empty() && !last_; }

    // Writes the text that comes next. Nothing: bytes are wanted, or it has ended. Throws base::Error where the
    // compressed data is broken or truncated, once what came before has been read.
    [[nodiscard]] std::size_t read(char *text, std::size_t room);
    [[nodiscard]] bool ended() const { return last_ && bytes_.empty() && between_members_; }

    [[nodiscard]] std::uint64_t bytes_fed() const { return bytes_fed_; }
    // Before the first feed: nobody wants the MD5, which costs more than anything else here but to inflate.
    void leave_out_md5() { wants_md5_ = false; }
    // Of all bytes fed, base64; empty before the last.
    [[nodiscard]] std::string_view md5() const { return md5_; }

  private:
    enum class Kind { kUnknown, kPlain, kGzip };

    [[nodiscard]] std::size_t copy(char *text, std::size_t room);
    [[nodiscard]] std::size_t inflate(char *text, std::size_t room);
    [[noreturn]] void refuse_damage() const;

    std::unique_ptr<Inflater> inflater_;
    Kind kind_ = Kind::kUnknown;
    bool between_members_ = true;  // nothing is missing here
    std::uint64_t members_ = 0;    // that have ended
    bool damaged_ = false;
    std::string_view bytes_;  // fed and not yet read
    bool last_ = false;
    std::uint64_t bytes_fed_ = 0;
    bool wants_md5_ = true;
    base::Md5 digest_;
    std::string md5_;
};

}  // namespace podyn::exports
