#include "compiler/driver/script_cache.h"

#include "compiler/driver/version.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/TargetParser/Host.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sys/stat.h>
#include <utime.h>

namespace fs = std::filesystem;

namespace dl::driver {
namespace {

constexpr std::string_view magic = "dlscript1\n";
constexpr uint64_t defaultMaxBytes = 256ull << 20;

void put(std::string &out, std::string_view text) {
  uint64_t size = text.size();
  out.append(reinterpret_cast<const char *>(&size), sizeof size);
  out.append(text);
}

// Reads what put() wrote; every length is checked, so a damaged file is only a miss.
class Reader {
public:
  explicit Reader(std::string_view text) : rest(text) {}
  bool take(uint64_t &value) {
    if (rest.size() < sizeof value)
      return false;
    std::memcpy(&value, rest.data(), sizeof value);
    rest.remove_prefix(sizeof value);
    return true;
  }
  bool take(std::string &value) {
    uint64_t size;
    if (!take(size) || rest.size() < size)
      return false;
    value.assign(rest.substr(0, size));
    rest.remove_prefix(size);
    return true;
  }

private:
  std::string_view rest;
};

fs::path defaultFolder() {
  if (const char *cache = std::getenv("XDG_CACHE_HOME"); cache && *cache == '/')
    return fs::path(cache) / "dl";
  if (const char *home = std::getenv("HOME"); home && *home)
    return fs::path(home) / ".cache" / "dl";
  return {};
}

} // namespace

ScriptCache::ScriptCache() : ScriptCache(defaultFolder(), defaultMaxBytes) {}
ScriptCache::ScriptCache(fs::path folder, uint64_t maxBytes) : folder(std::move(folder)), maxBytes(maxBytes) {}

std::string ScriptCache::key(const std::string &path, std::string_view text, const Settings &settings) {
  std::string parts;
  put(parts, versionText());
  // A rebuilt compiler of the same version is another compiler.
  struct stat self = {};
  stat(ownPath().c_str(), &self);
  put(parts, std::to_string(self.st_size) + "," + std::to_string(self.st_mtim.tv_sec) + "," +
                 std::to_string(self.st_mtim.tv_nsec));
  put(parts, settings.codeKey());
  put(parts, llvm::sys::getHostCPUName());
  std::error_code error;
  put(parts, fs::absolute(path, error).string());
  put(parts, path);
  put(parts, stdlibFolder().string());
  put(parts, text);
  return digest(parts);
}

std::optional<CachedScript> ScriptCache::find(const std::string &key) const {
  if (folder.empty())
    return std::nullopt;
  fs::path file = folder / key;
  std::optional<std::string> content = readFile(file);
  if (!content || !std::string_view(*content).starts_with(magic))
    return std::nullopt;

  Reader reader(std::string_view(*content).substr(magic.size()));
  CachedScript script;
  std::string check;
  uint64_t count;
  if (!reader.take(count))
    return std::nullopt;
  for (uint64_t i = 0; i < count; ++i) {
    Dependency dependency;
    if (!reader.take(dependency.path) || !reader.take(dependency.digest))
      return std::nullopt;
    std::optional<std::string> text = readFile(dependency.path);
    if ((text ? digest(*text) : "") != dependency.digest)
      return std::nullopt;
    script.dependencies.push_back(std::move(dependency));
  }
  if (!reader.take(script.object) || !reader.take(check) || digest(script.object) != check)
    return std::nullopt;
  utime(file.c_str(), nullptr); // recently used
  return script;
}

void ScriptCache::store(const std::string &key, const CachedScript &script) const {
  if (folder.empty())
    return;
  std::error_code error;
  fs::create_directories(folder, error);
  std::string content(magic);
  uint64_t count = script.dependencies.size();
  content.append(reinterpret_cast<const char *>(&count), sizeof count);
  for (const Dependency &dependency : script.dependencies) {
    put(content, dependency.path);
    put(content, dependency.digest);
  }
  put(content, script.object);
  put(content, digest(script.object));
  if (content.size() <= maxBytes && writeFile(folder / key, content).empty())
    trim();
}

void ScriptCache::trim() const {
  struct Entry {
    fs::path path;
    fs::file_time_type used;
    uint64_t size;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone; // another process may trim at the same time
    Entry entry{it->path(), it->last_write_time(gone), it->file_size(gone)};
    if (gone)
      continue;
    total += entry.size;
    entries.push_back(std::move(entry));
  }
  if (total <= maxBytes)
    return;
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) { return a.used < b.used; });
  for (const Entry &entry : entries) {
    if (total <= maxBytes * 3 / 4)
      break;
    fs::remove(entry.path, error);
    total -= entry.size;
  }
}

} // namespace dl::driver
