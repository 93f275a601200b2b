// The `dl` command from the outside: exit statuses, flags, files.
#include "tests/driver/scratch.h"
#include "tests/run_lang/process.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sstream>

using dl::tests::ProcessResult;
using dl::tests::readAll;
using dl::tests::Scratch;

namespace {

ProcessResult dl_(std::vector<std::string> arguments, const Scratch &scratch, const std::string &input = "") {
  arguments.insert(arguments.begin(), DL_COMMAND);
  return dl::tests::runProcess(arguments, scratch.folder, input);
}

} // namespace

TEST(CommandLine, WrongUseHasStatusTwo) {
  Scratch scratch;
  scratch.write("a.dl", "print(1)\n");
  for (std::vector<std::string> wrong : std::vector<std::vector<std::string>>{{},
                                                                              {"run"},
                                                                              {"--bogus"},
                                                                              {"run", "--bogus", "a.dl"},
                                                                              {"--threads", "many", "a.dl"},
                                                                              {"--color=blue", "a.dl"},
                                                                              {"compile", "--emit=nonsense", "a.dl"},
                                                                              {"compile", "a.dl"},
                                                                              {"grad", "a.dl"},
                                                                              {"help", "nonsense"}}) {
    ProcessResult result = dl_(wrong, scratch);
    EXPECT_EQ(result.status, 2) << (wrong.empty() ? "no arguments" : wrong.back()) << result.out << result.err;
  }
}

TEST(CommandLine, WrongUseSaysWhereToRead) {
  Scratch scratch;
  EXPECT_EQ(dl_({"build"}, scratch).err, "error: FILE is required\nhelp: `dl help build` lists what it takes\n");
  EXPECT_EQ(dl_({"check"}, scratch).err,
            "error: name a script, or a place with --types\nhelp: `dl help check` lists what it takes\n");
  EXPECT_NE(dl_({"compile", "a.dl"}, scratch).err.find("ast, types, dl, grad"), std::string::npos);
  for (std::vector<std::string> help : std::vector<std::vector<std::string>>{{"help", "build"}, {"build", "--help"}})
    EXPECT_NE(dl_(help, scratch).out.find("Usage: dl build [OPTIONS] FILE"), std::string::npos);
}

TEST(CommandLine, WhatIsNoScriptIsOneError) {
  Scratch scratch;
  EXPECT_EQ(dl_({"missing.dl"}, scratch).err, "error: cannot read missing.dl: No such file or directory\n");
  EXPECT_EQ(dl_({"run", "."}, scratch).err, "error: cannot read .: Is a directory\n");
  scratch.write("binary.dl", std::string("\x01\x02(\xFF\xFE[\x00 } \"", 10));
  for (const char *command : {"run", "check", "fmt"}) {
    ProcessResult result = dl_({command, "binary.dl"}, scratch);
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.err.rfind("error: the file is not valid UTF-8 here\n  --> binary.dl:1:4\n", 0), 0u) << result.err;
    EXPECT_EQ(result.err.find("error", 1), std::string::npos) << result.err;
  }
}

TEST(CommandLine, AMisspeltCommandIsNoScript) {
  Scratch scratch;
  ProcessResult result = dl_({"chek", "a.dl"}, scratch);
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err, "error: unknown command `chek`, did you mean `check`?\n");
  result = dl_({"--threads", "1", "somethingelse"}, scratch);
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err, "error: unknown command `somethingelse`; `dl help` lists the commands\n");
  EXPECT_EQ(dl_({"missing.dl"}, scratch).status, 1) << "a script that is not there";
  scratch.write("script", "print(1)\n");
  EXPECT_EQ(dl_({"script"}, scratch).out, "1\n") << "a script may have any name";
}

TEST(CommandLine, TypesAtAPlace) {
  Scratch scratch;
  scratch.write("a.dl", "fn f(x) = x * x\nlet a = ones(2, 3)\nprint(f(a), f(2.0))\n");
  ProcessResult result = dl_({"check", "--types", "a.dl:1:13"}, scratch);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "a.dl:1:11: x * x\n  f32[2, 3]  in f(x: f32[2, 3])\n  f32  in f(x: f32)\n");
  EXPECT_EQ(dl_({"check", "--types", "a.dl:2:5"}, scratch).out, "a.dl:2:5: a\n  f32[2, 3]\n");
  result = dl_({"check", "--types", "a.dl:9:1"}, scratch);
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("no expression with a known type"), std::string::npos) << result.err;
  EXPECT_EQ(dl_({"check", "--types", "a.dl"}, scratch).status, 2);
  EXPECT_EQ(dl_({"check"}, scratch).status, 2);
}

