// One transfer of http.h: an easy handle, what it is told, what it hears, and how its failures are called.
#include <sys/socket.h>

#include <algorithm>
#include <new>
#include <optional>
#include <string>

#include "base/guard.h"
#include "base/url.h"
#include "net/corrupt.h"
#include "net/http.h"
#include "net/metadata_address.h"
#include "net/signals.h"

namespace podyn::net {

namespace {

using base::Failure;
using base::make_status;
using base::Status;

constexpr std::int64_t kMaxConnectTime = 5'000'000;  // also of a name look-up; a healthy one takes milliseconds
constexpr long kReceiveBuffer = 64 * 1024;           // TLS gives 16 KB at a time (RFC 8446, 5.1), plain sockets more
constexpr char kUserAgent[] = "podyn/1.0";

long milliseconds(std::int64_t microseconds)
{
    return static_cast<long>(std::max<std::int64_t>(1, microseconds / 1000));
}

// The URL without its path, which may tell how to get at credentials.
std::string origin(const std::string &url)
{
    return url.substr(0, url.find('/', url.find("://") + 3));
}

bool names_address(const std::string &url)
{
    std::string_view problem;
    const std::optional<base::Url> parsed = base::parse_url(origin(url), &problem);
    return parsed && parsed->is_address;
}

}  // namespace

Transfer::Transfer() : easy_(curl_easy_init())
{
    if (easy_ == nullptr)
        throw std::bad_alloc();
    configure();
}

Transfer::~Transfer()
{
    const SignalsBlocked blocked;
    curl_easy_cleanup(easy_);
}

// What stays the same from request to request.
void Transfer::configure()
{
    curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
    curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kReceiveBuffer);
    curl_easy_setopt(easy_, CURLOPT_USERAGENT, kUserAgent);

    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700  // 7.87.0: do not wait for the resolver's thread
    curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
#endif
#if LIBCURL_VERSION_NUM >= 0x075500  // 7.85.0
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);  // keys of S3 may hold ".."
    curl_easy_setopt(easy_, CURLOPT_PROXY, "");       // none, whatever the environment says
    curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy_, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open);
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
#if LIBCURL_VERSION_NUM >= 0x075000  // 7.80.0
    curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &Transfer::on_sending);
    curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
#endif
}

void Transfer::prepare()
{
    if (configured_ca_file_ != request.ca_file) {
        curl_easy_reset(easy_);  // the only way back to the system's certificates
        configure();
        configured_ca_file_ = request.ca_file;
        if (!request.ca_file.empty()) {
            curl_easy_setopt(easy_, CURLOPT_CAINFO, request.ca_file.c_str());
            curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
        }
    }
    link_headers();
    response.clear();
    response.max_body = request.max_body;
    result_ = CURLE_OK;
    sendings_ = 0;
    too_big_ = out_of_memory_ = connected_ = metadata_refused_ = false;
    error_[0] = '\0';
    curl_easy_setopt(easy_, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_links_.data());
    set_method();
    // A connection that was made under this permission is for nobody else.
    curl_easy_setopt(easy_, CURLOPT_FORBID_REUSE, request.may_reach_metadata ? 1L : 0L);
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout_us));
    curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(std::min(request.timeout_us, kMaxConnectTime)));
}

void Transfer::set_method()
{
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method == Method::kPut ? "PUT" : nullptr);
    if (request.method == Method::kGet) {
        curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);
        return;
    }
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    // Without a size, libcurl closes the connection after every 4xx (aws/aws-sdk-cpp#1984).
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
}

// Sees the address that a name has turned into, whatever the resolver was told.
curl_socket_t Transfer::on_open(void *transfer, curlsocktype, curl_sockaddr *address) noexcept
{
    Transfer &self = *static_cast<Transfer *>(transfer);
    if (is_metadata_address(address->addr) && !self.request.may_reach_metadata && !names_address(self.request.url)) {
        self.metadata_refused_ = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int Transfer::on_sending(void *transfer, char *, char *, int, int) noexcept
{
    ++static_cast<Transfer *>(transfer)->sendings_;
    return 0;
}

// curl_slist_append would copy every line once more.
void Transfer::link_headers()
{
    header_links_.resize(request.headers.size());
    for (std::size_t i = 0; i < header_links_.size(); ++i)
        header_links_[i] = {request.headers[i].data(), i + 1 < header_links_.size() ? &header_links_[i + 1] : nullptr};
}

std::size_t Transfer::on_header(char *data, std::size_t size, std::size_t count, void *transfer) noexcept
{
    Transfer &self = *static_cast<Transfer *>(transfer);
    try {
        self.response.take_header({data, size * count});
        return size * count;
    } catch (const std::bad_alloc &) {
        self.out_of_memory_ = true;
        return 0;
    }
}

std::size_t Transfer::on_body(char *data, std::size_t size, std::size_t count, void *transfer) noexcept
{
    Transfer &self = *static_cast<Transfer *>(transfer);
    try {
        self.too_big_ = !self.response.take_body({data, size * count});
        return self.too_big_ ? 0 : size * count;
    } catch (const std::bad_alloc &) {
        self.out_of_memory_ = true;
        return 0;
    }
}

base::Status Transfer::transport_status(std::string_view service, std::string_view option) const
{
    const std::string_view detail = error_[0] != '\0' ? error_ : curl_easy_strerror(result_);
    const std::string server = std::string(service) + " at \"" + origin(request.url) + "\"";
    const auto unavailable = [&](const char *sqlstate, bool retryable, std::string_view message,
                                 std::string_view hint) {
        return make_status(Failure::kUnavailable, sqlstate, retryable, message, detail, hint);
    };
    const std::string network_hint = "Check option " + std::string(option) + " of the server and the network.";

    if (out_of_memory_ || result_ == CURLE_OUT_OF_MEMORY)
        return base::out_of_memory();
    if (too_big_)
        return corrupt("the body has more than " + std::to_string(request.max_body) + " bytes", false,
                       std::string(service))
            .status;
    if (metadata_refused_)
        return make_status(Failure::kInvalid, "42501", false, server + " is an address of the metadata services", {},
                           "Names must not stand for these addresses; a superuser can allow the address itself in the "
                           "setting podyn.allowed_endpoints.");
    switch (result_) {
        case CURLE_OK:
            return {};
        case CURLE_PEER_FAILED_VERIFICATION:
            return unavailable("08001", false, "could not verify the TLS certificate of " + server,
                               "Check options " + std::string(option) + " and ca_file of the server.");
        case CURLE_SSL_CACERT_BADFILE:
            return unavailable("08001", false, "could not read the TLS certificates for " + server,
                               "Check option ca_file of the server: a PEM file that PostgreSQL can read.");
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_SSL_CONNECT_ERROR:
            return unavailable("08001", true, "could not connect to " + server, network_hint);
        case CURLE_OPERATION_TIMEDOUT:
            if (!connected_)
                return unavailable("08001", true, "could not connect to " + server + " in time", network_hint);
            return unavailable("08006", true, "request to " + server + " timed out",
                               "If this goes on, raise option request_timeout of the server.");
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_UNSUPPORTED_PROTOCOL:
            return make_status(Failure::kCorrupt, "08P01", true, "answer of " + server + " is not HTTP", detail,
                               network_hint);
        default:
            return unavailable("08006", true, "connection to " + server + " failed", network_hint);
    }
}

}  // namespace podyn::net
