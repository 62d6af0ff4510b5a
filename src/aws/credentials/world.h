// What a source of credentials needs of the world outside, and how it asks for it: what is at hand (the environment,
// small files, the time) with plain calls, what takes time (HTTP, a program, a pause) with co_await. Whoever runs a
// source looks at need(), does what it says, fills in the reply and calls resume(). So sources know no sockets, and
// tests play the world.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace podyn::aws {

// Looks a variable up; null where it is not set. Usually std::getenv.
using Environment = std::function<const char *(const char *name)>;

// A file's content, or why there is none.
struct FileText {
    std::optional<std::string> text;
    std::string problem;  // "No such file or directory"
};

// What is at hand.
struct Surroundings {
    Environment environment;
    std::function<FileText(const std::string &path)> read_file;
    // Puts a file of this content, readable for its owner only, in the place of another; false where it cannot.
    std::function<bool(const std::string &path, const std::string &text)> replace_file;
};

// What the clocks of AWS's hosts are ahead of ours.
class Clocks {
  public:
    [[nodiscard]] std::int64_t offset_us(const std::string &host) const;
    // Adopts the clock of an answer's Date header if it is far from what was signed; true if it did.
    bool correct(const std::string &host, std::string_view date, std::int64_t signed_at_us, std::int64_t unix_us);

  private:
    std::map<std::string, std::int64_t> offsets_;
};

struct HttpRequest {
    std::string method = "GET";
    std::string url;
    std::vector<std::string> headers{};  // lines without line ends
    std::string body{};
    std::string ca_file{};                // empty: the system's certificates
    std::int64_t timeout_us = 5'000'000;  // from connecting to the last byte
    bool may_reach_metadata = false;      // addresses of the metadata services, see net/metadata_address.h
};

struct HttpReply {
    base::Status transport{};  // how the exchange of bytes went
    int status = 0;
    std::string date{};  // header Date
    std::string body{};
};

struct HttpNeed {
    using Reply = HttpReply;
    HttpRequest request;
    HttpReply reply{};
};

struct ProcessReply {
    std::string problem{};  // it could not be started, was killed, wrote too much
    int exit_code = 0;
    std::string output{};
};

// A program to run, without a shell.
struct ProcessNeed {
    using Reply = ProcessReply;
    std::vector<std::string> arguments;
    ProcessReply reply{};
};

struct PauseNeed {
    struct Reply {};
    std::int64_t us;
    Reply reply{};
};

class World {
  public:
    using Need = std::variant<std::monostate, HttpNeed *, ProcessNeed *, PauseNeed *>;

    World(const Surroundings &surroundings, Clocks &client_clocks, std::int64_t unix_us, std::uint64_t seed)
        : clocks(client_clocks), surroundings_(surroundings), unix_us_(unix_us), random_(seed)
    {
    }
    World(const World &) = delete;
    World &operator=(const World &) = delete;

    Clocks &clocks;

    // A variable's value; empty where it is not set or blank.
    [[nodiscard]] std::string variable(const char *name) const;
    [[nodiscard]] FileText read_file(const std::string &path) const { return surroundings_.read_file(path); }
    [[nodiscard]] bool replace_file(const std::string &path, const std::string &text) const
    {
        return surroundings_.replace_file(path, text);
    }
    // "~/…" under the home directory.
    [[nodiscard]] std::string expand_path(const std::string &path) const;
    [[nodiscard]] std::int64_t unix_us() const noexcept { return unix_us_; }
    // In [0, below).
    [[nodiscard]] std::int64_t random(std::int64_t below) noexcept;

    template <typename Kind>
    class Asking;
    [[nodiscard]] Asking<HttpNeed> http(HttpRequest request);
    [[nodiscard]] Asking<ProcessNeed> run(std::vector<std::string> arguments);
    [[nodiscard]] Asking<PauseNeed> pause(std::int64_t us);

    // For the runner: what the source waits for, nothing if it does not wait; and on with it.
    [[nodiscard]] const Need &need() const noexcept { return need_; }
    [[nodiscard]] bool is_waiting() const noexcept { return waiting_ != nullptr; }
    void resume(std::int64_t unix_us);

  private:
    const Surroundings &surroundings_;
    std::int64_t unix_us_;
    std::uint64_t random_;
    Need need_;
    std::coroutine_handle<> waiting_;
};

// What co_await turns into the reply.
template <typename Kind>
class World::Asking {
  public:
    Asking(World &world, Kind need) : world_(world), need_(std::move(need)) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> source) noexcept
    {
        world_.need_ = &need_;
        world_.waiting_ = source;
    }
    [[nodiscard]] typename Kind::Reply await_resume() noexcept { return std::move(need_.reply); }

  private:
    World &world_;
    Kind need_;
};

// The surroundings of this process. HOME falls back to the home directory of the operating system's user.
[[nodiscard]] const Surroundings &process_surroundings();

}  // namespace podyn::aws