TEST(CommandLine, BashCompletion) {
  Scratch scratch;
  ProcessResult script = dl_({"completion", "bash"}, scratch);
  ASSERT_EQ(script.status, 0) << script.err;
  scratch.write("dl.bash", script.out);
  scratch.write("one.dl", "");
  auto complete = [&](const std::string &words, const std::string &index) {
    return dl::tests::runProcess({"/bin/bash", "-c",
                                  "source dl.bash; COMP_WORDS=(" + words + "); COMP_CWORD=" + index +
                                      "; _dl; printf '%s ' \"${COMPREPLY[@]}\""},
                                 scratch.folder, "")
        .out;
  };
  EXPECT_EQ(complete("dl che", "1"), "check ");
  EXPECT_EQ(complete("dl fmt --ch", "2"), "--check ");
  EXPECT_EQ(complete("dl check o", "2"), "one.dl ");
}

TEST(CommandLine, HelpAndVersionSucceed) {
  Scratch scratch;
  EXPECT_EQ(dl_({"--help"}, scratch).status, 0);
  EXPECT_EQ(dl_({"help", "run"}, scratch).status, 0);
  ProcessResult version = dl_({"--version"}, scratch);
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out.rfind("dl ", 0), 0u) << version.out;
}

TEST(CommandLine, AFaultOfTheProgramHasStatusOne) {
  Scratch scratch;
  EXPECT_EQ(dl_({"run", scratch.path("missing.dl")}, scratch).status, 1);
  EXPECT_EQ(dl_({"run", scratch.write("syntax.dl", "let = 1\n")}, scratch).status, 1);
  EXPECT_EQ(dl_({"check", scratch.write("name.dl", "print(nobody)\n")}, scratch).status, 1);
  ProcessResult stopped = dl_({"run", scratch.write("stop.dl", "print(1)\nerror(\"enough\")\n")}, scratch);
  EXPECT_EQ(stopped.status, 1);
  EXPECT_EQ(stopped.out, "1\n");
  EXPECT_NE(stopped.err.find("enough"), std::string::npos) << stopped.err;
  EXPECT_NE(stopped.err.find("stop.dl:2:1"), std::string::npos) << stopped.err;
}

TEST(CommandLine, RunIsUnderstood) {
  Scratch scratch;
  scratch.write("a.dl", "print(1 + 1)\n");
  EXPECT_EQ(dl_({"a.dl"}, scratch).out, "2\n");
  EXPECT_EQ(dl_({"run", "a.dl"}, scratch).out, "2\n");
  EXPECT_EQ(dl_({"--threads", "1", "a.dl"}, scratch).out, "2\n");
  EXPECT_EQ(dl_({"--no-cache", "-O0", "--no-fuse", "run", "a.dl"}, scratch).out, "2\n");
}

TEST(CommandLine, WhatFollowsTheScriptIsForTheScript) {
  Scratch scratch;
  scratch.write("a.dl", "print(option(\"epochs\", default=\"3\"))\n");
  EXPECT_EQ(dl_({"a.dl"}, scratch).out, "3\n");
  EXPECT_EQ(dl_({"a.dl", "--epochs", "7"}, scratch).out, "7\n");
  EXPECT_EQ(dl_({"run", "a.dl", "--epochs", "7", "--threads", "many"}, scratch).out, "7\n");
}

TEST(CommandLine, DiagnosticsAsJson) {
  Scratch scratch;
  scratch.write("a.dl", "print(x1)\nprint(x2)\n");
  ProcessResult result = dl_({"--diagnostics=json", "check", "a.dl"}, scratch);
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 2) << result.err;
  EXPECT_NE(result.err.find("\"E0201\""), std::string::npos) << result.err;
}

