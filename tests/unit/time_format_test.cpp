// Times as AWS's protocols write them.
#include "base/time_format.h"

#include <gtest/gtest.h>

namespace podyn::base {
namespace {

constexpr std::int64_t kTime = 1'632'197'813'000'000;  // 2021-09-21T04:16:53Z

TEST(TimeFormat, iso_times_are_read_in_all_forms_that_aws_uses)
{
    for (const char *text : {"2021-09-21T04:16:53Z", "2021-09-21T04:16:53UTC", "2021-09-21T04:16:53+00:00",
                             "2021-09-21T06:46:53+02:30", "2021-09-20T23:16:53-05:00", "2021-09-21T04:16:53.000Z"})
        EXPECT_EQ(parse_iso_time(text), kTime) << text;
    EXPECT_EQ(parse_iso_time("2021-09-21T04:16:53.25Z"), kTime + 250'000);
    EXPECT_EQ(parse_iso_time("2021-09-21T04:16:53.123456789Z"), kTime + 123'456);
    EXPECT_EQ(parse_iso_time("1970-01-01T00:00:00Z"), 0);
}

TEST(TimeFormat, what_is_no_time_is_refused)
{
    for (const char *text :
         {"", "soon", "2021-09-21", "2021-09-21T04:16:53", "2021-09-21T04:16:53X", "2021-13-21T04:16:53Z",
          "2021-02-30T04:16:53Z", "2021-09-21T24:16:53Z", "2021-09-21T04:60:53Z", "2021-09-21T04:16:53.Z",
          "2021-09-21T04:16:53+2:00", "2021-09-21T04:16:53+24:00", "2021-0a-21T04:16:53Z", "-021-09-21T04:16:53Z"})
        EXPECT_EQ(parse_iso_time(text), std::nullopt) << text;
    for (const char *text : {"", "Tue, 31 Feb 2021 04:16:53 GMT", "Tue, 21 Sep 2021 04:16:53 CET"})
        EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
}

TEST(TimeFormat, times_are_written)
{
    EXPECT_EQ(iso_time(kTime + 999'999), "2021-09-21T04:16:53Z");
    EXPECT_EQ(iso_basic_time(kTime), "20210921T041653Z");
    EXPECT_EQ(parse_http_date("Tue, 21 Sep 2021 04:16:53 GMT"), kTime);
}

}  // namespace
}  // namespace podyn::base
