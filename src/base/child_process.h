// A program run beside this process: without a shell, with nothing to read, its messages thrown away, its output caught
// up to a limit. Nothing here waits.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace podyn::base {

class ChildProcess {
  public:
    // The program is looked up in PATH. Throws std::runtime_error where it cannot be started.
    explicit ChildProcess(const std::vector<std::string> &arguments);
    // Kills it and its children if it still runs.
    ~ChildProcess();
    ChildProcess(const ChildProcess &) = delete;
    ChildProcess &operator=(const ChildProcess &) = delete;

    // Readable when advance() has something to do, until the program has closed its output; -1 from then on.
    [[nodiscard]] int fd() const noexcept { return output_; }
    // Takes what there is; true once the program has ended.
    [[nodiscard]] bool advance();

    std::string output;
    bool too_much = false;  // output beyond the limit; the program is killed
    int exit_code = -1;     // of a program that has ended by itself

  private:
    void close_output() noexcept;
    void kill_all() const noexcept;

    pid_t pid_ = -1;
    int output_ = -1;
};

}  // namespace podyn::base
