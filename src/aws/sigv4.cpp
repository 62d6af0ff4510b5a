// See sigv4.h. The rules are those of "Create a signed AWS API request" in the IAM user guide.
#include "aws/sigv4.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/url.h"

namespace podyn::aws {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string canonical_path(std::string_view path, bool normalize);
std::string canonical_query(std::string_view query);
void append_headers(CanonicalRequest &canonical, std::span<const Header> headers);

std::string scope_text(const Scope &scope)
{
    std::string text(scope.date);
    text.append("/").append(scope.region).append("/").append(scope.service).append("/aws4_request");
    return text;
}

}  // namespace

CanonicalRequest canonical_request(const SignableRequest &request)
{
    CanonicalRequest canonical;
    canonical.text.append(request.method).append("\n");
    canonical.text.append(canonical_path(request.path, request.normalize_path)).append("\n");
    canonical.text.append(canonical_query(request.query)).append("\n");
    append_headers(canonical, request.headers);
    canonical.text.append("\n").append(canonical.signed_headers).append("\n");
    canonical.text.append(base::hex(base::sha256(request.body)));
    return canonical;
}

std::string string_to_sign(std::string_view time, const Scope &scope, std::string_view canonical_request)
{
    std::string text(kAlgorithm);
    text.append("\n").append(time).append("\n").append(scope_text(scope)).append("\n");
    text.append(base::hex(base::sha256(canonical_request)));
    return text;
}

base::Sha256 signing_key(std::string_view secret_access_key, const Scope &scope)
{
    const base::Sha256 date_key = base::hmac_sha256(std::string("AWS4").append(secret_access_key), scope.date);
    const base::Sha256 region_key = base::hmac_sha256(base::as_text(date_key), scope.region);
    const base::Sha256 service_key = base::hmac_sha256(base::as_text(region_key), scope.service);
    return base::hmac_sha256(base::as_text(service_key), "aws4_request");
}

std::string authorization_header(std::string_view access_key_id, const Scope &scope, std::string_view signed_headers,
                                 std::string_view signature)
{
    std::string header(kAlgorithm);
    header.append(" Credential=").append(access_key_id).append("/").append(scope_text(scope));
    header.append(", SignedHeaders=").append(signed_headers);
    header.append(", Signature=").append(signature);
    return header;
}

std::string Signer::authorization(const SignableRequest &request, const Credentials &credentials, std::string_view time)
{
    const Scope scope{time.substr(0, 8), region_, service_};
    const CanonicalRequest canonical = canonical_request(request);
    const base::Sha256 signature =
        base::hmac_sha256(base::as_text(key_for(credentials, scope)), string_to_sign(time, scope, canonical.text));
    return authorization_header(credentials.access_key_id, scope, canonical.signed_headers, base::hex(signature));
}

const base::Sha256 &Signer::key_for(const Credentials &credentials, const Scope &scope)
{
    if (key_date_ != scope.date || key_secret_ != credentials.secret_access_key) {
        key_ = signing_key(credentials.secret_access_key, scope);
        key_date_ = scope.date;
        key_secret_ = credentials.secret_access_key;
    }
    return key_;
}

namespace {

// Drops empty and "." segments and resolves "..". A path that ended in one of those, or in a slash, ends in a slash.
std::string normalized(std::string_view path)
{
    std::vector<std::string_view> segments;
    bool ends_in_slash = true;
    for (std::size_t start = 0; start <= path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        const std::string_view segment = path.substr(start, end - start);
        start = end + 1;
        ends_in_slash = segment.empty() || segment == "." || segment == "..";
        if (!ends_in_slash)
            segments.push_back(segment);
        else if (segment == ".." && !segments.empty())
            segments.pop_back();
    }
    std::string result;
    for (const std::string_view segment : segments)
        result.append("/").append(segment);
    return ends_in_slash ? result + "/" : result;
}

std::string canonical_path(std::string_view path, bool normalize)
{
    return base::percent_encoded_path(normalize ? normalized(path) : std::string(path.empty() ? "/" : path));
}

// Encodes what is not encoded yet: "%E1" stays, a raw byte becomes "%XX".
std::string encoded_once(std::string_view text)
{
    std::string encoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && base::hex_value(text[i + 1]) >= 0 &&
            base::hex_value(text[i + 2]) >= 0) {
            base::append_percent_encoded(
                encoded, static_cast<char>(base::hex_value(text[i + 1]) * 16 + base::hex_value(text[i + 2])));
            i += 2;
        } else {
            base::append_percent_encoded(encoded, text[i]);
        }
    }
    return encoded;
}

// Sorted by encoded name, then by encoded value.
std::string canonical_query(std::string_view query)
{
    std::vector<std::pair<std::string, std::string>> parameters;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view parameter = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const std::size_t equals = std::min(parameter.find('='), parameter.size());
        parameters.emplace_back(encoded_once(parameter.substr(0, equals)),
                                encoded_once(parameter.substr(std::min(equals + 1, parameter.size()))));
    }
    std::sort(parameters.begin(), parameters.end());
    std::string text;
    for (const auto &[name, value] : parameters)
        text.append(text.empty() ? "" : "&").append(name).append("=").append(value);
    return text;
}

bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Without spaces at the ends, and one space for each run of them inside (folded lines too).
void append_trimmed(std::string &text, std::string_view value)
{
    const std::size_t start = text.size();
    bool space = false;
    for (const char c : value) {
        if (is_space(c)) {
            space = true;
            continue;
        }
        if (space && text.size() > start)
            text += ' ';
        space = false;
        text += c;
    }
}

// Sorted by name; values of the same name keep their order and are joined with commas.
void append_headers(CanonicalRequest &canonical, std::span<const Header> headers)
{
    std::vector<std::pair<std::string, std::string_view>> sorted;
    sorted.reserve(headers.size());
    for (const Header &header : headers)
        sorted.emplace_back(base::lower_case(header.name), header.value);
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) { return a.first < b.first; });

    for (std::size_t i = 0; i < sorted.size(); ++i) {
        const std::string &name = sorted[i].first;
        if (i > 0 && sorted[i - 1].first == name) {
            canonical.text.back() = ',';  // in place of the line's end
        } else {
            canonical.text.append(name).append(":");
            canonical.signed_headers.append(canonical.signed_headers.empty() ? "" : ";").append(name);
        }
        append_trimmed(canonical.text, sorted[i].second);
        canonical.text += '\n';
    }
}

}  // namespace

}  // namespace podyn::aws
