// See time_format.h.
#include "base/time_format.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace podyn::base {

namespace {

using std::chrono::floor;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Digits only; -1 for anything else.
int number(std::string_view digits)
{
    int value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9')
            return -1;
        value = 10 * value + (c - '0');
    }
    return value;
}

// Nothing where there is no such day or time.
std::optional<std::int64_t> unix_time(int year, unsigned month, int day, int hour, int minute, int second)
{
    const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (year < 0 || day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
        !date.ok())
        return std::nullopt;
    const std::chrono::sys_time<std::chrono::microseconds> time =
        std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
        std::chrono::seconds{second};
    return time.time_since_epoch().count();
}

// Takes ".123" off the front: microseconds, or -1 for a dot without digits.
std::int64_t take_fraction(std::string_view *text)
{
    if (!text->starts_with('.'))
        return 0;
    std::int64_t fraction = 0, unit = 1'000'000;
    std::size_t digits = 1;
    for (; digits < text->size() && (*text)[digits] >= '0' && (*text)[digits] <= '9'; ++digits) {
        unit /= 10;
        fraction += unit * ((*text)[digits] - '0');
    }
    text->remove_prefix(digits);
    return digits == 1 ? -1 : fraction;
}

// "Z", "UTC", "+01:00": microseconds ahead of UTC.
std::optional<std::int64_t> zone(std::string_view text)
{
    if (text == "Z" || text == "UTC")
        return 0;
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return std::nullopt;
    const int hours = number(text.substr(1, 2));
    const int minutes = number(text.substr(4));
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return std::nullopt;
    const std::int64_t offset = std::int64_t{60 * hours + minutes} * 60'000'000;
    return text[0] == '-' ? -offset : offset;
}

}  // namespace

std::string iso_basic_time(std::int64_t unix_us)
{
    const std::chrono::sys_time<std::chrono::microseconds> time{std::chrono::microseconds{unix_us}};
    const auto day = floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{floor<std::chrono::seconds>(time) - day};
    char text[32];
    std::snprintf(text, sizeof text, "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text;
}

std::optional<std::int64_t> parse_http_date(std::string_view text)
{
    //                                0         1         2
    //                                01234567890123456789012345678
    constexpr std::string_view kForm = "Sun, 30 Aug 2015 12:36:00 GMT";
    if (text.size() != kForm.size() || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
        text[16] != ' ' || text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT")
        return std::nullopt;
    const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
    if (month == kMonths.end())
        return std::nullopt;
    return unix_time(number(text.substr(12, 4)), static_cast<unsigned>(month - kMonths.begin() + 1),
                     number(text.substr(5, 2)), number(text.substr(17, 2)), number(text.substr(20, 2)),
                     number(text.substr(23, 2)));
}

std::optional<std::int64_t> parse_iso_time(std::string_view text)
{
    //                                0         1
    //                                0123456789012345678
    constexpr std::string_view kForm = "2021-09-21T04:16:53";
    if (text.size() <= kForm.size() || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
        text[16] != ':')
        return std::nullopt;
    const int month = number(text.substr(5, 2));
    const std::optional<std::int64_t> time =
        unix_time(number(text.substr(0, 4)), static_cast<unsigned>(month), number(text.substr(8, 2)),
                  number(text.substr(11, 2)), number(text.substr(14, 2)), number(text.substr(17, 2)));
    std::string_view rest = text.substr(kForm.size());
    const std::int64_t fraction = take_fraction(&rest);
    const std::optional<std::int64_t> ahead = zone(rest);
    if (!time || month < 0 || fraction < 0 || !ahead)
        return std::nullopt;
    return *time + fraction - *ahead;
}

std::string iso_time(std::int64_t unix_us)
{
    std::string text = iso_basic_time(unix_us);  // 20150830T123600Z
    for (const std::size_t position : {4U, 7U})
        text.insert(position, "-");
    for (const std::size_t position : {13U, 16U})
        text.insert(position, ":");
    return text;
}

}  // namespace podyn::base
