// Compiled scripts on disk, so that a script that was run before starts without the compiler.
#pragma once

#include "compiler/driver/files.h"
#include "compiler/driver/settings.h"

#include <cstdint>
#include <optional>
#include <string>

namespace dl::driver {

struct CachedScript {
  std::vector<Dependency> dependencies; // every file that was looked at besides the script itself
  std::string object;                   // a relocatable object
};

// One folder of entries, shared by any number of processes. Nothing here fails loudly: a cache that cannot be read or
// written is an empty one.
class ScriptCache {
public:
  // In $XDG_CACHE_HOME/dl, or ~/.cache/dl.
  ScriptCache();
  // `maxBytes`: what the folder may hold; the entries that were not used for longest go first.
  ScriptCache(std::filesystem::path folder, uint64_t maxBytes);

  // What the compiled form of a script depends on, besides the files that it imports: its text and name, the compiler,
  // the settings and the CPU.
  static std::string key(const std::string &path, std::string_view text, const Settings &settings);

  // The entry, if it is there and all its dependencies are as they were.
  std::optional<CachedScript> find(const std::string &key) const;
  void store(const std::string &key, const CachedScript &script) const;

private:
  void trim() const;

  std::filesystem::path folder;
  uint64_t maxBytes;
};

} // namespace dl::driver
