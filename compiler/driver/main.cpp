// The `dl` command: reads the command line and hands over to a sub-command.
#include "compiler/driver/bash_completion.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/version.h"
#include "compiler/lsp/server.h"
#include "compiler/syntax/diagnostics.h"
#include "runtime/core/openmp.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <unistd.h>

using namespace dl::driver;

namespace {

constexpr int wrongCommandLine = 2;

const std::vector<std::string> names = {"run",  "build", "check", "grad",       "compile", "repl",
                                        "test", "fmt",   "lsp",   "completion", "help"};

bool takesValue(const std::string &flag) { return flag == "--threads" || flag == "--color" || flag == "--diagnostics"; }

// Index of the first argument from `begin` that is neither a flag nor a flag's value; arguments.size() if there is
// none.
size_t firstPlain(const std::vector<std::string> &arguments, size_t begin) {
  for (size_t i = begin; i < arguments.size(); ++i) {
    if (takesValue(arguments[i]))
      ++i;
    else if (arguments[i].empty() || arguments[i][0] != '-' || arguments[i] == "-")
      return i;
  }
  return arguments.size();
}

// Whether a word that is no command is no script either, but a command that was misspelt.
bool isMistakenCommand(const std::string &word) {
  return word != "-" && word.find_first_of("./") == std::string::npos && !std::filesystem::exists(word);
}

// What is wrong with the command line, and where to read what is right. `command` is empty for dl itself.
std::string wrongUse(const std::string &command, const std::string &message) {
  return "error: " + message + "\nhelp: `dl help" + (command.empty() ? "" : " " + command) + "` lists what it takes\n";
}

int reportUnknownCommand(const std::string &word) {
  std::string near = dl::didYouMean(word, names);
  std::fprintf(stderr, "error: unknown command `%s`%s\n", word.c_str(),
               near.empty() ? "; `dl help` lists the commands" : (", did you mean `" + near + "`?").c_str());
  return wrongCommandLine;
}

// Inserts the `run` that `dl FILE …` leaves out, and moves what follows the script's name out of the parser's sight:
// it belongs to the script, flags included.
std::vector<std::string> splitScriptArguments(std::vector<std::string> &arguments) {
  size_t command = firstPlain(arguments, 0);
  if (command == arguments.size())
    return {};
  if (std::find(names.begin(), names.end(), arguments[command]) == names.end())
    arguments.insert(arguments.begin() + static_cast<ptrdiff_t>(command), "run");
  if (arguments[command] != "run")
    return {};
  size_t file = firstPlain(arguments, command + 1);
  if (file >= arguments.size())
    return {};
  std::vector<std::string> rest(arguments.begin() + static_cast<ptrdiff_t>(file) + 1, arguments.end());
  arguments.resize(file + 1);
  return rest;
}

bool wantsColor(const std::string &choice) {
  if (choice != "auto")
    return choice == "always";
  const char *no = std::getenv("NO_COLOR");
  return isatty(STDERR_FILENO) && !(no && *no);
}

} // namespace

