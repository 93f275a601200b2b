#include "compiler/driver/commands.h"
#include "compiler/driver/compilation.h"
#include "compiler/driver/report.h"

namespace dl::driver {

int check(const CheckCommand &command, const Settings &settings) {
  bool ok = true;
  for (const std::string &path : command.files) {
    Compilation compilation(settings);
    // A derivative that does not exist is found by differentiating: that needs no running either.
    ok &= compilation.addFile(path) && compilation.check() && compilation.generate() && compilation.lowering.differentiate();
    report(compilation.diagnostics, settings);
  }
  return ok ? 0 : 1;
}

} // namespace dl::driver
