// Runs a program and collects what it writes.
#pragma once

#include <string>
#include <vector>

namespace dl::tests {

struct ProcessResult {
  std::string out, err;
  int status = -1; // exit status; 128 + n when signal n ended it
};

// `arguments[0]` is the program. `input` is the path of the file that serves as its standard input ("" for none).
// Standard output and error go to files in a scratch folder, so neither can block the other.
ProcessResult runProcess(const std::vector<std::string> &arguments, const std::string &folder,
                         const std::string &input);

// The whole file; ends the program with a message when it cannot be read.
std::string readAll(const std::string &path);

// A line-by-line comparison, for a person: the first differing lines.
std::string difference(const std::string &expected, const std::string &actual);

} // namespace dl::tests
