// The forms of time that AWS's protocols use. Locale and time zone of the process play no part.
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

// 2021-09-21T04:16:53Z in microseconds of Unix time, also with a fraction, an offset as in +00:00, or UTC for Z (AWS
// CLI); nothing for other forms.
[[nodiscard]] std::optional<std::int64_t> parse_iso_time(std::string_view text);
// 2021-09-21T04:16:53Z.
[[nodiscard]] std::string iso_time(std::int64_t unix_us);

}  // namespace podyn::base
