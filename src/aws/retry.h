// When a failed attempt is made again: AWS's standard retry mode as a state machine without clock or chance of its own.
// Numbers: botocore 1.43.11, retries/standard.py and retries/quota.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace podyn::aws {

// What one session may spend on retries, so that a sick service is not buried under them.
class RetryQuota {
  public:
    [[nodiscard]] bool acquire(int amount) noexcept;
    void release(int amount) noexcept;
    [[nodiscard]] int available() const noexcept { return available_; }

  private:
    static constexpr int kCapacity = 500;
    int available_ = kCapacity;
};

// The attempts of one call. The first is under way from the start; each failed() that gives a delay leads to another.
class RetryState {
  public:
    // The delay before the next attempt in microseconds, or nothing: give up. `random` is in [0, 1); `retry_after_us`
    // is what the service asks for.
    [[nodiscard]] std::optional<std::int64_t> failed(RetryQuota &quota, bool timed_out, double random,
                                                     std::optional<std::int64_t> retry_after_us) noexcept;
    void succeeded(RetryQuota &quota) const noexcept;

  private:
    int attempt_ = 1;
    int last_cost_ = 0;  // of the last retry; 0: there was none
};

// Header x-amz-retry-after: milliseconds. Nothing for what is no number or absurd.
[[nodiscard]] std::optional<std::int64_t> parse_retry_after(std::string_view header) noexcept;

}  // namespace podyn::aws
