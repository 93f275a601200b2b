#include "compiler/driver/commands.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/native_code.h"
#include "compiler/driver/report.h"

#include "dl/abi.h"

#include <chrono>
#include <cstdio>

namespace dl::driver {
namespace {

struct Summary {
  int passed = 0, failed = 0, broken = 0;
  int chosen() const { return passed + failed; }
};

// The names alone need no code.
void listFile(const std::string &path, const TestCommand &command, const Settings &settings, Summary &summary) {
  Compilation compilation(settings);
  bool ok = compilation.addFile(path);
  report(compilation.diagnostics, settings);
  if (!ok)
    ++summary.broken;
  for (const ast::Stmt *stmt : compilation.syntax().stmts)
    if (stmt->kind == ast::StmtKind::Test &&
        ast::as<const ast::Test>(stmt)->name.find(command.filter) != std::string::npos) {
      std::printf("%s: %s\n", path.c_str(), ast::as<const ast::Test>(stmt)->name.c_str());
      ++summary.passed;
    }
}

void testFile(const std::string &path, const TestCommand &command, const Settings &settings, Summary &summary) {
  Compilation compilation(settings);
  std::optional<std::string> object;
  if (compilation.addFile(path) && compilation.check())
    object = compilation.object(Entries::Tests);
  report(compilation.diagnostics, settings);
  std::string problem;
  std::unique_ptr<NativeCode> code = object ? NativeCode::load(std::move(*object), problem) : nullptr;
  if (!code) {
    if (!problem.empty())
      report(problem, settings);
    ++summary.broken;
    return;
  }
  if (!compilation.program()) {
    report(path + ": the tests of a script are run, not those of MLIR", settings);
    ++summary.broken;
    return;
  }
  const std::vector<sema::TestCase> &tests = compilation.program()->tests;
  for (size_t i = 0; i < tests.size(); ++i) {
    if (tests[i].name.find(command.filter) == std::string::npos)
      continue;
    dl_function start = code->find(testEntry(i), problem);
    dl_error *error = start ? dl_invoke(start, nullptr, 0, nullptr, 0) : nullptr;
    bool ok = start && !error;
    ++(ok ? summary.passed : summary.failed);
    std::printf("%s  %s: %s\n", ok ? "ok  " : "FAIL", path.c_str(), tests[i].name.c_str());
    std::fflush(stdout);
    if (error)
      report(error, settings, {"in the test \"" + tests[i].name + "\" of " + path});
    else if (!start)
      report(problem, settings);
  }
}

} // namespace

int test(const TestCommand &command, const Settings &settings) {
  if (settings.threads)
    dl_set_num_threads(settings.threads);
  Summary summary;
  auto begin = std::chrono::steady_clock::now();
  for (const std::string &path : expandFolders(command.files))
    (command.list ? listFile : testFile)(path, command, settings, summary);
  if (!command.filter.empty() && !summary.chosen() && !summary.broken) {
    report("no test has `" + command.filter + "` in its name", settings);
    return 1;
  }
  if (!command.list) {
    std::printf("%d passed, %d failed", summary.passed, summary.failed);
    if (summary.broken)
      std::printf(", %d file%s did not compile", summary.broken, summary.broken == 1 ? "" : "s");
    std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    std::printf(" in %.2f s\n", taken.count());
  }
  return summary.failed || summary.broken ? 1 : 0;
}

} // namespace dl::driver
