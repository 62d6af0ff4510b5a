// See retry.h.
#include "aws/retry.h"

#include <algorithm>
#include <charconv>

namespace podyn::aws {

namespace {

constexpr int kMaxAttempts = 3;
constexpr int kRetryCost = 5;
constexpr int kTimeoutRetryCost = 10;
constexpr int kSuccessGain = 1;                 // for a call that needed no retry
constexpr std::int64_t kBaseDelay = 1'000'000;  // doubles with each attempt
constexpr std::int64_t kMaxDelay = 20'000'000;
constexpr std::int64_t kMaxAdditionalRetryAfter = 5'000'000;  // beyond our own delay
constexpr std::int64_t kMaxRetryAfterMs = 3'600'000;          // ours: more is a mistake

}  // namespace

bool RetryQuota::acquire(int amount) noexcept
{
    if (amount > available_)
        return false;
    available_ -= amount;
    return true;
}

void RetryQuota::release(int amount) noexcept
{
    available_ = std::min(kCapacity, available_ + amount);
}

std::optional<std::int64_t> RetryState::failed(RetryQuota &quota, bool timed_out, double random,
                                               std::optional<std::int64_t> retry_after_us) noexcept
{
    const int cost = timed_out ? kTimeoutRetryCost : kRetryCost;
    if (attempt_ >= kMaxAttempts || !quota.acquire(cost))
        return std::nullopt;
    last_cost_ = cost;
    const std::int64_t longest = std::min(kBaseDelay << (attempt_ - 1), kMaxDelay);
    const auto delay = static_cast<std::int64_t>(random * static_cast<double>(longest));
    ++attempt_;
    return std::max(delay, std::min(retry_after_us.value_or(0), delay + kMaxAdditionalRetryAfter));
}

void RetryState::succeeded(RetryQuota &quota) const noexcept
{
    quota.release(last_cost_ > 0 ? last_cost_ : kSuccessGain);
}

std::optional<std::int64_t> parse_retry_after(std::string_view header) noexcept
{
    std::int64_t milliseconds = 0;
    const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), milliseconds);
    if (error != std::errc() || end != header.data() + header.size() || milliseconds < 0 ||
        milliseconds > kMaxRetryAfterMs)
        return std::nullopt;
    return milliseconds * 1000;
}

}  // namespace podyn::aws
