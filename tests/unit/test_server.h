// A small HTTP server inside the test, with one thread per connection. A script decides what each request gets.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/text.h"

namespace podyn::test {

struct ServerRequest {
    int number;  // 0 is the first of the server's life
    std::string line;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
};

struct ServerReply {
    std::string bytes;
    bool close = false;    // afterwards
    int delay_ms = 0;      // before
    bool chopped = false;  // in pieces of 1,000 bytes
};

inline std::string http(int status, const std::string &body, const std::string &headers = "")
{
    return "HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           headers + "\r\n" + body;
}

inline std::string crc_header(const std::string &body)
{
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef *>(body.data()), body.size());
    return "x-amz-crc32: " + std::to_string(crc) + "\r\n";
}

class TestServer {
  public:
    using Script = std::function<ServerReply(const ServerRequest &)>;

    explicit TestServer(Script script) : script_(std::move(script)), listener_(socket(AF_INET, SOCK_STREAM, 0))
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        bind(listener_, reinterpret_cast<sockaddr *>(&address), size);
        listen(listener_, 100);
        getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size);
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { accept_all(); });
    }

    ~TestServer()
    {
        stopping_ = true;
        shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        close(listener_);
        {
            const std::lock_guard lock(mutex_);
            for (const int connection : connections_)
                shutdown(connection, SHUT_RDWR);
        }
        for (std::thread &thread : threads_)
            thread.join();
        for (const int connection : connections_)
            close(connection);
    }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int accepted() const { return accepted_; }
    // The most requests that waited for their reply at the same time.
    int most_waiting() const { return most_waiting_; }
    int requests() const { return requests_; }

  private:
    void accept_all()
    {
        for (int connection; (connection = accept(listener_, nullptr, nullptr)) >= 0;) {
            ++accepted_;
            const std::lock_guard lock(mutex_);
            connections_.push_back(connection);
            threads_.emplace_back([this, connection] { serve(connection); });
        }
    }

    void serve(int connection)
    {
        std::string input;
        for (ServerRequest request; read_request(connection, input, request);) {
            const int waiting = ++waiting_;
            for (int most = most_waiting_; most < waiting && !most_waiting_.compare_exchange_weak(most, waiting);) {
            }
            const ServerReply reply = script_(request);
            for (int waited = 0; waited < reply.delay_ms && !stopping_; waited += 5)
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            --waiting_;
            const std::size_t piece = reply.chopped ? 1000 : reply.bytes.size() + 1;
            for (std::size_t sent = 0; sent < reply.bytes.size(); sent += piece)
                if (!send_all(connection, std::string_view(reply.bytes).substr(sent, piece)))
                    break;
            if (reply.close)
                break;
        }
        shutdown(connection, SHUT_RDWR);
    }

    static bool send_all(int connection, std::string_view bytes)
    {
        while (!bytes.empty()) {
            const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0)
                return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    bool read_request(int connection, std::string &input, ServerRequest &request)
    {
        std::size_t end;
        while ((end = input.find("\r\n\r\n")) == std::string::npos)
            if (!read_more(connection, input))
                return false;
        request.headers.clear();
        const std::string head = input.substr(0, end + 2);
        std::size_t start = head.find("\r\n") + 2;
        request.line = head.substr(0, start - 2);
        for (std::size_t stop; start < head.size(); start = stop + 2) {
            stop = head.find("\r\n", start);
            const std::string line = head.substr(start, stop - start);
            const std::size_t colon = line.find(':');
            request.headers[base::lower_case(line.substr(0, colon))] = line.substr(colon + 2);
        }
        const std::size_t length = std::strtoul(request.headers["content-length"].c_str(), nullptr, 10);  // none: 0
        while (input.size() < end + 4 + length)
            if (!read_more(connection, input))
                return false;
        request.body = input.substr(end + 4, length);
        input.erase(0, end + 4 + length);
        request.number = requests_++;
        return true;
    }

    static bool read_more(int connection, std::string &input)
    {
        char buffer[65536];
        const ssize_t count = recv(connection, buffer, sizeof buffer, 0);
        if (count <= 0)
            return false;
        input.append(buffer, static_cast<std::size_t>(count));
        return true;
    }

    Script script_;
    int listener_;
    int port_ = 0;
    std::atomic<bool> stopping_ = false;
    std::atomic<int> accepted_ = 0;
    std::atomic<int> waiting_{0}, most_waiting_{0};
    std::atomic<int> requests_ = 0;
    std::mutex mutex_;
    std::vector<int> connections_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace podyn::test