TEST(CommandLine, EveryCommandReportsInOneForm) {
  Scratch scratch;
  scratch.write("broken.dl", "let = 1\n");
  scratch.write("shape.dl", "let x = ones(2, 3)\nprint(x @ x)\n");
  scratch.write("stop.dl", "print(1)\nlet i = option(\"i\", default=7)\nprint([1.0][i])\n");
  scratch.write("test.dl", "test \"bad\" { assert 2 < 1, \"no\" }\n");
  scratch.write("sloppy.dl", "let  a=1\n");
  scratch.write("bad.mlir", "nonsense");
  struct Case {
    std::vector<std::string> arguments;
    bool hasPlace;
  };
  for (const Case &c : std::vector<Case>{{{"check", "broken.dl"}, true},
                                         {{"check", "shape.dl"}, true},
                                         {{"check", "missing.dl"}, false},
                                         {{"check", "--types", "shape.dl:2:9"}, true},
                                         {{"check", "--types", "nowhere:1:1"}, false},
                                         {{"run", "shape.dl"}, true},
                                         {{"run", "stop.dl"}, true},
                                         {{"run", "missing.dl"}, false},
                                         {{"run", "bad.mlir"}, true},
                                         {{"build", "shape.dl", "-o", "x"}, true},
                                         {{"compile", "--emit=dl", "shape.dl"}, true},
                                         {{"grad", "shape.dl", "f"}, false},
                                         {{"test", "test.dl"}, true},
                                         {{"test", "--filter", "none", "test.dl"}, false},
                                         {{"fmt", "broken.dl"}, true},
                                         {{"fmt", "--check", "sloppy.dl"}, true}}) {
    std::vector<std::string> arguments = c.arguments;
    arguments.insert(arguments.begin(), "--diagnostics=json");
    ProcessResult result = dl_(arguments, scratch);
    SCOPED_TRACE(c.arguments[0] + " " + c.arguments[1] + ": " + result.err);
    EXPECT_EQ(result.status, 1);
    std::istringstream lines(result.err);
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      nlohmann::json object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      ASSERT_FALSE(object.is_discarded());
      ASSERT_EQ(object.size(), 7u);
      EXPECT_TRUE(object["severity"] == "error" || object["severity"] == "warning");
      EXPECT_EQ(object["code"].get<std::string>().size(), 5u);
      EXPECT_FALSE(object["message"].get<std::string>().empty());
      EXPECT_TRUE(object["labels"].is_array() && object["notes"].is_array() && object["help"].is_string());
      ASSERT_EQ(!object["place"].is_null(), c.hasPlace);
      for (const char *member : {"line", "column", "endLine", "endColumn"})
        EXPECT_TRUE(!c.hasPlace || object["place"][member].get<int>() >= 1) << member;
    }
    EXPECT_GE(count, 1);
  }
}

TEST(CommandLine, ColourIsAMatterOfChoice) {
  Scratch scratch;
  scratch.write("a.dl", "print(x1)\n");
  EXPECT_EQ(dl_({"check", "a.dl"}, scratch).err.find('\x1b'), std::string::npos) << "not a terminal";
  EXPECT_NE(dl_({"--color=always", "check", "a.dl"}, scratch).err.find('\x1b'), std::string::npos);
}

TEST(CommandLine, AnImportThatChangesIsNoticed) {
  Scratch scratch;
  scratch.write("a.dl", "import part\nprint(part.value())\n");
  scratch.write("part.dl", "fn value() -> int = 1\n");
  EXPECT_EQ(dl_({"a.dl"}, scratch).out, "1\n");
  EXPECT_EQ(dl_({"a.dl"}, scratch).out, "1\n") << "from the cache";
  scratch.write("part.dl", "fn value() -> int = 2\n");
  EXPECT_EQ(dl_({"a.dl"}, scratch).out, "2\n");
}

TEST(CommandLine, TestBlocks) {
  Scratch scratch;
  scratch.write("a.dl", "test \"good\" { assert 1 < 2 }\ntest \"bad\" { assert 2 < 1, \"no\" }\n");
  ProcessResult both = dl_({"test", "a.dl"}, scratch);
  EXPECT_EQ(both.status, 1);
  EXPECT_NE(both.out.find("1 passed, 1 failed"), std::string::npos) << both.out;
  ProcessResult one = dl_({"test", "a.dl", "--filter", "good"}, scratch);
  EXPECT_EQ(one.status, 0) << one.out << one.err;
  EXPECT_NE(one.out.find("1 passed, 0 failed"), std::string::npos) << one.out;
  EXPECT_NE(both.err.find("a.dl:2:14"), std::string::npos) << "the place: " << both.err;
  EXPECT_NE(both.err.find("no"), std::string::npos) << "the message: " << both.err;
  ProcessResult none = dl_({"test", "a.dl", "--filter", "nothing"}, scratch);
  EXPECT_EQ(none.status, 1) << "a filter that fits nothing is a mistake";
  ProcessResult list = dl_({"test", "--list", "a.dl"}, scratch);
  EXPECT_EQ(list.out, "a.dl: good\na.dl: bad\n");
  EXPECT_EQ(list.status, 0) << list.err;
}

