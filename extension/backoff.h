// Waits before something is tried again: each twice as long as the one before, up to a limit.
#pragma once

#include "compat.h"

namespace podyn {

struct Backoff {
    // Microseconds.
    int64 first;
    int64 last;

    // After so many waits in a row.
    [[nodiscard]] int64 wait(int times) const { return Min(first << Min(times, kMostDoublings), last); }

    static constexpr int kMostDoublings = 20;
};

// Where DynamoDB throttles. AWS's SDKs begin with 50 ms (botocore, retries/legacy).
inline constexpr Backoff kThrottled = {50 * 1000, 10 * USECS_PER_SEC};

// Between half of a wait and all of it, so that those who wait for the same do not come back together.
inline int64 jittered(int64 wait, int64 monotonic_us)
{
    constexpr int64 kSteps = 1000;
    return wait / 2 + wait / 2 * (monotonic_us % kSteps) / kSteps;
}

}  // namespace podyn
