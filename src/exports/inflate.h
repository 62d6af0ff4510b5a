// Inflates one member of a gzip file (RFC 1952) piece by piece: by ISA-L where it was found at build time, else by
// zlib, which takes twice as long.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

namespace podyn::exports {

class Inflater {
  public:
    enum class State {
        kGoesOn,   // there is more to come, once there are bytes or room for it
        kEnded,    // the member is over, its checksum and length are right
        kDamaged,  // what has been written came before the damage, or at the end of it
    };

    struct Progress {
        std::size_t written;
        State state;
    };

    virtual ~Inflater() = default;

    // Before each member but the first.
    virtual void begin_member() = 0;
    // Takes bytes off the front of `bytes` and writes what they inflate to. There may be something to write without
    // further bytes.
    [[nodiscard]] virtual Progress inflate(std::string_view *bytes, char *text, std::size_t room) = 0;
};

[[nodiscard]] std::unique_ptr<Inflater> zlib_inflater();
// Null where the build has no ISA-L.
[[nodiscard]] std::unique_ptr<Inflater> isal_inflater();

[[nodiscard]] inline std::unique_ptr<Inflater> fastest_inflater()
{
    std::unique_ptr<Inflater> inflater = isal_inflater();
    return inflater ? std::move(inflater) : zlib_inflater();
}

}  // namespace podyn::exports
