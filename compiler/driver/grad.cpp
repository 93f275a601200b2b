#include "compiler/driver/commands.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/derivative.h"
#include "compiler/driver/report.h"

#include <cstdio>

namespace dl::driver {

int grad(const GradCommand &command, const Settings &settings) {
  // First for all sizes at once; what the function takes from the script, or a parameter without a type, may forbid
  // that, and then as the script calls it.
  for (bool forAllSizes : {true, false}) {
    Compilation compilation(settings);
    std::optional<std::string> text;
    bool parsed = compilation.addFile(command.file);
    bool isScript = parsed && !compilation.isMlirText();
    bool exists = parsed && (!forAllSizes || !isScript || compilation.askFor(command.wish.function, command.types));
    bool known = exists && compilation.check() && compilation.generate();
    // Not knowing the function, and types that do not fit it, are final.
    if (!known && forAllSizes && exists && command.types.empty())
      continue;
    if (known)
      text = printDerivative(compilation.lowering, command.wish, compilation.diagnostics,
                             "declare the types of its parameters, call it, or say what it takes, for example with "
                             "`--types \"f32[N, 3], f32\"`");
    report(compilation.diagnostics, settings);
    if (!text)
      return 1;
    std::fwrite(text->data(), 1, text->size(), stdout);
    break;
  }
  return 0;
}

} // namespace dl::driver
