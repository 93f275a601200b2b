#include "tests/run_lang/process.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace dl::tests {
namespace {

// A file without a name, open for writing and then reading.
int scratch() {
  char path[] = "/tmp/dl-test-XXXXXX";
  int fd = mkstemp(path);
  if (fd < 0) {
    std::perror("mkstemp");
    std::exit(2);
  }
  unlink(path);
  return fd;
}

std::string contents(int fd) {
  std::string text;
  char buffer[1 << 14];
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  close(fd);
  return text;
}

} // namespace

ProcessResult runProcess(const std::vector<std::string> &arguments, const std::string &folder,
                         const std::string &input) {
  int out = scratch(), err = scratch();
  pid_t child = fork();
  if (child == 0) {
    if (!folder.empty() && chdir(folder.c_str()) != 0)
      _exit(126);
    int in = open(input.empty() ? "/dev/null" : input.c_str(), O_RDONLY);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    std::vector<char *> argv;
    for (const std::string &argument : arguments)
      argv.push_back(const_cast<char *>(argument.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  ProcessResult result;
  int status = 0;
  if (child > 0 && waitpid(child, &status, 0) == child)
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = contents(out);
  result.err = contents(err);
  return result;
}

std::string readAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(2);
  }
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string difference(const std::string &expected, const std::string &actual) {
  std::istringstream left(expected), right(actual);
  std::string result, a, b;
  int shown = 0;
  for (int line = 1;; ++line) {
    bool hasA = static_cast<bool>(std::getline(left, a)), hasB = static_cast<bool>(std::getline(right, b));
    if (!hasA && !hasB)
      break;
    if (hasA && hasB && a == b)
      continue;
    if (++shown > 12) {
      result += "  ...\n";
      break;
    }
    if (hasA)
      result += "  line " + std::to_string(line) + " expected: " + a + "\n";
    if (hasB)
      result += "  line " + std::to_string(line) + " actual:   " + b + "\n";
  }
  return result.empty() && expected != actual ? "  (they differ in the newline at the end)\n" : result;
}

} // namespace dl::tests
