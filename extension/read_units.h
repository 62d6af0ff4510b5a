// What reading costs.
#pragma once

namespace podyn {

// A read unit is one consistent read of up to 4 KB, or two eventually consistent ones (developer guide,
// ProvisionedThroughput).
inline constexpr double kBytesPerReadUnit = 4096;

}  // namespace podyn
