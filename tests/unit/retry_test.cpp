// AWS's standard retry mode, without a clock.
#include "aws/retry.h"

#include <gtest/gtest.h>

namespace podyn::aws {
namespace {

TEST(Retry, a_call_has_three_attempts)
{
    RetryQuota quota;
    RetryState call;
    EXPECT_TRUE(call.failed(quota, false, 0.5, {}).has_value());
    EXPECT_TRUE(call.failed(quota, false, 0.5, {}).has_value());
    EXPECT_FALSE(call.failed(quota, false, 0.5, {}).has_value());
    EXPECT_EQ(quota.available(), 500 - 2 * 5);
}

TEST(Retry, delays_double_and_are_drawn_from_their_whole_length)
{
    RetryQuota quota;
    RetryState call;
    EXPECT_EQ(call.failed(quota, false, 0.5, {}), 500'000);
    EXPECT_EQ(call.failed(quota, false, 0.5, {}), 1'000'000);
    RetryState lucky;
    EXPECT_EQ(lucky.failed(quota, false, 0.0, {}), 0);
}

TEST(Retry, time_outs_cost_twice_as_much)
{
    RetryQuota quota;
    RetryState call;
    (void)call.failed(quota, true, 0.5, {});
    EXPECT_EQ(quota.available(), 490);
}

TEST(Retry, an_exhausted_quota_ends_retries_and_successes_fill_it_again)
{
    RetryQuota quota;
    RetryState last;
    for (int i = 0; i < 100; ++i) {
        last = {};
        EXPECT_TRUE(last.failed(quota, false, 0.5, {}).has_value());
    }
    RetryState refused;
    EXPECT_FALSE(refused.failed(quota, false, 0.5, {}).has_value());
    last.succeeded(quota);  // gives back what its retry cost
    EXPECT_EQ(quota.available(), 5);
    RetryState().succeeded(quota);
    EXPECT_EQ(quota.available(), 6);
    EXPECT_TRUE(refused.failed(quota, false, 0.5, {}).has_value());
}

TEST(Retry, the_quota_never_exceeds_its_capacity)
{
    RetryQuota quota;
    RetryState().succeeded(quota);
    EXPECT_EQ(quota.available(), 500);
}

TEST(Retry, the_service_may_ask_for_five_seconds_more_than_our_own_delay)
{
    RetryQuota quota;
    EXPECT_EQ(RetryState().failed(quota, false, 0.5, 700'000), 700'000);
    EXPECT_EQ(RetryState().failed(quota, false, 0.5, 100'000), 500'000);
    EXPECT_EQ(RetryState().failed(quota, false, 0.5, 60'000'000), 5'500'000);
}

TEST(Retry, the_header_is_milliseconds_and_nonsense_is_ignored)
{
    EXPECT_EQ(parse_retry_after("1500"), 1'500'000);
    for (const char *header : {"", "-1", "1.5", "soon", "15x", "99999999999999999999", "3600001"})
        EXPECT_EQ(parse_retry_after(header), std::nullopt) << header;
}

}  // namespace
}  // namespace podyn::aws
