// Inside the engine only: write units per second, as a bucket that may be overdrawn by one request.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace podyn::engine {

class WriteBudget {
  public:
    explicit WriteBudget(double rate) : rate_(rate) {}

    void refill(std::int64_t now_us)
    {
        if (since_us_ >= 0)
            left_ = std::min(left_ + rate_ * static_cast<double>(now_us - since_us_) / 1e6, rate_ * kBurstSeconds);
        since_us_ = now_us;
    }
    [[nodiscard]] bool allows() const { return rate_ <= 0 || left_ >= 0; }
    void take(double units) { left_ -= units; }
    // When it allows something again.
    [[nodiscard]] std::int64_t due_us() const
    {
        return since_us_ + static_cast<std::int64_t>(std::ceil(-left_ / rate_ * 1e6));
    }

  private:
    static constexpr double kBurstSeconds = 0.1;  // of the rate

    double rate_;
    double left_ = 0;
    std::int64_t since_us_ = -1;
};

}  // namespace podyn::engine
