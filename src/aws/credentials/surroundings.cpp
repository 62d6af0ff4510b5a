// process_surroundings() of world.h: this process's environment and file system.
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "aws/credentials/world.h"

namespace podyn::aws {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;  // ours; the files in question have some kilobytes

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor()
    {
        if (fd_ >= 0)
            close(fd_);
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;
    operator int() const { return fd_; }  // NOLINT(google-explicit-constructor): stands for the number

  private:
    int fd_;
};

const char *home_directory()
{
    static const std::string home = [] {
        passwd entry{};
        passwd *found = nullptr;
        std::array<char, 4096> buffer{};
        return getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr
                   ? std::string(entry.pw_dir)
                   : std::string();
    }();
    return home.c_str();
}

const char *variable(const char *name)
{
    const char *value = std::getenv(name);
    return value == nullptr && std::strcmp(name, "HOME") == 0 ? home_directory() : value;
}

FileText unreadable(const char *problem)
{
    return {std::nullopt, problem};
}

FileText read_file(const std::string &path)
{
    // Without O_NONBLOCK, a pipe in the file's place would hold us up.
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status {};
    if (file < 0 || fstat(file, &status) != 0)
        return unreadable(std::strerror(errno));
    if (!S_ISREG(status.st_mode))
        return unreadable("not a regular file");
    std::string text;
    std::array<char, 16384> buffer{};
    for (ssize_t count; (count = read(file, buffer.data(), buffer.size())) != 0;) {
        if (count < 0)
            return unreadable(std::strerror(errno));
        text.append(buffer.data(), static_cast<std::size_t>(count));
        if (text.size() > kMaxFile)
            return unreadable("file is too large");
    }
    return {std::move(text), {}};
}

// Written beside it and renamed, so that no reader sees half a file.
bool replace_file(const std::string &path, const std::string &text)
{
    std::string fresh = path + ".XXXXXX";
    bool written = false;
    {
        const Descriptor file(mkostemp(fresh.data(), O_CLOEXEC));  // mode 0600
        if (file < 0)
            return false;
        written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(file) == 0;
    }
    written = written && std::rename(fresh.c_str(), path.c_str()) == 0;
    if (!written)
        unlink(fresh.c_str());
    return written;
}

}  // namespace

const Surroundings &process_surroundings()
{
    static const Surroundings surroundings{variable, read_file, replace_file};
    return surroundings;
}

}  // namespace podyn::aws
