// See config_files.h.
#include "aws/credentials/config_files.h"

#include <algorithm>

#include "aws/credentials/failure.h"
#include "base/text.h"

namespace podyn::aws {

namespace {

constexpr std::string_view kSpace = " \t\r";

std::string_view trimmed(std::string_view text)
{
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// "value # comment": a comment begins behind white space only, because secrets may hold the characters.
std::string_view without_comment(std::string_view text)
{
    for (std::size_t i = 1; i < text.size(); ++i)
        if ((text[i] == '#' || text[i] == ';') && kSpace.find(text[i - 1]) != std::string_view::npos)
            return trimmed(text.substr(0, i));
    return text;
}

std::string_view unquoted(std::string_view text)
{
    const bool quoted =
        text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
    return quoted ? text.substr(1, text.size() - 2) : text;
}

class Parser {
  public:
    Parser(FileKind kind, std::string_view path, ConfigFiles &files) : kind_(kind), path_(path), files_(files) {}

    void take(std::string_view line)
    {
        ++number_;
        const std::string_view text = trimmed(line);
        if (text.empty() || text.front() == '#' || text.front() == ';')
            return;
        if (text.front() == '[')
            open_section(text);
        else if (kSpace.find(line.front()) == std::string_view::npos)
            take_property(text);
        else if (!in_property_)  // else it is nested or continues the line before: nothing that we use
            refuse("is indented, but follows no property");
    }

  private:
    void open_section(std::string_view text)
    {
        in_property_ = false;
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos)
            refuse("begins a section, but lacks the closing bracket");
        const std::string_view title = trimmed(text.substr(1, end - 1));
        const std::size_t space = title.find_first_of(kSpace);
        const bool has_kind = kind_ == FileKind::kConfig && space != std::string_view::npos;
        const std::string kind(has_kind ? title.substr(0, space) : std::string_view());
        const std::string name(unquoted(trimmed(has_kind ? title.substr(space) : title)));
        if (kind == "sso-session")
            section_ = &files_.sso_sessions[name];
        else if (kind == "profile")
            open_profile(name, name == "default");
        else if (kind.empty() && (kind_ == FileKind::kCredentials || name == "default"))
            open_profile(name, false);
        else
            section_ = &ignored_;  // of another kind, or a profile without the word
    }

    // "[profile default]" hides "[default]", wherever that is in the file.
    void open_profile(const std::string &name, bool hides)
    {
        if (hides && !default_hidden_)
            files_.profiles.erase(name);
        default_hidden_ |= hides;
        const bool hidden = name == "default" && kind_ == FileKind::kConfig && default_hidden_ && !hides;
        section_ = hidden ? &ignored_ : &files_.profiles[name];
    }

    void take_property(std::string_view text)
    {
        const std::size_t equals = text.find('=');
        if (equals == std::string_view::npos || equals == 0)
            refuse("is neither a section nor a property");
        if (section_ == nullptr)
            refuse("is outside of every section");
        const std::string name = base::lower_case(trimmed(text.substr(0, equals)));
        (*section_)[name] = without_comment(trimmed(text.substr(equals + 1)));
        in_property_ = true;
    }

    // The line is not repeated: it may be a secret.
    [[noreturn]] void refuse(const char *why) const
    {
        throw credentials_failure("an AWS configuration file cannot be understood",
                                  "line " + std::to_string(number_) + " of " + std::string(path_) + " " + why,
                                  "Mend the file; see AWS's documentation of the shared config and credentials files.");
    }

    FileKind kind_;
    std::string_view path_;
    ConfigFiles &files_;
    Properties *section_ = nullptr;
    Properties ignored_;
    bool default_hidden_ = false;
    bool in_property_ = false;
    int number_ = 0;
};

void load(const World &world, FileKind kind, const char *variable, const char *usual, ConfigFiles &files)
{
    const std::string named = world.variable(variable);
    if (named.empty() && world.variable("HOME").empty())
        return;
    const std::string path = world.expand_path(named.empty() ? usual : named);
    const FileText file = world.read_file(path);
    if (file.text)
        parse_config_file(*file.text, kind, path, files);
    else
        files.missing.append(files.missing.empty() ? "" : ", ").append(path).append(": ").append(file.problem);
}

}  // namespace

std::string property(const Properties &properties, const std::string &name)
{
    const auto found = properties.find(name);
    return found == properties.end() ? std::string() : found->second;
}

ConfigFiles load_config_files(const World &world)
{
    ConfigFiles files;
    load(world, FileKind::kConfig, "AWS_CONFIG_FILE", "~/.aws/config", files);
    load(world, FileKind::kCredentials, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", files);
    return files;
}

void parse_config_file(std::string_view text, FileKind kind, std::string_view path, ConfigFiles &files)
{
    Parser parser(kind, path, files);
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (end > 0)
            parser.take(text.substr(0, end));
        else
            parser.take(" ");
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

std::string setting(const World &world, const char *variable, const Properties &profile, const std::string &name)
{
    const std::string value = world.variable(variable);
    return value.empty() ? property(profile, name) : value;
}

}  // namespace podyn::aws
