// The two forms of time that AWS's HTTP protocol uses. Locale and time zone of the process play no part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace podyn::base {

// 20150830T123600Z, for X-Amz-Date. The first eight characters are the date of the credential scope.
[[nodiscard]] std::string iso_basic_time(std::int64_t unix_us);

// "Sun, 30 Aug 2015 12:36:00 GMT" (RFC 9110, 5.6.7, IMF-fixdate) in microseconds of Unix time; nothing for other forms.
[[nodiscard]] std::optional<std::int64_t> parse_http_date(std::string_view text);

}  // namespace podyn::base
