// See exchange.h.
#include "engine/exchange.h"

namespace podyn::engine {

void write_headers(net::Request &request, const aws::SignableRequest &signable, aws::Signer &signer,
                   const aws::Credentials &credentials, std::string_view time, std::string_view accept_encoding)
{
    request.headers.clear();
    for (const aws::Header &header : signable.headers)
        request.headers.emplace_back(header.name).append(": ").append(header.value);
    request.headers.emplace_back("Authorization: ").append(signer.authorization(signable, credentials, time));
    request.headers.emplace_back("Accept-Encoding: ").append(accept_encoding);  // not libcurl's own: it would inflate
    request.headers.emplace_back("Expect:");                                    // none: it would cost a round trip
}

void hide_session_token(const net::Request &request, std::string &text)
{
    constexpr std::string_view kName = "X-Amz-Security-Token: ", kHidden = "(hidden)";
    for (const std::string &header : request.headers) {
        if (!header.starts_with(kName))
            continue;
        const std::string_view token = std::string_view(header).substr(kName.size());
        for (std::size_t at = text.find(token); at != std::string::npos; at = text.find(token, at + kHidden.size()))
            text.replace(at, token.size(), kHidden);
    }
}

}  // namespace podyn::engine
