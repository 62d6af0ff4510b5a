// Inside the engine only: calls of S3, which are GETs of a bucket or an object.
//
// A call whose bucket is in another region is sent there, once, and the session remembers the region. Only the region's
// name is taken from the answer, never a host: credentials go to AWS's own hosts of the session's partition, or to the
// endpoint of the options.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/call.h"
#include "engine/exchange.h"
#include "s3/address.h"
#include "s3/error.h"

namespace podyn::engine {

class S3Exchange : public Exchange {
  public:
    [[nodiscard]] const base::Url &endpoint() const override { return address_.endpoint; }
    void write(const aws::Credentials &credentials, std::string_view time, net::Request &request) override;
    [[nodiscard]] Outcome judge(net::Transfer &transfer, std::string &body) override;

  protected:
    // Throws base::Error (22023) for what cannot be a bucket or a key. `key` is empty for the bucket itself.
    S3Exchange(Session &session, std::string_view bucket, std::string_view key);

    // What differs between operations.
    [[nodiscard]] virtual s3::Subject subject() const = 0;
    [[nodiscard]] virtual std::string_view query() const { return {}; }
    virtual void add_headers(std::vector<aws::Header> &) {}  // beside those of every request
    [[nodiscard]] virtual std::size_t max_body() const { return net::kMaxBody; }
    // The answer's beginning at least has come: `transport` says whether all of it has.
    [[nodiscard]] virtual Outcome take_answer(net::Response &response, const Status &transport, std::string &body) = 0;
    // Whether the request can be made in another way that does not have this error.
    [[nodiscard]] virtual bool can_ask_otherwise(int) { return false; }

    [[nodiscard]] const std::string &bucket() const noexcept { return bucket_; }
    [[nodiscard]] const std::string &key() const noexcept { return key_; }

  private:
    [[nodiscard]] Outcome judge_error(const net::Response &response);
    [[nodiscard]] bool go_to_region(const net::Response &response, const s3::Error &error);

    Session &session_;
    const std::string bucket_;
    const std::string key_;
    std::string region_;  // of the bucket, as far as is known
    s3::Address address_;
    bool redirected_ = false;
};

class ListObjects final : public S3Exchange {
  public:
    ListObjects(Session &session, std::string_view bucket, std::string_view prefix, std::string_view delimiter,
                std::string_view token);

  private:
    [[nodiscard]] s3::Subject subject() const override;
    [[nodiscard]] std::string_view query() const override { return query_; }
    [[nodiscard]] Outcome take_answer(net::Response &response, const Status &transport, std::string &body) override;

    const std::string query_;
};

// Reads a part of an object. What has arrived when a connection breaks is kept, and the next attempt asks for the rest
// of the same object.
class GetObject final : public S3Exchange {
  public:
    // Throws base::Error (22023) for a part that is empty or too long, or an etag that cannot be one.
    GetObject(Session &session, std::string_view bucket, std::string_view key, std::uint64_t first,
              std::uint64_t length, std::string_view etag);

    // When the call has succeeded; its body is the part.
    [[nodiscard]] std::uint64_t object_size() const noexcept { return object_size_.value_or(0); }
    [[nodiscard]] const std::string &etag() const noexcept { return etag_; }

  private:
    [[nodiscard]] s3::Subject subject() const override;
    void add_headers(std::vector<aws::Header> &headers) override;
    [[nodiscard]] std::size_t max_body() const override;
    [[nodiscard]] Outcome take_answer(net::Response &response, const Status &transport, std::string &body) override;
    [[nodiscard]] bool can_ask_otherwise(int http_status) override;

    [[nodiscard]] std::uint64_t wanted() const noexcept { return length_ - received_.size(); }
    [[nodiscard]] bool is_complete() const noexcept;
    [[nodiscard]] Status keep(net::Response &response, const Status &transport);
    [[nodiscard]] Status check_range(const net::Response &response, std::uint64_t *object_size) const;

    const std::uint64_t first_;
    const std::uint64_t length_;
    std::string etag_;  // without quotes; empty: any
    std::optional<std::uint64_t> object_size_;
    std::string received_;
    bool whole_ = false;  // asked for without a range
    std::string range_header_;
    std::string etag_header_;
};

}  // namespace podyn::engine
