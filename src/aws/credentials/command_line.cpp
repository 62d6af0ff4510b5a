// See command_line.h.
#include "aws/credentials/command_line.h"

namespace podyn::aws {

namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kEscapedInQuotes = "\"\\";  // what a backslash can precede there, as far as it matters here

// Takes one word, in which quoted and unquoted parts may follow each other.
bool take_word(std::string_view &line, std::string &word)
{
    char quote = '\0';
    for (; !line.empty(); line.remove_prefix(1)) {
        const char c = line[0];
        if (c == '\\' && quote != '\'' && line.size() > 1 &&
            (quote == '\0' || kEscapedInQuotes.find(line[1]) != std::string_view::npos)) {
            word += line[1];
            line.remove_prefix(1);
        } else if (quote != '\0') {
            if (c == quote)
                quote = '\0';
            else
                word += c;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (kSpace.find(c) != std::string_view::npos) {
            break;
        } else {
            word += c;
        }
    }
    return quote == '\0';
}

}  // namespace

bool split_command_line(std::string_view line, std::vector<std::string> &words)
{
    while (true) {
        const std::size_t begin = line.find_first_not_of(kSpace);
        if (begin == std::string_view::npos)
            return true;
        line.remove_prefix(begin);
        if (!take_word(line, words.emplace_back()))
            return false;
    }
}

}  // namespace podyn::aws