int main(int argc, char **argv) {
  dl_use_own_threads();
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (size_t first = firstPlain(arguments, 0); first < arguments.size())
    if (const std::string &word = arguments[first];
        std::find(names.begin(), names.end(), word) == names.end() && isMistakenCommand(word))
      return reportUnknownCommand(word);
  RunCommand runCommand;
  runCommand.arguments = splitScriptArguments(arguments);

  Settings settings;
  std::string color = "auto", diagnostics = "text";
  bool noCache = false, noFuse = false, o0 = false, o2 = false;

  CLI::App app{"dl, a small tensor language whose programs are differentiable"};
  app.name("dl");
  app.set_version_flag("--version", versionText());
  app.fallthrough();
  app.require_subcommand(0, 1);
  app.failure_message([](const CLI::App *at, const CLI::Error &error) {
    std::vector<CLI::App *> chosen = at->get_subcommands();
    return wrongUse(chosen.empty() ? "" : chosen.back()->get_name(), error.what());
  });
  app.footer("-O2 (the default) optimises; -O0 takes every operation as it is written and implies --no-fuse.\n"
             "`dl FILE ARGS...` is `dl run FILE ARGS...`.");
  app.add_option("--threads", settings.threads, "How many threads a program may use (default: all cores)")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--no-cache", noCache, "Neither use nor keep compiled scripts on disk");
  app.add_flag("--O0", o0)->group("");
  app.add_flag("--O2", o2)->group("");
  app.add_flag("--no-fuse", noFuse, "Keep every operation a loop of its own");
  app.add_flag("--detect-anomaly", settings.detectAnomaly,
               "Stop at the first NaN or infinity, of the program or of a derivative, and name its line");
  app.add_flag("--time-passes", settings.timePasses, "Tell what each step of the compilation took");
  app.add_option("--diagnostics", diagnostics, "text, or json: one object per line, for editors")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--color", color, "auto, always or never; NO_COLOR turns it off")
      ->check(CLI::IsMember({"auto", "always", "never"}));

  CLI::App *run = app.add_subcommand("run", "Compile a script in memory and run it");
  run->add_option("FILE", runCommand.file, "The script; what follows it is for the script")->required();

  BuildCommand buildCommand;
  CLI::App *build = app.add_subcommand("build", "Write a native program, or a library for C and C++ hosts");
  build->add_option("FILE", buildCommand.file, "The script")->required();
  build->add_option("-o,--output", buildCommand.output, "What to write (default: the script's name without .dl)");
  build->add_flag("--lib", buildCommand.library, "A static library with the `export` functions, and its C header");

  CheckCommand checkCommand;
  CLI::App *check = app.add_subcommand("check", "Find the errors that need no running");
  check->add_option("FILE", checkCommand.files, "Scripts, or folders of them");
  check->add_option(
      "--types", checkCommand.types,
      "Print the type of the innermost expression at FILE:LINE:COLUMN, once per instance of a generic function");

  GradCommand gradCommand;
  CLI::App *grad = app.add_subcommand("grad", "Print the derivative of a function as dl source");
  grad->add_option("FILE", gradCommand.file, "The script")->required();
  grad->add_option("FUNCTION", gradCommand.wish.function,
                   "One of its functions; what it is called with need not be known if it declares its types")
      ->required();
  grad->add_option("--types", gradCommand.types,
                   "Types of the parameters, such as \"f32[N, 3], f32\", where the declaration leaves them open");
  grad->add_option(
          "--wrt", gradCommand.wish.wrt,
          "Parameters by name or number, or parts of them: x,model.fc1.weight (default: the first that holds floats)")
      ->delimiter(',');
  grad->add_flag("--forward", gradCommand.wish.forward, "Forward mode: tangents in, tangents out");
  grad->add_option("--order", gradCommand.wish.order, "How often to differentiate (default: 1)")
      ->check(CLI::Range(1, 4));

  CompileCommand compileCommand;
  CLI::App *compile = app.add_subcommand("compile", "Print a form that the program takes on its way");
  compile->add_option("FILE", compileCommand.file, "A script, or MLIR in a file with the ending .mlir")->required();
  compile->add_option("--emit", compileCommand.stage)->check(CLI::IsMember(stages))->description("The form");
  compile->add_option("-o,--output", compileCommand.output, "Where to write it (default: standard output)");
  compile->add_flag("--explain-memory", compileCommand.explainMemory, "List what is kept for reverse passes");

  TestCommand testCommand;
  CLI::App *test = app.add_subcommand("test", "Run the `test` blocks of scripts");
  test->add_option("FILE", testCommand.files, "Scripts, or folders of them")->required();
  test->add_option("--filter", testCommand.filter, "Only tests whose name contains this text");
  test->add_flag("--list", testCommand.list, "Print the names of the tests and run none");

  FmtCommand fmtCommand;
  CLI::App *fmt = app.add_subcommand("fmt", "Lay scripts out in the one usual way");
  fmt->add_option("FILE", fmtCommand.files, "Scripts, folders of them, or - for standard input")->required();
  fmt->add_flag("--check", fmtCommand.check, "Write nothing; fail when a file would change");

  CLI::App *repl = app.add_subcommand("repl", "Take statements one at a time");
  repl->footer("`:help` in the session lists its commands.");

  CLI::App *lsp =
      app.add_subcommand("lsp", "Serve an editor: the Language Server Protocol on standard input and output");
  bool stdio = false;
  lsp->add_flag("--stdio", stdio, "What the server does anyway; some editors say so");

  std::string shell;
  CLI::App *completion = app.add_subcommand("completion", "Print a script that completes dl's command line in a shell");
  completion->add_option("SHELL", shell, "bash")->required()->check(CLI::IsMember({"bash"}));

  std::string helpAbout;
  CLI::App *help = app.add_subcommand("help", "Explain a sub-command");
  help->add_option("COMMAND", helpAbout, "Its name; without one, what there is");

  // CLI11 knows one-letter flags only without a value; -O0 and -O2 are written like a compiler's.
  for (std::string &argument : arguments)
    if (argument == "-O0" || argument == "-O2")
      argument.insert(0, "-");

  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : wrongCommandLine;
  }

  if (*check && checkCommand.files.empty() && checkCommand.types.empty()) {
    std::fputs(wrongUse("check", "name a script, or a place with --types").c_str(), stderr);
    return wrongCommandLine;
  }
  if (*compile && compileCommand.stage.empty() && !compileCommand.explainMemory) {
    std::string forms;
    for (const std::string &stage : stages)
      forms += (forms.empty() ? "" : ", ") + stage;
    std::fputs(wrongUse("compile", "say with --emit which form to print: " + forms).c_str(), stderr);
    return wrongCommandLine;
  }

  settings.cache = !noCache;
  settings.optimise = o2 || !o0;
  settings.fuse = settings.optimise && !noFuse;
  settings.json = diagnostics == "json";
  settings.color = wantsColor(color);

  if (*run)
    return dl::driver::run(runCommand, settings);
  if (*build)
    return dl::driver::build(buildCommand, settings);
  if (*check)
    return dl::driver::check(checkCommand, settings);
  if (*grad)
    return dl::driver::grad(gradCommand, settings);
  if (*compile)
    return dl::driver::compile(compileCommand, settings);
  if (*test)
    return dl::driver::test(testCommand, settings);
  if (*fmt)
    return dl::driver::fmt(fmtCommand, settings);
  if (*repl)
    return dl::driver::repl(settings);
  if (*lsp)
    return dl::lsp::serve(stdin);
  if (*completion) {
    std::fputs(bashCompletion(app).c_str(), stdout);
    return 0;
  }
  if (*help) {
    CLI::App *about = helpAbout.empty() ? &app : nullptr;
    for (CLI::App *command : app.get_subcommands([](CLI::App *) { return true; }))
      if (command->get_name() == helpAbout)
        about = command;
    if (!about)
      return reportUnknownCommand(helpAbout);
    std::printf("%s", about->help(about == &app ? "" : app.get_name()).c_str());
    return 0;
  }
  // Without a command: a session at a terminal or in a pipe would surprise; say what there is.
  std::printf("%s", app.help().c_str());
  return wrongCommandLine;
}
