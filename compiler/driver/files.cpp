#include "compiler/driver/files.h"

#include "llvm/Support/xxhash.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace dl::driver {

std::optional<std::string> readFile(const fs::path &path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return std::nullopt;
  struct stat info;
  if (fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
    close(fd);
    errno = EISDIR;
    return std::nullopt;
  }
  std::string text;
  char buffer[1 << 16];
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0)
    text.append(buffer, static_cast<size_t>(n));
  int reason = errno;
  close(fd);
  errno = reason;
  if (n < 0)
    return std::nullopt;
  return text;
}

std::string cannotRead(const std::string &path) {
  std::string reason = std::strerror(errno);
  return "cannot read " + path + ": " + reason;
}

std::string writeFile(const fs::path &path, std::string_view content) {
  // Write through a symbolic link instead of replacing it.
  std::error_code error;
  fs::path target = fs::canonical(path, error);
  if (error)
    target = path;

  static std::atomic<int> counter{0};
  fs::path beside = target;
  beside += ".tmp" + std::to_string(getpid()) + "-" + std::to_string(counter++);

  struct stat old;
  bool existed = stat(target.c_str(), &old) == 0;
  // A device or a pipe, such as /dev/null, is written to and not replaced.
  bool isSpecial = existed && !S_ISREG(old.st_mode) && !S_ISDIR(old.st_mode);
  int fd = isSpecial ? open(target.c_str(), O_WRONLY | O_CLOEXEC)
                     : open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0)
    return std::strerror(errno);
  auto giveUp = [&](int reason) {
    close(fd);
    if (!isSpecial)
      unlink(beside.c_str());
    return std::string(std::strerror(reason));
  };
  if (existed && !isSpecial && fchmod(fd, old.st_mode & 07777) != 0)
    return giveUp(errno);
  for (size_t done = 0; done < content.size();) {
    ssize_t n = write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return giveUp(errno);
    done += static_cast<size_t>(n);
  }
  if (close(fd) != 0 || (!isSpecial && rename(beside.c_str(), target.c_str()) != 0)) {
    int reason = errno;
    if (!isSpecial)
      unlink(beside.c_str());
    return std::strerror(reason);
  }
  return "";
}

std::vector<std::string> expandFolders(const std::vector<std::string> &paths) {
  std::vector<std::string> files;
  for (const std::string &path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    size_t first = files.size();
    for (auto it = fs::recursive_directory_iterator(path, error); !error && it != fs::end(it); it.increment(error)) {
      std::string name = it->path().filename().string();
      if (it->is_directory(error) && name.size() > 1 && name[0] == '.')
        it.disable_recursion_pending();
      else if (it->path().extension() == ".dl" && it->is_regular_file(error))
        files.push_back(it->path().string());
    }
    std::sort(files.begin() + static_cast<ptrdiff_t>(first), files.end());
  }
  return files;
}

fs::path ownPath() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&ownPath), &info) && info.dli_fname && std::strchr(info.dli_fname, '/')) {
    std::error_code error;
    fs::path path = fs::canonical(info.dli_fname, error);
    if (!error)
      return path;
  }
  std::error_code error;
  fs::path path = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : path;
}

fs::path stdlibFolder() {
  if (const char *chosen = std::getenv("DL_STDLIB"); chosen && *chosen)
    return chosen;
  fs::path folder = ownPath().parent_path();
  std::error_code error;
  for (const char *relative : {"../share/dl/stdlib", "../../share/dl/stdlib", "../../stdlib"}) {
    fs::path candidate = (folder / relative).lexically_normal();
    if (fs::is_directory(candidate, error))
      return candidate;
  }
  return {};
}

std::string digest(std::string_view text) {
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits({reinterpret_cast<const uint8_t *>(text.data()), text.size()});
  char hex[33];
  std::snprintf(hex, sizeof hex, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return hex;
}

ImportFinder::ImportFinder(Reader read) : read(std::move(read)), library(stdlibFolder()) {}

bool ImportFinder::tryFile(const fs::path &candidate, std::string &path, std::string &text) {
  std::optional<std::string> content = read(candidate);
  auto known = std::find_if(seen.begin(), seen.end(), [&](const Dependency &d) { return d.path == candidate; });
  if (known == seen.end())
    seen.push_back({candidate.string(), content ? digest(*content) : ""});
  if (!content)
    return false;
  path = candidate.string();
  text = std::move(*content);
  return true;
}

bool ImportFinder::find(const std::string &name, const std::string &importingPath, std::string &path,
                        std::string &text) {
  std::string slashed = name;
  std::replace(slashed.begin(), slashed.end(), '.', '/');
  std::string last = slashed.substr(slashed.rfind('/') + 1);
  std::vector<fs::path> folders;
  if (!library.empty())
    folders.push_back(library);
  folders.push_back(fs::path(importingPath).parent_path());
  for (const fs::path &folder : folders)
    if (tryFile(folder / (slashed + ".dl"), path, text) || tryFile(folder / slashed / (last + ".dl"), path, text))
      return true;
  return false;
}

} // namespace dl::driver
