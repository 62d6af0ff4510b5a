// What reading costs.
#pragma once

namespace podyn {

// A read unit is one consistent read of up to 4 KB, or two eventually consistent ones (developer guide,
// ProvisionedThroughput).
inline constexpr double kBytesPerReadUnit = 4096;

// Where the stream's start lies this long before a page, a stale read can show nothing that the stream will not mend
// (a write is seen by every read well within it), and half the read units are saved.
inline constexpr int kStaleReadsAreSafeSeconds = 300;

}  // namespace podyn
