#include "compiler/driver/commands.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/report.h"

#include <cstdio>

namespace dl::driver {

const std::vector<std::string> stages = {"ast", "types", "dl", "grad", "linalg", "loops", "llvm", "asm", "obj"};

int compile(const CompileCommand &command, const Settings &settings) {
  Compilation compilation(settings);
  std::optional<std::string> text;
  if (compilation.addFile(command.file)) {
    if (!command.explainMemory)
      text = compilation.emit(command.stage);
    else if (compilation.check() && compilation.generate())
      text = compilation.lowering.keptForReverse();
  }
  report(compilation.diagnostics, settings);
  if (!text)
    return 1;
  if (command.output.empty()) {
    std::fwrite(text->data(), 1, text->size(), stdout);
    return 0;
  }
  std::string problem = writeFile(command.output, *text);
  if (!problem.empty())
    report("cannot write " + command.output + ": " + problem, settings);
  return problem.empty() ? 0 : 1;
}

} // namespace dl::driver
