// The sub-commands of `dl`, one file each. Each returns the exit status: 0, or 1 for a program's fault.
#pragma once

#include "compiler/driver/derivative.h"
#include "compiler/driver/settings.h"

#include <string>
#include <vector>

namespace dl::driver {

// dl run FILE ARGS...
struct RunCommand {
  std::string file;
  std::vector<std::string> arguments; // what the script sees
};
int run(const RunCommand &command, const Settings &settings);

// dl build FILE -o OUTPUT [--lib]
struct BuildCommand {
  std::string file, output;
  bool library = false;
};
int build(const BuildCommand &command, const Settings &settings);

// dl check FILE... | dl check --types FILE:LINE:COLUMN
struct CheckCommand {
  std::vector<std::string> files;
  std::string types; // the place whose type is asked for, or empty
};
int check(const CheckCommand &command, const Settings &settings);

// dl grad FILE FUNCTION [--wrt x,model.fc1] [--types "f32[N], f32"] [--forward] [--order N]
struct GradCommand {
  std::string file;
  std::string types; // of the function's parameters, or empty
  DerivativeWish wish;
};
int grad(const GradCommand &command, const Settings &settings);

// dl compile FILE --emit=STAGE [-o OUTPUT]
struct CompileCommand {
  std::string file, stage, output; // stage: empty with explainMemory
  bool explainMemory = false;
};
// What `stage` may be, in the order of the way of a program.
extern const std::vector<std::string> stages;
int compile(const CompileCommand &command, const Settings &settings);

// dl test FILE... [--filter TEXT] [--list]
struct TestCommand {
  std::vector<std::string> files; // folders stand for the scripts in them
  std::string filter;
  bool list = false;
};
int test(const TestCommand &command, const Settings &settings);

// dl fmt FILE... [--check]
struct FmtCommand {
  std::vector<std::string> files; // `-`: standard input to standard output; folders stand for the scripts in them
  bool check = false;
};
int fmt(const FmtCommand &command, const Settings &settings);

// dl repl
int repl(const Settings &settings);

} // namespace dl::driver
