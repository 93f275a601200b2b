// Work in processes of their own, which may crash or hang without harm.
#pragma once

#include "tests/random/trial.h"

#include <functional>

namespace dl::testing {

// Runs `work` in a new process and gives what it wrote with `say`, one outcome each; after a crash or `seconds` of
// processor time without an end, one more outcome that says so.
std::vector<Outcome> inProcess(const std::function<std::vector<Outcome>()> &work, int seconds);

// Runs the pieces of work number 0 … count - 1, `jobs` at a time, and calls `done` here with each one's outcomes as
// they come.
void inProcesses(size_t count, int jobs, int seconds, const std::function<std::vector<Outcome>(size_t)> &work,
                 const std::function<void(size_t, std::vector<Outcome>)> &done);

} // namespace dl::testing
