// See url.h.
#include "base/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace podyn::base {

namespace {

constexpr std::size_t kMaxHostName = 253;  // RFC 1035, 2.3.4
constexpr std::size_t kMaxHostLabel = 63;  // the same

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_usual(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view(":/.-[]").find(c) != std::string_view::npos;
}

// Whether resolvers might take the label for a part of an IPv4 address: "1", "0x7f", "2130706433".
bool is_number(std::string_view label)
{
    return std::all_of(label.begin(), label.end(), is_digit) || label.starts_with("0x");
}

bool parse_port(std::string_view text, int *port)
{
    if (text.empty() || text.size() > 5 || text[0] == '0' || !std::all_of(text.begin(), text.end(), is_digit))
        return false;
    std::from_chars(text.data(), text.data() + text.size(), *port);
    return *port <= 65535;
}

// Takes the host off the front of `rest`; brackets mark IPv6.
bool parse_host(std::string_view *rest, Url *url)
{
    if (rest->starts_with('[')) {
        const std::size_t end = rest->find(']');
        if (end == std::string_view::npos)
            return false;
        const auto address = canonical_address(rest->substr(1, end - 1));
        if (!address || address->find(':') == std::string::npos)
            return false;
        url->host = *address;
        url->is_address = true;
        rest->remove_prefix(end + 1);
        return true;
    }
    const std::string_view host = rest->substr(0, rest->find_first_of(":/"));
    url->host = lower_case(host);
    url->is_address = canonical_address(host).has_value();
    rest->remove_prefix(host.size());
    return url->is_address || is_host_name(url->host);
}

}  // namespace

std::optional<Url> parse_url(std::string_view text, std::string_view *problem)
{
    const auto refuse = [problem](std::string_view reason) {
        *problem = reason;
        return std::nullopt;
    };
    if (text.find('@') != std::string_view::npos)
        return refuse("contains a user name");
    if (text.find_first_of("?#") != std::string_view::npos)
        return refuse("contains a query or a fragment");
    if (!std::all_of(text.begin(), text.end(), is_usual))
        return refuse("contains a character that has no place in an endpoint");

    Url url{};
    const std::string lower = lower_case(text.substr(0, 8));
    if (lower.starts_with("https://"))
        url.tls = true;
    else if (!lower.starts_with("http://"))
        return refuse("does not begin with http:// or https://");
    std::string_view rest = text.substr(url.tls ? 8 : 7);
    if (!parse_host(&rest, &url))
        return refuse("has no valid host name or address");
    url.port = url.tls ? 443 : 80;
    if (rest.starts_with(':')) {
        const std::string_view port = rest.substr(1, rest.find('/') - 1);
        if (!parse_port(port, &url.port))
            return refuse("has no valid port");
        rest.remove_prefix(1 + port.size());
    }
    if (!rest.empty() && rest != "/")
        return refuse("has a path");
    return url;
}

std::string Url::authority() const
{
    const bool brackets = host.find(':') != std::string::npos;
    std::string result = brackets ? "[" + host + "]" : host;
    if (port != (tls ? 443 : 80))
        result.append(":").append(std::to_string(port));
    return result;
}

std::string Url::text() const
{
    return (tls ? "https://" : "http://") + authority();
}

bool Url::is_loopback() const
{
    return host == "localhost" || host == "::1" || (is_address && host.starts_with("127."));
}

void append_percent_encoded(std::string &text, char c)
{
    constexpr char kDigits[] = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved =
        is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved)
        text += c;
    else
        text.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
}

std::string percent_encoded(std::string_view text)
{
    std::string encoded;
    for (const char c : text)
        append_percent_encoded(encoded, c);
    return encoded;
}

std::string percent_encoded_path(std::string_view path)
{
    std::string encoded;
    for (const char c : path) {
        if (c == '/')
            encoded += c;
        else
            append_percent_encoded(encoded, c);
    }
    return encoded;
}

std::optional<std::string> form_decoded(std::string_view text)
{
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        if (text.size() - i < 3 || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0)
            return std::nullopt;
        decoded += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
        i += 2;
    }
    return decoded;
}

int hex_value(char c)
{
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::size_t position = kDigits.find(to_lower(c));
    return position == std::string_view::npos ? -1 : static_cast<int>(position);
}

bool is_host_name(std::string_view text)
{
    if (text.empty() || text.size() > kMaxHostName)
        return false;
    std::string_view label;
    while (true) {
        label = text.substr(0, text.find('.'));
        if (!is_host_label(label))
            return false;
        if (label.size() == text.size())
            return !is_number(label);
        text.remove_prefix(label.size() + 1);
    }
}

bool is_host_label(std::string_view text)
{
    return !text.empty() && text.size() <= kMaxHostLabel && text.front() != '-' && text.back() != '-' &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-'; });
}

std::optional<std::string> canonical_address(std::string_view text)
{
    // inet_pton takes dotted decimal without leading zeros only, and no zones.
    const std::string address(text);
    char canonical[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(in6_addr)];
    for (const int family : {AF_INET, AF_INET6})
        if (inet_pton(family, address.c_str(), bytes) == 1 &&
            inet_ntop(family, bytes, canonical, sizeof canonical) != nullptr)
            return canonical;
    return std::nullopt;
}

}  // namespace podyn::base
