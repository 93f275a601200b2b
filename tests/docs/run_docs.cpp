// Checks the programs in Markdown files: run_docs --dl PATH --folder FOLDER [--every-code] FILE.md... With --every-code
// each error of the compiler's table must have a program that shows it and one that is mended.
//
// Every fenced block marked ```dl is run in FOLDER and must succeed. ```dl error=E0401 must be refused by `dl check`,
// or stopped when run, with exactly that error; ` file=NAME` behind it names the program. ```dl check is only checked.
// ```dl test runs its test blocks. When a block marked ```output follows, it is what the program must print.
#include "tests/run_lang/process.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace dl::tests;

namespace {

struct Block {
  int line = 0;
  std::string info; // after ```dl
  std::string text;
  bool hasOutput = false;
  std::string output;
};

std::vector<Block> blocksOf(const std::string &markdown) {
  std::vector<Block> blocks;
  std::istringstream lines(markdown);
  std::string *target = nullptr, ignored;
  bool inside = false;
  int number = 0;
  bool afterProgram = false; // only blank lines since the last dl block
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (inside) {
      if (line.starts_with("```")) {
        inside = false;
        afterProgram = target == (blocks.empty() ? nullptr : &blocks.back().text);
      } else {
        *target += line + "\n";
      }
      continue;
    }
    if (!line.starts_with("```")) {
      if (line.find_first_not_of(" \t") != std::string::npos)
        afterProgram = false;
      continue;
    }
    inside = true;
    std::string info = line.substr(3);
    if (info == "dl" || info.starts_with("dl ")) {
      blocks.push_back({number, info.size() > 3 ? info.substr(3) : "", "", false, ""});
      target = &blocks.back().text;
    } else if (info == "output" && afterProgram) {
      blocks.back().hasOutput = true;
      target = &blocks.back().output;
    } else {
      target = &ignored;
    }
  }
  return blocks;
}

// How often `"code":"…"` appears in JSON lines, and whether always with this code.
bool onlyError(const std::string &json, const std::string &code) {
  size_t found = 0;
  const std::string key = "\"code\":\"";
  for (size_t at = json.find(key); at != std::string::npos; at = json.find(key, at + 1)) {
    if (json.compare(at + key.size(), code.size() + 1, code + "\"") != 0)
      return false;
    ++found;
  }
  return found > 0;
}

bool runBlock(const std::string &dl, const std::string &folder, const std::string &file, const Block &block) {
  fs::path scratch = fs::temp_directory_path() / ("dl-docs-" + std::to_string(getpid()));
  fs::create_directories(scratch);
  size_t named = block.info.find(" file=");
  std::string name = named == std::string::npos ? fs::path(file).stem().string() + "_" + std::to_string(block.line)
                                                : block.info.substr(named + 6);
  fs::path program = scratch / (name + ".dl");
  std::ofstream(program, std::ios::binary) << block.text;

  std::string place = file + ":" + std::to_string(block.line);
  bool ok = true;
  auto fail = [&](const std::string &why, const ProcessResult &result) {
    std::printf("%s: %s\n%s%s", place.c_str(), why.c_str(), result.out.c_str(), result.err.c_str());
    ok = false;
  };
  if (block.info.starts_with("error=")) {
    std::string code = block.info.substr(6, 5);
    ProcessResult result = runProcess({dl, "--diagnostics=json", "check", program}, folder, "");
    if (result.status == 0)
      result = runProcess({dl, "--diagnostics=json", "run", program}, folder, "");
    if (result.status != 1 || !onlyError(result.err, code))
      fail("should give the error " + code + " and no other", result);
  } else {
    std::string command = block.info == "check" || block.info == "test" ? block.info : "run";
    ProcessResult result = runProcess({dl, command, program}, folder, "");
    if (!block.info.empty() && command != block.info)
      fail("unknown mark: " + block.info, {});
    else if (result.status != 0)
      fail("dl " + command + " ended with status " + std::to_string(result.status), result);
    else if (block.hasOutput && result.out != block.output)
      fail("the output differs\n" + difference(block.output, result.out), {});
  }
  fs::remove_all(scratch);
  return ok;
}

// The codes of the compiler's table that have no broken program followed by a mended one.
std::vector<std::string> codesWithoutPrograms(const std::vector<Block> &blocks) {
  // What no program can show: the command's own files, and faults of the compiler.
  const std::vector<std::string> exempt = {"E0701", "E0899"};
  std::vector<std::string> missing;
  for (const char *code : {
#define DL_DIAGNOSTIC(identifier, code, summary) code,
#include "compiler/syntax/diagnostics.def"
       }) {
    bool shown = std::find(exempt.begin(), exempt.end(), code) != exempt.end();
    for (size_t i = 0; i + 1 < blocks.size(); ++i)
      shown |= blocks[i].info.starts_with(std::string("error=") + code) && blocks[i + 1].info.empty();
    if (!shown)
      missing.push_back(code);
  }
  return missing;
}

} // namespace

int main(int argc, char **argv) {
  std::string dl, folder;
  std::vector<std::string> files;
  bool everyCode = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--dl" && i + 1 < argc)
      dl = fs::absolute(argv[++i]);
    else if (argument == "--folder" && i + 1 < argc)
      folder = argv[++i];
    else if (argument == "--every-code")
      everyCode = true;
    else
      files.push_back(argument);
  }
  if (dl.empty() || files.empty()) {
    std::fprintf(stderr, "usage: run_docs --dl PATH [--folder FOLDER] [--every-code] FILE.md...\n");
    return 2;
  }
  int blocks = 0, failures = 0;
  for (const std::string &file : files) {
    std::vector<Block> found = blocksOf(readAll(file));
    for (const Block &block : found) {
      ++blocks;
      failures += !runBlock(dl, folder, file, block);
    }
    if (everyCode)
      for (const std::string &code : codesWithoutPrograms(found)) {
        std::printf("%s: no broken and mended program for %s\n", file.c_str(), code.c_str());
        ++failures;
      }
  }
  std::printf("%d programs, %d failed\n", blocks, failures);
  return failures ? 1 : 0;
}
