// What the command line (or a host) may choose about a compilation.
#pragma once

#include <string>

namespace dl::driver {

struct Settings {
  int threads = 0;            // 0: as many as the machine has
  bool cache = true;          // keep compiled scripts on disk
  bool optimise = true;       // -O2; false is -O0
  bool fuse = true;           // merge elementwise operations and their producers into one loop
  bool parallel = true;       // large loops go through the thread pool
  bool detectAnomaly = false; // stop at the first NaN or infinity
  bool timePasses = false;    // tell on stderr what each step of the compilation took
  bool json = false;          // diagnostics as JSON lines
  bool color = false;         // diagnostics with ANSI colours

  // The part of the settings that the compiled code depends on, as text for cache keys.
  std::string codeKey() const {
    return std::string(optimise ? "O2" : "O0") + (fuse ? "" : ",no-fuse") + (parallel ? "" : ",sequential") +
           (detectAnomaly ? ",anomaly" : "");
  }
};

} // namespace dl::driver
