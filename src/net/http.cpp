// See http.h. Of Http, only what drives the transfers; a transfer itself is in transfer.cpp.
#include "net/http.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "net/signals.h"

namespace podyn::net {

namespace {

// Connections kept open for the next call. libcurl's own default, four times the running transfers, would close most of
// them whenever a burst of calls ends.
constexpr long kMaxIdleConnections = 64;
// At once, idle ones included: a thousand shards that are asked for at once would need as many descriptors, of which
// PostgreSQL knows nothing, and threads to look the name up. Further transfers wait for a connection, within their
// time.
constexpr long kMaxConnections = 128;
// Transfers kept for the next call; an idle one holds some ten kilobytes.
constexpr std::size_t kMaxIdleTransfers = 64;

// Once in a process, and never when the library is loaded: in the postmaster it would be inherited by every session.
void initialize_curl()
{
    static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (result != CURLE_OK)
        throw std::runtime_error("libcurl cannot be initialized");
}

}  // namespace

Http::Http()
{
    const SignalsBlocked blocked;
    initialize_curl();
    idle_.reserve(kMaxIdleTransfers);  // release() must not allocate
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0)
        throw std::runtime_error(std::string("epoll_create1 failed: ") + std::strerror(errno));
    multi_ = curl_multi_init();
    if (multi_ == nullptr) {
        close(epoll_);
        throw std::bad_alloc();
    }
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Http::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kMaxIdleConnections);
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, kMaxConnections);
}

// All transfers have been released.
Http::~Http()
{
    const SignalsBlocked blocked;
    idle_.clear();
    curl_multi_cleanup(multi_);
    close(epoll_);
}

// libcurl does not mind being told of a socket that it does not know.
void Http::watch(int fd)
{
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0)
        throw std::runtime_error(std::string("epoll_ctl failed: ") + std::strerror(errno));
}

std::unique_ptr<Transfer> Http::acquire()
{
    if (idle_.empty()) {
        const SignalsBlocked blocked;
        return std::unique_ptr<Transfer>(new Transfer);
    }
    std::unique_ptr<Transfer> transfer = std::move(idle_.back());
    idle_.pop_back();
    return transfer;
}

void Http::start(Transfer &transfer, std::int64_t now_us)
{
    const SignalsBlocked blocked;
    transfer.prepare();
    const CURLMcode result = curl_multi_add_handle(multi_, transfer.easy_);
    if (result == CURLM_OUT_OF_MEMORY)
        throw std::bad_alloc();
    if (result != CURLM_OK)
        throw std::runtime_error(std::string("libcurl cannot start a transfer: ") + curl_multi_strerror(result));
    transfer.running_ = true;
    update_deadline(now_us);
}

void Http::drive(std::int64_t now_us) noexcept
{
    const SignalsBlocked blocked;
    int running = 0;
    if (deadline_us_ >= 0 && deadline_us_ <= now_us)
        curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    std::array<epoll_event, 64> events;
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
        const epoll_event &event = events[static_cast<std::size_t>(i)];
        int flags = 0;
        if (event.events & (EPOLLIN | EPOLLHUP))
            flags |= CURL_CSELECT_IN;
        if (event.events & EPOLLOUT)
            flags |= CURL_CSELECT_OUT;
        if (event.events & EPOLLERR)
            flags |= CURL_CSELECT_ERR;
        curl_multi_socket_action(multi_, event.data.fd, flags, &running);
    }
    update_deadline(now_us);
}

Transfer *Http::next_finished() noexcept
{
    const SignalsBlocked blocked;
    int left = 0;
    while (const CURLMsg *message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE)
            continue;
        const CURLcode result = message->data.result;
        CURL *easy = message->easy_handle;
        Transfer *transfer = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_off_t sent = 0;
        curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
        transfer->response.status = static_cast<int>(status);
        transfer->connected_ = sent > 0;
        transfer->result_ = result;
        transfer->running_ = false;
        curl_multi_remove_handle(multi_, easy);
        return transfer;
    }
    return nullptr;
}

void Http::release(std::unique_ptr<Transfer> transfer) noexcept
{
    if (!transfer)
        return;
    const SignalsBlocked blocked;
    if (transfer->running_)
        curl_multi_remove_handle(multi_, transfer->easy_);
    transfer->running_ = false;
    transfer->response.clear();
    transfer->request.body = {};
    transfer->request.method = Method::kPost;
    transfer->request.may_reach_metadata = false;
    transfer->request.max_body = kMaxBody;
    if (idle_.size() < kMaxIdleTransfers)
        idle_.push_back(std::move(transfer));
    transfer.reset();
}

// libcurl tells what to watch a socket for. `known` is set once the socket is in the epoll instance.
int Http::on_socket(CURL *, curl_socket_t socket, int what, void *http, void *known) noexcept
{
    const Http &self = *static_cast<const Http *>(http);
    epoll_event event{};
    event.data.fd = socket;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(self.epoll_, EPOLL_CTL_DEL, socket, &event);
        return 0;
    }
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    if (epoll_ctl(self.epoll_, known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event) != 0)
        return -1;
    curl_multi_assign(self.multi_, socket, http);
    return 0;
}

// libcurl is asked rather than heard (CURLMOPT_TIMERFUNCTION): its callback keeps silent where a time that it told has
// not changed, so that a call of drive() a little too early would lose the timer.
void Http::update_deadline(std::int64_t now_us) noexcept
{
    long milliseconds = -1;
    curl_multi_timeout(multi_, &milliseconds);
    deadline_us_ = milliseconds < 0 ? -1 : now_us + 1000 * std::int64_t{milliseconds};
}

}  // namespace podyn::net
