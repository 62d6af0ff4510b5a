// HTTP over one curl_multi, whose sockets are in one epoll instance. Nothing waits here: the owner of the epoll
// instance's descriptor waits, and calls drive().
//
// A Transfer is an easy handle with its request and response; transfers are used again, with their settings, for the
// next request. acquire() → start() → drive() until next_finished() gives it → release(). A running transfer may be
// released at any time: it is then cancelled.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/response.h"

namespace podyn::net {

enum class Method { kPost, kGet, kPut };

struct Request {
    Method method = Method::kPost;
    std::string url;
    std::string ca_file;               // PEM; empty: the system's certificates
    std::vector<std::string> headers;  // lines without line ends
    std::string_view body;             // must outlive the transfer's run; not with kGet
    std::int64_t timeout_us = 0;       // from connecting to the last byte
    std::size_t max_body = kMaxBody;   // of the response
    // Whether a host's name may stand for an address of the metadata services (metadata_address.h). Where the URL has
    // the address itself, whoever wrote or allowed the URL knew.
    bool may_reach_metadata = false;
};

class Transfer {
  public:
    ~Transfer();
    Transfer(const Transfer &) = delete;
    Transfer &operator=(const Transfer &) = delete;

    Request request;
    Response response;
    void *owner = nullptr;

    [[nodiscard]] bool timed_out() const noexcept { return result_ == CURLE_OPERATION_TIMEDOUT; }
    // Where a connection that was used before breaks without a byte of answer, libcurl sends the request once more: the
    // server may have had it twice. (libcurl 7.80; an older one does not tell.)
    [[nodiscard]] bool sent_again() const noexcept { return sendings_ > 1; }
    // How the exchange of bytes went; what an HTTP error status means is not its concern. `service` and the URL are
    // named in the message, `option` in the hint: it says where the service is.
    [[nodiscard]] base::Status transport_status(std::string_view service, std::string_view option = "endpoint") const;

  private:
    friend class Http;
    Transfer();

    void configure();
    void prepare();
    void set_method();
    void link_headers();
    static curl_socket_t on_open(void *transfer, curlsocktype purpose, curl_sockaddr *address) noexcept;
    static int on_sending(void *transfer, char *, char *, int, int) noexcept;
    static std::size_t on_header(char *data, std::size_t size, std::size_t count, void *transfer) noexcept;
    static std::size_t on_body(char *data, std::size_t size, std::size_t count, void *transfer) noexcept;

    CURL *easy_;
    CURLcode result_ = CURLE_OK;
    int sendings_ = 0;
    bool running_ = false;
    bool too_big_ = false;
    bool out_of_memory_ = false;
    bool connected_ = false;
    bool metadata_refused_ = false;
    std::string configured_ca_file_;
    std::vector<curl_slist> header_links_;  // libcurl's list over the lines of request.headers
    char error_[CURL_ERROR_SIZE] = "";
};

class Http {
  public:
    Http();
    ~Http();
    Http(const Http &) = delete;
    Http &operator=(const Http &) = delete;

    // Readable when drive() has something to do, or a watched descriptor is readable.
    [[nodiscard]] int fd() const noexcept { return epoll_; }
    // Watches another descriptor, until it is closed.
    void watch(int fd);
    // When drive() wants to be called at the latest, on the clock that drive() is given; -1: no time limit.
    [[nodiscard]] std::int64_t deadline_us() const noexcept { return deadline_us_; }

    [[nodiscard]] std::unique_ptr<Transfer> acquire();
    void start(Transfer &transfer, std::int64_t now_us);
    void drive(std::int64_t now_us) noexcept;
    [[nodiscard]] Transfer *next_finished() noexcept;
    void release(std::unique_ptr<Transfer> transfer) noexcept;

  private:
    static int on_socket(CURL *easy, curl_socket_t socket, int what, void *http, void *known) noexcept;
    void update_deadline(std::int64_t now_us) noexcept;

    CURLM *multi_ = nullptr;
    int epoll_ = -1;
    std::int64_t deadline_us_ = -1;
    std::vector<std::unique_ptr<Transfer>> idle_;
};

}  // namespace podyn::net
