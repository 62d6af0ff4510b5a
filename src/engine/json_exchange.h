// Inside the engine only: a call of DynamoDB or DynamoDB Streams, which is JSON 1.0 over POST.
#pragma once

#include <string>
#include <string_view>

#include "engine/call.h"
#include "engine/exchange.h"

namespace podyn::engine {

class JsonExchange final : public Exchange {
  public:
    JsonExchange(Session &session, Operation operation, std::string_view body);

    [[nodiscard]] const base::Url &endpoint() const override;
    void write(const aws::Credentials &credentials, std::string_view time, net::Request &request) override;
    [[nodiscard]] Outcome judge(net::Transfer &transfer, std::string &body) override;

  private:
    Session &session_;
    const Operation operation_;
    const std::string body_;
};

}  // namespace podyn::engine
