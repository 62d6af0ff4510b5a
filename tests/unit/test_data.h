// Real material for tests, read in place and never copied here: the folder that PODYN_TEST_DATA names, or shared/data
// beside the project. Tests skip, saying so, where it is absent.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace podyn::test {

inline std::filesystem::path data_directory()
{
    const char *directory = std::getenv("PODYN_TEST_DATA");
    return directory != nullptr ? directory : PODYN_SOURCE_DIR "/../shared/data";
}

// Empty if there is no such file.
inline std::string read_file(const std::filesystem::path &path)
{
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace podyn::test
