// A strict parser of endpoint URLs: scheme, host, port and nothing else. What is unusual is refused rather than
// interpreted, because another reader of the same text (libcurl, the resolver) might interpret it otherwise.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace podyn::base {

struct Url {
    bool tls;
    std::string host;  // lower case; an IPv6 address without brackets, in canonical form
    bool is_address;   // an IPv4 or IPv6 address, not a name
    int port;

    // Host and port as the Host header has them: brackets around IPv6, no port if it is the scheme's own.
    [[nodiscard]] std::string authority() const;
    // The URL rebuilt from its parts.
    [[nodiscard]] std::string text() const;
    // localhost, 127.0.0.0/8 or ::1.
    [[nodiscard]] bool is_loopback() const;
};

// The URL, or nothing with the reason in *problem: a phrase that continues "… is not an endpoint: it ".
[[nodiscard]] std::optional<Url> parse_url(std::string_view text, std::string_view *problem);

// RFC 3986: unreserved characters as they are, all others as %XX.
void append_percent_encoded(std::string &text, char c);
[[nodiscard]] std::string percent_encoded(std::string_view text);
// The same, with "/" as it is.
[[nodiscard]] std::string percent_encoded_path(std::string_view path);
// %XX decoded, and "+" as a space (application/x-www-form-urlencoded); nothing where a "%" has no two digits.
[[nodiscard]] std::optional<std::string> form_decoded(std::string_view text);
// The value of a hexadecimal digit; -1: it is none.
[[nodiscard]] int hex_value(char c);

// A dot-separated name of LDH labels (RFC 1123, 2.1), lower case, whose last label is not a number.
[[nodiscard]] bool is_host_name(std::string_view text);
// One label of such a name.
[[nodiscard]] bool is_host_label(std::string_view text);

// An IPv4 address in dotted decimal form or an IPv6 address without brackets and zone, in its canonical form.
[[nodiscard]] std::optional<std::string> canonical_address(std::string_view text);

}  // namespace podyn::base
