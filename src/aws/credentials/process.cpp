// Credentials that a program prints (AWS SDKs and Tools Reference Guide, "Process credential provider"). It is run
// without a shell: what the command line says is an argument, never a pipe or a second command.
#include "aws/credentials/ask.h"
#include "aws/credentials/command_line.h"
#include "aws/credentials/sources.h"

namespace podyn::aws {

namespace {

constexpr std::string_view kWho = "credential_process";

// Of the program's own output nothing is repeated: it may be a secret.
base::Error failure(std::string_view detail, bool retryable = false)
{
    return credentials_failure("credential_process gave no credentials", detail,
                               "Run it by hand as the operating system user that PostgreSQL runs as. podyn runs it "
                               "without a shell.",
                               retryable);
}

}  // namespace

base::Task<Credentials> from_process(World &world, std::string command)
{
    std::vector<std::string> arguments;
    if (!split_command_line(command, arguments) || arguments.empty())
        throw failure("the command is empty, or a quotation mark is not closed");
    arguments[0] = world.expand_path(arguments[0]);
    const ProcessReply reply = co_await world.run(std::move(arguments));
    if (!reply.problem.empty())
        throw failure(reply.problem);
    if (reply.exit_code != 0)
        throw failure("the program ended with exit code " + std::to_string(reply.exit_code), true);
    std::map<std::string, std::string> texts = read_json(reply.output, kWho);
    if (texts["Version"] != "1")
        throw failure("the output is not of version 1");
    Credentials credentials{texts["AccessKeyId"], texts["SecretAccessKey"], texts["SessionToken"]};
    if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
        throw failure("the output lacks AccessKeyId or SecretAccessKey");
    if (!texts["Expiration"].empty())
        credentials.expires_us = read_expiration(texts["Expiration"], kWho);
    check_credentials(credentials);
    co_return credentials;
}

}  // namespace podyn::aws
