// See ask.h.
#include "aws/credentials/ask.h"

#include "base/arena.h"
#include "base/time_format.h"
#include "json/path_sink.h"

namespace podyn::aws {

namespace {

constexpr int kMaxAttempts = 3;
constexpr std::int64_t kBasePause = 200'000;  // doubles with each attempt, and is jittered

class TextSink final : public json::PathSink {
  public:
    using PathSink::PathSink;
    std::map<std::string, std::string> texts;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (value.kind == json::Scalar::Kind::kString || value.kind == json::Scalar::Kind::kNumber)
            texts[std::string(path)] = value.text;
    }
};

}  // namespace

base::Task<HttpReply> ask(World &world, HttpRequest request, bool reconnects)
{
    for (int attempt = 1;; ++attempt) {
        HttpReply reply = co_await world.http(request);
        const bool unconnected = std::string_view(reply.transport.sqlstate) == "08001";
        if (attempt == kMaxAttempts || !is_transient(reply) || (unconnected && !reconnects))
            co_return reply;
        const std::int64_t pause = kBasePause << (attempt - 1);
        co_await world.pause(pause / 2 + world.random(pause));
    }
}

std::string trouble(const HttpReply &reply)
{
    if (reply.transport.ok())
        return "HTTP status " + std::to_string(reply.status);
    return std::string(reply.transport.message) + (reply.transport.detail[0] != '\0' ? ": " : "") +
           reply.transport.detail;
}

bool is_transient(const HttpReply &reply)
{
    return reply.transport.ok() ? reply.status >= 500 || reply.status == 429 : reply.transport.retryable;
}

std::map<std::string, std::string> read_json(const std::string &body, std::string_view who)
{
    base::Arena arena;
    TextSink sink(arena);
    const base::Status status = base::guarded([&] {
        json::read(body, sink);
        return base::Status();
    });
    // What is wrong may quote a secret.
    if (!status.ok())
        throw credentials_failure(std::string(who).append(" gave an answer that is not JSON"), {},
                                  "Check what answers at its address.");
    return std::move(sink.texts);
}

std::int64_t read_expiration(const std::string &text, std::string_view who)
{
    const std::optional<std::int64_t> time = base::parse_iso_time(text);
    if (!time)
        throw credentials_failure(std::string(who).append(" gave an expiration that is no time"), {},
                                  "Check what answers at its address.");
    return *time;
}

}  // namespace podyn::aws
