#include "compiler/driver/commands.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/report.h"

#include <cstdio>

namespace dl::driver {

int grad(const GradCommand &command, const Settings &settings) {
  Compilation compilation(settings);
  std::optional<std::string> text;
  if (compilation.addFile(command.file) && compilation.check() && compilation.generate())
    text = compilation.lowering.derivative(command.function, command.wrt);
  report(compilation.diagnostics, settings);
  if (!text)
    return 1;
  std::fwrite(text->data(), 1, text->size(), stdout);
  return 0;
}

} // namespace dl::driver
