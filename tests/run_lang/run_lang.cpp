// Runs self-contained dl test programs: run_lang --dl PATH [--update] [--flags "..."] FILE...
//
// A program is run in its own folder under its bare name. What it must print stands in a last comment block
//
//   # output:
//   # 1.0
//
// or in a file with the ending .out beside it. A file with the ending .err holds the whole text that it must write to
// standard error, and then the exit status must be 1. A program with neither must have `test` blocks and is run by
// `dl test`. A line `# command: check %s --wrt 0` chooses another command; `< %s` hands the file as standard input.
#include "tests/run_lang/process.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace fs = std::filesystem;
using namespace dl::tests;

namespace {

constexpr std::string_view blockHead = "# output:\n";

struct Case {
  fs::path path;
  std::string text;
  size_t blockAt = std::string::npos; // where the comment block with the output begins
  std::optional<std::string> out, err;
  std::vector<std::string> command;

  // Its `test` blocks say what is right.
  bool isTestRun() const { return !out && !err && text.find("test \"") != std::string::npos; }
  fs::path beside(const char *ending) const { return fs::path(path).replace_extension(ending); }
};

std::vector<std::string> words(const std::string &text) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string word; stream >> word;)
    result.push_back(word);
  return result;
}

// The comment block at `at`, without its `# `.
std::string blockText(const std::string &text, size_t at) {
  std::istringstream lines(text.substr(at + blockHead.size()));
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    if (line == "#")
      line.clear();
    else if (line.starts_with("# "))
      line.erase(0, 2);
    result += line + "\n";
  }
  return result;
}

std::string asBlock(const std::string &out) {
  std::istringstream lines(out);
  std::string result(blockHead);
  for (std::string line; std::getline(lines, line);)
    result += line.empty() ? "#\n" : "# " + line + "\n";
  return result;
}

Case load(const fs::path &path) {
  Case test;
  test.path = fs::absolute(path);
  test.text = readAll(test.path);
  size_t at = test.text.rfind("\n" + std::string(blockHead));
  if (at != std::string::npos)
    test.blockAt = at + 1;
  else if (test.text.starts_with(blockHead))
    test.blockAt = 0;
  if (test.blockAt != std::string::npos)
    test.out = blockText(test.text, test.blockAt);
  else if (fs::exists(test.beside(".out")))
    test.out = readAll(test.beside(".out"));
  if (fs::exists(test.beside(".err")))
    test.err = readAll(test.beside(".err"));

  constexpr std::string_view commandHead = "# command: ";
  size_t command = test.text.starts_with(commandHead) ? 0 : test.text.find("\n" + std::string(commandHead));
  if (command != std::string::npos) {
    command = test.text.find(commandHead, command) + commandHead.size();
    test.command = words(test.text.substr(command, test.text.find('\n', command) - command));
  } else {
    test.command = {test.isTestRun() ? "test" : "run", "%s"};
  }
  return test;
}

void write(const fs::path &path, const std::string &text) { std::ofstream(path, std::ios::binary) << text; }

// Takes what it printed for right, unless whether it failed is not what its files say.
bool update(const Case &test, const ProcessResult &result) {
  bool failed = result.status != 0, mayFail = test.err || (!test.out && test.path.parent_path().filename() == "errors");
  if (failed ? !mayFail : test.err.has_value()) {
    std::printf("%s: %s\n%s", test.path.c_str(),
                failed ? "failed; one that should fail stands in a folder `errors` or has a file with the ending .err"
                       : "passed, but has a file with the ending .err",
                result.err.c_str());
    return false;
  }
  if (test.err || result.status != 0)
    write(test.beside(".err"), result.err);
  if (test.blockAt != std::string::npos)
    write(test.path, test.text.substr(0, test.blockAt) + asBlock(result.out));
  else if (test.out)
    write(test.beside(".out"), result.out);
  else if (!result.out.empty() || result.status == 0)
    write(test.path, test.text + (test.text.ends_with("\n") ? "\n" : "\n\n") + asBlock(result.out));
  return true;
}

bool runCase(const std::string &dl, const std::vector<std::string> &flags, const fs::path &path, bool updating) {
  Case test = load(path);
  if (!updating && !test.out && !test.err && !test.isTestRun()) {
    std::printf("%s: neither an expected output, nor expected errors, nor test blocks\n", path.c_str());
    return false;
  }

  std::string name = test.path.filename();
  std::vector<std::string> arguments{dl};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  std::string input;
  for (size_t i = 0; i < test.command.size(); ++i) {
    std::string word = test.command[i] == "%s" ? name : test.command[i];
    if (word == "<" && i + 1 < test.command.size())
      input = test.path.parent_path() / (test.command[++i] == "%s" ? name : test.command[i]);
    else
      arguments.push_back(word);
  }
  ProcessResult result = runProcess(arguments, test.path.parent_path(), input);

  // Wherever the library lies, messages call it `stdlib`.
  if (const char *library = std::getenv("DL_STDLIB"); library && *library)
    for (size_t at = 0; (at = result.err.find(library, at)) != std::string::npos;)
      result.err.replace(at, std::string_view(library).size(), "stdlib");

  if (result.status > 2) {
    std::printf("%s: ended with status %d\n%s%s", path.c_str(), result.status, result.out.c_str(), result.err.c_str());
    return false;
  }
  if (updating && !test.isTestRun())
    return update(test, result);
  bool ok = true;
  auto fail = [&](const std::string &what) {
    std::printf("%s: %s", path.c_str(), what.c_str());
    ok = false;
  };
  if (int expected = test.err ? 1 : 0; result.status != expected)
    fail("exit status " + std::to_string(result.status) + " instead of " + std::to_string(expected) + "\n" +
         (test.isTestRun() ? result.out : "") + (test.err ? "" : result.err));
  if (!test.isTestRun() && result.out != test.out.value_or(""))
    fail("the output differs\n" + difference(test.out.value_or(""), result.out));
  if (test.err && result.err != *test.err)
    fail("the errors differ\n" + difference(*test.err, result.err));
  return ok;
}

} // namespace

int main(int argc, char **argv) {
  std::string dl;
  std::vector<std::string> flags;
  std::vector<fs::path> files;
  bool updating = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--dl" && i + 1 < argc)
      dl = fs::absolute(argv[++i]);
    else if (argument == "--flags" && i + 1 < argc)
      flags = words(argv[++i]);
    else if (argument == "--update")
      updating = true;
    else
      files.emplace_back(argument);
  }
  if (dl.empty() || files.empty()) {
    std::fprintf(stderr, "usage: run_lang --dl PATH [--update] [--flags FLAGS] FILE...\n");
    return 2;
  }
  int failures = 0;
  for (const fs::path &file : files)
    failures += !runCase(dl, flags, file, updating);
  return failures ? 1 : 0;
}
