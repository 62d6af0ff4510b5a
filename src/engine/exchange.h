// Inside the engine only: the part of a call that differs between services, which is what it asks and what the answers
// mean. The rest is the client's: retries, credentials, clocks.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "aws/sigv4.h"
#include "base/url.h"
#include "engine/status.h"
#include "net/http.h"

namespace podyn::engine {

// What an attempt came to.
struct Outcome {
    Status status{};
    bool clock_was_wrong = false;       // perhaps
    bool credentials_outdated = false;  // perhaps
    bool asks_otherwise = false;        // the exchange has changed its request: it is sent at once, and is no retry
};

class Exchange {
  public:
    Exchange() = default;
    virtual ~Exchange() = default;
    Exchange(const Exchange &) = delete;
    Exchange &operator=(const Exchange &) = delete;

    // Where the next attempt goes: the host that is signed, and whose clock it is.
    [[nodiscard]] virtual const base::Url &endpoint() const = 0;
    // Fills in the request of an attempt. Signed anew for each: signatures age. `time` is what X-Amz-Date has to say.
    virtual void write(const aws::Credentials &credentials, std::string_view time, net::Request &request) = 0;
    // A good answer, when it is complete, goes to `body`.
    [[nodiscard]] virtual Outcome judge(net::Transfer &transfer, std::string &body) = 0;
};

// The signed headers as lines of the request, and those that all requests have beside them.
void write_headers(net::Request &request, const aws::SignableRequest &signable, aws::Signer &signer,
                   const aws::Credentials &credentials, std::string_view time, std::string_view accept_encoding);

// A proxy or a stand-in for the service may repeat the headers that it got, and messages end up in logs.
void hide_session_token(const net::Request &request, std::string &text);

}  // namespace podyn::engine
