// See child_process.h.
#include "base/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

extern char **environ;

namespace podyn::base {

namespace {

constexpr std::size_t kMaxOutput = 64 * 1024;  // ours; the credentials in question have some kilobytes

// What the child finds: no open file of ours, no blocked or ignored signal, a process group of its own.
class SpawnSettings {
  public:
    explicit SpawnSettings(int output)
    {
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
        posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
#endif
        posix_spawnattr_init(&attributes);
        sigset_t signals;
        sigemptyset(&signals);
        posix_spawnattr_setsigmask(&attributes, &signals);
        sigfillset(&signals);
        posix_spawnattr_setsigdefault(&attributes, &signals);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    ~SpawnSettings()
    {
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    SpawnSettings(const SpawnSettings &) = delete;
    SpawnSettings &operator=(const SpawnSettings &) = delete;

    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
};

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string> &arguments)
{
    std::vector<char *> pointers;
    for (const std::string &argument : arguments)
        pointers.push_back(const_cast<char *>(argument.c_str()));
    pointers.push_back(nullptr);
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
    // The child's end blocks, as programs expect.
    fcntl(ends[1], F_SETFL, 0);
    int error = 0;
    {
        const SpawnSettings settings(ends[1]);
        error = posix_spawnp(&pid_, pointers[0], &settings.actions, &settings.attributes, pointers.data(), environ);
    }
    close(ends[1]);
    output_ = ends[0];
    if (error != 0) {
        close_output();
        throw std::runtime_error("cannot start \"" + arguments[0] + "\": " + std::strerror(error));
    }
}

ChildProcess::~ChildProcess()
{
    close_output();
    if (pid_ < 0)
        return;
    kill_all();
    waitpid(pid_, nullptr, 0);
}

bool ChildProcess::advance()
{
    std::array<char, 4096> buffer{};
    while (output_ >= 0) {
        const ssize_t count = read(output_, buffer.data(), buffer.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (count <= 0) {
            close_output();
            break;
        }
        output.append(buffer.data(), static_cast<std::size_t>(count));
        if (output.size() > kMaxOutput) {
            too_much = true;
            close_output();
            kill_all();
        }
    }
    int status = 0;
    if (pid_ >= 0 && output_ < 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    return pid_ < 0;
}

void ChildProcess::close_output() noexcept
{
    if (output_ >= 0)
        close(output_);
    output_ = -1;
}

// The group, because a script's own children would go on.
void ChildProcess::kill_all() const noexcept
{
    kill(-pid_, SIGKILL);
}

}  // namespace podyn::base
