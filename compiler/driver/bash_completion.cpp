#include "compiler/driver/bash_completion.h"

#include <CLI/CLI.hpp>

namespace dl::driver {

// The flags of a command, with spaces between them.
static std::string flagsOf(const CLI::App &app) {
  std::string flags;
  for (const CLI::Option *option : app.get_options()) {
    if (option->get_group().empty())
      continue; // hidden
    for (const std::string &name : option->get_lnames())
      flags += " --" + name;
    for (const std::string &name : option->get_snames())
      flags += " -" + name;
  }
  return flags.empty() ? flags : flags.substr(1);
}

std::string bashCompletion(const CLI::App &app) {
  std::string commands, cases;
  for (const CLI::App *command : app.get_subcommands([](const CLI::App *) { return true; })) {
    commands += (commands.empty() ? "" : " ") + command->get_name();
    cases += "    " + command->get_name() + ") flags=\"$flags " + flagsOf(*command) + "\" ;;\n";
  }
  return "# Completion of the dl command for bash: source <(dl completion bash)\n"
         "_dl() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} command= word\n"
         "  local commands=\"" +
         commands +
         "\"\n"
         "  local flags=\"-O0 -O2 " +
         flagsOf(app) +
         "\"\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    [[ \" $commands \" == *\" $word \"* ]] && { command=$word; break; }\n"
         "  done\n"
         "  case $command in\n" +
         cases +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n"
         "  elif [[ -z $command || $command == help ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$commands\" -- \"$current\") $(compgen -f -X '!*.dl' -- \"$current\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -X '!*.dl' -- \"$current\") $(compgen -d -S / -- \"$current\"))\n"
         "  fi\n"
         "}\n"
         "complete -o nospace -o filenames -F _dl dl\n";
}

} // namespace dl::driver