TEST(CommandLine, FoldersStandForTheScriptsInThem) {
  Scratch scratch;
  scratch.write("tests/a.dl", "test \"one\" { assert true }\n");
  scratch.write("tests/deep/b.dl", "test \"two\" { assert true }\n");
  scratch.write("tests/.hidden/c.dl", "test \"three\" { assert false }\n");
  scratch.write("tests/notes.txt", "no script");
  ProcessResult result = dl_({"test", "tests"}, scratch);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("2 passed, 0 failed"), std::string::npos) << result.out;
  EXPECT_EQ(dl_({"check", "tests"}, scratch).status, 0);
  EXPECT_EQ(dl_({"fmt", "--check", "tests"}, scratch).status, 0);
}

TEST(CommandLine, Format) {
  Scratch scratch;
  scratch.write("a.dl", "let  a=1 # one\nprint( a )\n");
  EXPECT_EQ(dl_({"fmt", "--check", "a.dl"}, scratch).status, 1);
  EXPECT_EQ(readAll(scratch.path("a.dl")), "let  a=1 # one\nprint( a )\n") << "--check writes nothing";
  EXPECT_EQ(dl_({"fmt", "a.dl"}, scratch).status, 0);
  EXPECT_NE(readAll(scratch.path("a.dl")).find("let a = 1  # one\nprint(a)\n"), std::string::npos)
      << readAll(scratch.path("a.dl"));
  EXPECT_EQ(dl_({"fmt", "--check", "a.dl"}, scratch).status, 0);
  scratch.write("broken.dl", "let = (\n");
  EXPECT_EQ(dl_({"fmt", "broken.dl"}, scratch).status, 1);
  EXPECT_EQ(readAll(scratch.path("broken.dl")), "let = (\n") << "a broken file stays as it is";
}

TEST(CommandLine, BuildWritesANativeProgram) {
  Scratch scratch;
  scratch.write("a.dl", "print(sum([1.0, 2.0, 3.5]))\n");
  ProcessResult built = dl_({"build", "a.dl", "-o", "program"}, scratch);
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_EQ(dl::tests::runProcess({scratch.path("program")}, scratch.folder, "").out,
            dl_({"run", "a.dl"}, scratch).out);
  scratch.write("stop.dl", "error(\"enough\")\n");
  ASSERT_EQ(dl_({"build", "stop.dl", "-o", "stop"}, scratch).status, 0);
  EXPECT_EQ(dl::tests::runProcess({scratch.path("stop")}, scratch.folder, "").status, 1);
}

TEST(CommandLine, EveryStageCanBePrinted) {
  Scratch scratch;
  scratch.write("a.dl", "fn f(x: f32[N]) -> f32 = sum(x * x)\nprint(grad(f)([1.0, 2.0]))\n");
  for (const char *stage : {"ast", "types", "dl", "grad", "linalg", "loops", "llvm", "asm", "obj"}) {
    ProcessResult result = dl_({"compile", std::string("--emit=") + stage, "a.dl"}, scratch);
    EXPECT_EQ(result.status, 0) << stage << ": " << result.err;
    EXPECT_FALSE(result.out.empty()) << stage;
  }
}

TEST(CommandLine, AnIntermediateFormIsReadBack) {
  Scratch scratch;
  scratch.write("a.dl", "print(sum([1.0, 2.0]))\n");
  ASSERT_EQ(dl_({"compile", "--emit=dl", "a.dl", "-o", "a.mlir"}, scratch).status, 0);
  ProcessResult result = dl_({"run", "a.mlir"}, scratch);
  EXPECT_EQ(result.out, "3.0\n") << result.err;
  // Kernels without inputs, and derivatives without cotangents.
  scratch.write("b.dl", "seed(1)\nfn f(x: f32[N]) -> f32 = sum(x * x)\nprint(grad(f)(rand(3)))\n");
  for (const char *stage : {"--emit=dl", "--emit=grad"}) {
    ASSERT_EQ(dl_({"compile", stage, "b.dl", "-o", "b.mlir"}, scratch).status, 0);
    ProcessResult again = dl_({"compile", stage, "b.mlir"}, scratch);
    EXPECT_EQ(again.out, readAll(scratch.path("b.mlir"))) << stage << again.err;
    EXPECT_EQ(dl_({"run", "b.mlir"}, scratch).out, dl_({"run", "b.dl"}, scratch).out) << stage;
  }
}

TEST(CommandLine, ABrokenIntermediateFormIsOneError) {
  Scratch scratch;
  scratch.write("a.mlir", "func.func @main() {\n  %0 = dl.nonsense\n  return\n}\n");
  ProcessResult result = dl_({"run", "a.mlir"}, scratch);
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err.rfind("error: this is no program in the dl dialect: ", 0), 0u) << result.err;
  EXPECT_NE(result.err.find("--> a.mlir:2:8"), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("error:", 1), std::string::npos) << result.err;
}

