// Roles: AWS STS's AssumeRole and AssumeRoleWithWebIdentity (API reference of STS, 2011-06-15).
#include <algorithm>
#include <array>

#include "aws/credentials/ask.h"
#include "aws/credentials/sources.h"
#include "aws/endpoints.h"
#include "aws/error.h"
#include "aws/sigv4.h"
#include "base/time_format.h"
#include "base/url.h"
#include "xml/reader.h"

namespace podyn::aws {

namespace {

using base::Task;

constexpr std::string_view kContentType = "application/x-www-form-urlencoded";

base::Url endpoint_of(const StsOptions &options)
{
    return options.endpoint.empty()
               ? aws_endpoint(Service::kSts, options.region, options.use_fips, options.use_dualstack)
               : custom_endpoint(options.endpoint);
}

class Form {
  public:
    Form &add(std::string_view name, std::string_view value)
    {
        if (!value.empty())
            text_.append(text_.empty() ? "" : "&").append(name).append("=").append(base::percent_encoded(value));
        return *this;
    }
    [[nodiscard]] const std::string &text() const { return text_; }

  private:
    std::string text_;
};

Form role_form(const World &world, std::string_view action, const Role &role)
{
    Form form;
    form.add("Action", action).add("Version", "2011-06-15").add("RoleArn", role.arn);
    form.add("RoleSessionName",
             role.session_name.empty() ? "podyn-" + std::to_string(world.unix_us() / 1'000'000) : role.session_name);
    form.add("ExternalId", role.external_id).add("DurationSeconds", role.duration_seconds);
    return form;
}

// The signed headers in the form of a request, and the time that they say.
std::int64_t sign(const World &world, const StsOptions &options, const Credentials &credentials, HttpRequest &request)
{
    const std::string host = endpoint_of(options).authority();
    const std::int64_t time_us = world.unix_us() + world.clocks.offset_us(host);
    const std::string time = base::iso_basic_time(time_us);
    const std::array<Header, 4> headers = {{{"Host", host},
                                            {"Content-Type", kContentType},
                                            {"X-Amz-Date", time},
                                            {"X-Amz-Security-Token", credentials.session_token}}};
    const std::span<const Header> used(headers.data(), credentials.session_token.empty() ? 3 : 4);
    const std::string authorization =
        Signer(options.region, "sts")
            .authorization({.method = "POST", .path = "/", .query = {}, .headers = used, .body = request.body},
                           credentials, time);
    request.headers.clear();
    for (const Header &header : used)
        request.headers.push_back(std::string(header.name).append(": ").append(header.value));
    request.headers.push_back("Authorization: " + authorization);
    return time_us;
}

HttpRequest request_of(const StsOptions &options, const Form &form)
{
    HttpRequest request;
    request.method = "POST";
    request.url = endpoint_of(options).text() + "/";
    request.ca_file = options.ca_file;
    request.body = form.text();
    request.headers.push_back(std::string("Content-Type: ").append(kContentType));
    return request;
}

ServiceError error_of(const HttpReply &reply)
{
    return {xml::text_of(reply.body, "Code"), xml::text_of(reply.body, "Message")};
}

base::Error refused(const HttpReply &reply, const Role &role)
{
    const std::string message = "could not assume role \"" + role.arn + "\"";
    const ServiceError error = error_of(reply);
    if (!reply.transport.ok() || error.name.empty())
        return credentials_failure(message, "AWS STS: " + trouble(reply),
                                   "Check the network, and option sts_endpoint of the server.", is_transient(reply));
    // STS may ask an identity provider, which may be out of reach; throttling has the status 400.
    const bool transient = is_transient(reply) || error.name == "Throttling" || error.name == "IDPCommunicationError";
    return credentials_failure(
        message, error.name + ": " + std::string(without_secrets(error.message)),
        error.name == "AccessDenied"
            ? "Allow the action sts:AssumeRole on the role in the IAM policy of the basic credentials, and these in "
              "the "
              "role's trust policy; if that asks for an external ID, set option external_id of the server."
            : "Check role_arn, and the credentials or token that the role is assumed with.",
        transient);
}

Credentials credentials_of(const HttpReply &reply, const Role &role)
{
    if (!reply.transport.ok() || reply.status != 200)
        throw refused(reply, role);
    Credentials credentials{xml::text_of(reply.body, "AccessKeyId"), xml::text_of(reply.body, "SecretAccessKey"),
                            xml::text_of(reply.body, "SessionToken")};
    if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
        throw credentials_failure("AWS STS gave an answer without credentials", {},
                                  "Check option sts_endpoint of the server.");
    credentials.expires_us = read_expiration(xml::text_of(reply.body, "Expiration"), "AWS STS");
    check_credentials(credentials);
    return credentials;
}

}  // namespace

Task<Credentials> assume_role(World &world, StsOptions options, Role role, Credentials base)
{
    check_credentials(base);
    const Form form = role_form(world, "AssumeRole", role);
    HttpRequest request = request_of(options, form);
    std::int64_t signed_at_us = sign(world, options, base, request);
    HttpReply reply = co_await ask(world, request, true);
    if (reply.transport.ok() && reply.status != 200 && may_be_clock_skew(error_of(reply)) &&
        world.clocks.correct(endpoint_of(options).authority(), reply.date, signed_at_us, world.unix_us())) {
        sign(world, options, base, request);
        reply = co_await ask(world, request, true);
    }
    co_return credentials_of(reply, role);
}

Task<Credentials> assume_role_with_token(World &world, StsOptions options, WebIdentity identity)
{
    const FileText token = world.read_file(world.expand_path(identity.token_file));
    if (!token.text)
        throw credentials_failure("could not read the web identity token", identity.token_file + ": " + token.problem,
                                  "Check AWS_WEB_IDENTITY_TOKEN_FILE or web_identity_token_file, and that PostgreSQL "
                                  "may read the file.");
    std::string_view text = *token.text;
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    Form form = role_form(world, "AssumeRoleWithWebIdentity", identity.role);
    form.add("WebIdentityToken", text);
    const HttpRequest request = request_of(options, form);
    const HttpReply reply = co_await ask(world, request, true);
    co_return credentials_of(reply, identity.role);
}

}  // namespace podyn::aws
