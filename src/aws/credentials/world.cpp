// See world.h.
#include "aws/credentials/world.h"

#include <cstdlib>
#include <utility>

#include "base/time_format.h"

namespace podyn::aws {

namespace {

// From this difference on a clock counts as wrong (aws-sdk-cpp, AWSClient.cpp). AWS refuses signatures off by 5 minutes
// (DynamoDB: 15).
constexpr std::int64_t kClockTolerance = 4 * 60 * std::int64_t{1'000'000};

}  // namespace

std::int64_t Clocks::offset_us(const std::string &host) const
{
    const auto found = offsets_.find(host);
    return found == offsets_.end() ? 0 : found->second;
}

bool Clocks::correct(const std::string &host, std::string_view date, std::int64_t signed_at_us, std::int64_t unix_us)
{
    const std::optional<std::int64_t> theirs = base::parse_http_date(date);
    if (!theirs || std::abs(*theirs - signed_at_us) < kClockTolerance)
        return false;
    offsets_[host] = *theirs - unix_us;
    return true;
}

std::string World::variable(const char *name) const
{
    const char *value = surroundings_.environment(name);
    const std::string text = value == nullptr ? std::string() : std::string(value);
    return text.find_first_not_of(" \t") == std::string::npos ? std::string() : text;
}

std::string World::expand_path(const std::string &path) const
{
    if (path != "~" && !path.starts_with("~/"))
        return path;
    return variable("HOME") + path.substr(1);
}

// The generator of Knuth's MMIX: enough for jitter.
std::int64_t World::random(std::int64_t below) noexcept
{
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::int64_t>((random_ >> 33) % static_cast<std::uint64_t>(below));
}

World::Asking<HttpNeed> World::http(HttpRequest request)
{
    return {*this, HttpNeed{std::move(request)}};
}

World::Asking<ProcessNeed> World::run(std::vector<std::string> arguments)
{
    return {*this, ProcessNeed{std::move(arguments)}};
}

World::Asking<PauseNeed> World::pause(std::int64_t us)
{
    return {*this, PauseNeed{us}};
}

void World::resume(std::int64_t unix_us)
{
    unix_us_ = unix_us;
    need_ = std::monostate();
    std::exchange(waiting_, {}).resume();
}

}  // namespace podyn::aws
