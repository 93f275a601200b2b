#include "compiler/driver/repl_commands.h"

#include "compiler/driver/report.h"

#include <cstdio>

namespace dl::driver {
namespace {

struct Command {
  const char *name, *argument, *meaning; // argument: empty when there is none
  CommandOutcome (*run)(const std::string &argument, Session &session, const Settings &settings);
};

CommandOutcome outcome(bool ok) { return ok ? CommandOutcome::Done : CommandOutcome::Failed; }

std::string trimmed(const std::string &text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// "loss x,model.fc1": a function and what it is differentiated by, as for `dl grad --wrt`.
CommandOutcome grad(const std::string &argument, Session &session, const Settings &) {
  std::vector<std::string> words;
  for (size_t i = 0; i < argument.size();) {
    size_t end = std::min(argument.find_first_of(" ,", i), argument.size());
    if (end > i)
      words.push_back(argument.substr(i, end - i));
    i = end + 1;
  }
  DerivativeWish wish{.function = words[0], .onlyValues = true};
  if (words.size() > 1)
    wish.wrt.assign(words.begin() + 1, words.end());
  return outcome(session.grad(wish));
}

// "--llvm x + 1": a form and what is to be shown in it.
CommandOutcome ir(const std::string &argument, Session &session, const Settings &settings) {
  std::string stage = "dl", rest = argument;
  if (rest.starts_with("--")) {
    size_t space = std::min(rest.find(' '), rest.size());
    stage = rest.substr(2, space - 2);
    rest = trimmed(rest.substr(space));
    if (stage != "dl" && stage != "grad" && stage != "linalg" && stage != "loops" && stage != "llvm" &&
        stage != "asm") {
      report("a form is --dl, --grad, --linalg, --loops, --llvm or --asm, not --" + stage, settings);
      return CommandOutcome::Failed;
    }
  }
  return outcome(session.ir(rest + "\n", stage));
}

CommandOutcome help(const std::string &, Session &, const Settings &);

constexpr Command kCommands[] = {
    {":type", "EXPR", "the type of an expression, or the declaration of a function",
     [](const std::string &argument, Session &session, const Settings &) {
       return outcome(session.type(argument + "\n"));
     }},
    {":grad", "FN [x,m.w]", "the derivative of a function as dl source, by these parameters or parts of them", grad},
    {":ir", "[--FORM] EXPR|FN", "the dl dialect, or another form: grad, linalg, loops, llvm, asm", ir},
    {":time", "STATEMENT", "runs a statement and tells what compiling and running took",
     [](const std::string &argument, Session &session, const Settings &) {
       return outcome(session.time(argument + "\n"));
     }},
    {":load", "FILE", "enters all of a file",
     [](const std::string &argument, Session &session, const Settings &) { return outcome(session.load(argument)); }},
    {":save", "FILE", "writes what was entered and worked, as a script",
     [](const std::string &argument, Session &session, const Settings &) { return outcome(session.save(argument)); }},
    {":help", "", "this list", help},
    {":quit", "", "ends the session, as Ctrl-D does",
     [](const std::string &, Session &, const Settings &) { return CommandOutcome::Quit; }},
};

CommandOutcome help(const std::string &, Session &, const Settings &) {
  for (const Command &command : kCommands)
    std::printf("%-24s %s\n", (std::string(command.name) + " " + command.argument).c_str(), command.meaning);
  return CommandOutcome::Done;
}

} // namespace

std::vector<std::string> replCommandNames() {
  std::vector<std::string> names;
  for (const Command &command : kCommands)
    names.push_back(command.name);
  return names;
}

CommandOutcome runReplCommand(const std::string &line, Session &session, const Settings &settings) {
  std::string text = trimmed(line), name = text.substr(0, text.find_first_of(" \t"));
  std::string argument = trimmed(text.substr(name.size()));
  for (const Command &command : kCommands) {
    if (name != command.name)
      continue;
    bool takes = *command.argument != 0;
    if (takes == !argument.empty())
      return command.run(argument, session, settings);
    report(takes ? std::string(command.name) + " takes " + command.argument
                 : std::string(command.name) + " takes nothing",
           settings);
    return CommandOutcome::Failed;
  }
  std::string near = didYouMean(name, replCommandNames());
  report("unknown command `" + name + "`" + (near.empty() ? "; `:help` lists them" : ", did you mean `" + near + "`?"),
         settings);
  return CommandOutcome::Failed;
}

} // namespace dl::driver
