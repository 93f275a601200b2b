#include "compiler/driver/commands.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/report.h"

#include <cstdio>

namespace dl::driver {

int grad(const GradCommand &command, const Settings &settings) {
  // First for all sizes at once; what the function takes from the script, or a parameter without a type, may forbid that,
  // and then as the script calls it.
  for (bool forAllSizes : {true, false}) {
    Compilation compilation(settings);
    std::optional<std::string> text;
    bool known = compilation.addFile(command.file) && (!forAllSizes || compilation.exportFunction(command.function)) &&
                 compilation.check() && compilation.generate();
    if (!known && forAllSizes)
      continue;
    if (known)
      text = compilation.lowering.derivative(command.function, command.wrt);
    report(compilation.diagnostics, settings);
    if (!text)
      return 1;
    std::fwrite(text->data(), 1, text->size(), stdout);
    break;
  }
  return 0;
}

} // namespace dl::driver
