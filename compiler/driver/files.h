// Files as the driver sees them: reading, writing in one step, and where imports are found.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dl::driver {

// The whole file, or nothing when it cannot be read or is a folder; `errno` then says why.
std::optional<std::string> readFile(const std::filesystem::path &path);
// "cannot read x.dl: No such file or directory", right after readFile() gave nothing.
std::string cannotRead(const std::string &path);

// Writes beside `path` and renames, so that a reader sees the old or the new content and never half of it.
// Returns an empty string on success, else why not.
std::string writeFile(const std::filesystem::path &path, std::string_view content);

// The paths with each folder replaced by the scripts (`.dl`) in it and below, sorted; hidden folders are left out.
std::vector<std::string> expandFolders(const std::vector<std::string> &paths);

// Folder of the standard library: $DL_STDLIB, then the installed place, then the source tree the program was built in.
// Empty when there is none.
std::filesystem::path stdlibFolder();

// Path of the running program or shared library (the one that holds this code).
std::filesystem::path ownPath();

// A file that a compilation looked at: its content's digest, or an empty digest when it was looked for in vain.
struct Dependency {
  std::string path;
  std::string digest;
};

// Hexadecimal digest of 128 bits, for cache keys.
std::string digest(std::string_view text);

// Finds imports and remembers every place that was looked at.
class ImportFinder {
public:
  // Gives a file's text, or nothing when there is none: an editor knows files that are not saved yet.
  using Reader = std::function<std::optional<std::string>(const std::filesystem::path &)>;

  explicit ImportFinder(Reader read = readFile);
  // `name` is dotted as in `import a.b`; found are `a/b.dl` and the folder form `a/b/b.dl`, in the standard library and
  // then beside the importing file.
  bool find(const std::string &name, const std::string &importingPath, std::string &path, std::string &text);
  const std::vector<Dependency> &dependencies() const { return seen; }

private:
  bool tryFile(const std::filesystem::path &candidate, std::string &path, std::string &text);

  Reader read;
  std::filesystem::path library;
  std::vector<Dependency> seen;
};

} // namespace dl::driver
