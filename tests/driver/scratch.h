// A folder that a test may fill; it goes away with the test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace dl::tests {

class Scratch {
public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "dl-test-XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  ~Scratch() {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
  }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  std::string path(const std::string &name) const { return (folder / name).string(); }
  std::string write(const std::string &name, const std::string &text) const {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name, std::ios::binary) << text;
    return path(name);
  }

  std::filesystem::path folder;
};

} // namespace dl::tests
