// What the sources have in common: asking again, and reading what is answered.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "aws/credentials/failure.h"
#include "aws/credentials/world.h"
#include "base/task.h"

namespace podyn::aws {

// Asks up to three times, with growing pauses, as long as the other side is not itself (5xx, too many requests, a
// connection that broke). `reconnects`: also where there was no connection at all.
[[nodiscard]] base::Task<HttpReply> ask(World &world, HttpRequest request, bool reconnects);

// Why a reply is of no use: "HTTP status 404", or how the connection failed.
[[nodiscard]] std::string trouble(const HttpReply &reply);
[[nodiscard]] bool is_transient(const HttpReply &reply);

// The strings and numbers of a JSON object by their paths ("roleCredentials.accessKeyId"). Throws base::Error (28000)
// for what is none; `who` sent it.
[[nodiscard]] std::map<std::string, std::string> read_json(const std::string &body, std::string_view who);

// The time of an Expiration. Throws base::Error (28000) for what is none.
[[nodiscard]] std::int64_t read_expiration(const std::string &text, std::string_view who);

}  // namespace podyn::aws