TEST(CommandLine, DerivativesOfWhatNothingCalls) {
  Scratch scratch;
  scratch.write("a.dl", "fn packed(x: f32[*S], w: f32) -> f32 = sum(x * w)\nfn generic(x, y) = sum(x * y)\n");
  ProcessResult result = dl_({"grad", "a.dl", "packed"}, scratch);
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("--types"), std::string::npos) << result.err;
  result = dl_({"grad", "a.dl", "packed", "--types", "f32[3, N], f32"}, scratch);
  EXPECT_EQ(result.out,
            "## `packed` and its derivative with respect to `x`.\n"
            "fn packed_grad(x: f32[3, N], w: f32) -> (f32, f32[3, N]) {\n  (sum(x * w), full((3, N), w))\n}\n")
      << result.err;
  EXPECT_EQ(dl_({"grad", "a.dl", "generic", "--types", "f32[N], f32[N]"}, scratch).status, 0);
  for (const char *wrong : {"f32", "i64[N], f32", "f32[,f32", "f32[N], f32)) {}\nprint(1"})
    EXPECT_EQ(dl_({"grad", "a.dl", "packed", "--types", wrong}, scratch).status, 1) << wrong;
  result = dl_({"grad", "a.dl", "pakced"}, scratch);
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "error: there is no function `pakced`\nhelp: did you mean `packed`?\n");
}

TEST(CommandLine, CommandsOfASession) {
  Scratch scratch;
  scratch.write("more.dl", "import part\nlet k = part.value()\n");
  scratch.write("part.dl", "fn value() -> int = 5\n");
  std::string input = scratch.write("input", "let a = [1.0, 2.0]\n"
                                             ":type a @ a\n"
                                             "fn f(x: f32[N]) -> f32 = sum(x)\n"
                                             "fn f(x: f32[N]) -> f32 = sum(x * x)\n"
                                             ":type f\n"
                                             ":grad f\n"
                                             ":ir f\n"
                                             ":ir a / 2.0\n"
                                             ":time f(a)\n"
                                             ":load more.dl\n"
                                             "k\n"
                                             ":save saved.dl\n"
                                             ":quit\n"
                                             "print(nobody)\n");
  ProcessResult result = dl_({"repl"}, scratch, input);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out.rfind("f32\nfn f(x: f32[N]) -> f32\n## `f` and its derivative with respect to `x`.\nfn "
                             "f_grad(x: f32[N]) -> (f32, f32[N]) {\n  (sum(x * x), x + x)\n}\n",
                             0),
            0u)
      << result.out;
  for (const char *part : {"dl.reduce sum", "dl.div", "\n5.0\ncompiled in ", "\n5\n"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
  EXPECT_EQ(readAll(scratch.path("saved.dl")),
            "let a = [1.0, 2.0]\nfn f(x: f32[N]) -> f32 = sum(x * x)\nf(a)\nimport part\nlet k = part.value()\nk\n");
  EXPECT_EQ(dl_({"saved.dl"}, scratch).status, 0);

  input = scratch.write(
      "input",
      ":tpye 1\n:nonsense\n:type\n:help x\n:type nobody\n:grad g\n:grad f x\n:ir --nonsense 1\n:load missing.dl\n"
      "fn g(x) = x\n:grad g\n:ir g\n1 + 1\n");
  result = dl_({"repl"}, scratch, input);
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "2\n") << "the session goes on";
  EXPECT_NE(result.err.find("unknown command `:tpye`, did you mean `:type`?"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("unknown command `:nonsense`; `:help` lists them"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find(":type takes EXPR"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find(":help takes nothing"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("cannot read missing.dl"), std::string::npos) << result.err;
  EXPECT_EQ(dl_({"repl"}, scratch, scratch.write("input", ":help\n")).out.rfind(":type EXPR", 0), 0u);
}

TEST(CommandLine, SessionFromAPipe) {
  Scratch scratch;
  std::string input = scratch.write("input", "let a = 2\nvar b = [1.0, 2.0]\nb[0] = 5.0\nnobody\na + 1\nb\n"
                                             "fn twice(x) {\n  2 * x\n}\ntwice(a)\n");
  ProcessResult result = dl_({"repl"}, scratch, input);
  EXPECT_EQ(result.status, 1) << "one entry was wrong";
  EXPECT_NE(result.err.find("nobody"), std::string::npos);
  EXPECT_EQ(result.out, "3\ntensor([5., 2.])\n4\n") << result.err;
}
