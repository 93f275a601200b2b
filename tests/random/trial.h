// Trying programs: each gives the same compiled with and without optimisation and evaluated plainly.
#pragma once

#include "tests/random/program.h"

#include <optional>
#include <string>
#include <vector>

namespace dl::testing {

struct Outcome {
  enum Kind {
    Agrees,
    Unstable,      // depends on rounding, or leaves the range of floats: not compared
    Refused,       // the checker does not take a program that is correct by construction
    Contradiction, // a value has not the type that the checker gave it
    NotCompiled,   // an error of the compiler after checking
    Differs,       // compiled code gives something else than the evaluation
    Crashed,       // the process ended
    Hung,
  } kind = Agrees;
  std::string what; // for a person

  bool failed() const { return kind > Unstable; }
};
const char *nameOf(Outcome::Kind kind);

// All programs in one compilation each way: with and without optimisation if `thorough`, else with the passes that fuse
// loops and quick machine code. A failure of the compilation is that of each program that it may belong to.
std::vector<Outcome> tryPrograms(std::vector<Program> programs, bool thorough);

// A text that may be wrong anywhere: it is refused with an error that has a place, or it is compiled, and its entry
// point may be called if it still takes the arguments.
Outcome tryBroken(const Program &program, bool runs);

} // namespace dl::testing
