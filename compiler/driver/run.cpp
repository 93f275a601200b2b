#include "compiler/driver/commands.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/native_code.h"
#include "compiler/driver/report.h"
#include "compiler/driver/script_cache.h"
#include "compiler/driver/timing.h"

#include "dl/abi.h"

namespace dl::driver {
namespace {

// The script as object code: kept from an earlier run, or compiled now. Nothing after reporting why not.
std::optional<std::string> objectOf(const std::string &path, const Settings &settings) {
  bool cached = settings.cache && std::filesystem::path(path).extension() != ".mlir";
  std::optional<std::string> text = readFile(path);
  if (!text) {
    report(cannotRead(path), settings);
    return std::nullopt;
  }
  ScriptCache cache;
  std::string key;
  if (cached) {
    Timer timer(settings.timePasses, "look into the cache");
    key = ScriptCache::key(path, *text, settings);
    if (std::optional<CachedScript> script = cache.find(key))
      return std::move(script->object);
  }
  Compilation compilation(settings);
  std::optional<std::string> object;
  bool parsed = compilation.addText(path, std::move(*text));
  if (compilation.check() && parsed)
    object = compilation.object(Entries::Script);
  report(compilation.diagnostics, settings);
  if (object && cached)
    cache.store(key, {compilation.dependencies(), *object});
  return object;
}

} // namespace

int run(const RunCommand &command, const Settings &settings) {
  std::optional<std::string> object = objectOf(command.file, settings);
  if (!object)
    return 1;
  std::string problem;
  std::unique_ptr<NativeCode> code;
  {
    Timer timer(settings.timePasses, "load");
    code = NativeCode::load(std::move(*object), problem);
  }
  dl_function start = code ? code->find(mainEntry, problem) : nullptr;
  if (!start) {
    report(problem, settings);
    return 1;
  }
  std::vector<const char *> arguments{command.file.c_str()};
  for (const std::string &argument : command.arguments)
    arguments.push_back(argument.c_str());
  dl_set_arguments(static_cast<int>(arguments.size()), arguments.data());
  if (settings.threads)
    dl_set_num_threads(settings.threads);
  Timer timer(settings.timePasses, "run");
  if (dl_error *error = dl_invoke(start, nullptr, 0, nullptr, 0)) {
    report(error, settings);
    return 1;
  }
  return 0;
}

} // namespace dl::driver
