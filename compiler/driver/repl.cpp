#include "compiler/driver/commands.h"
#include "compiler/driver/files.h"
#include "compiler/driver/repl_commands.h"
#include "compiler/driver/session.h"
#include "compiler/lsp/completion.h"
#include "compiler/syntax/parse.h"

#include "dl/abi.h"

#include <algorithm>
#include <cctype>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <histedit.h>
#include <iostream>
#include <unistd.h>

namespace dl::driver {
namespace {

void interrupt(int) { dl_interrupt(); }

// Where lines come from: a terminal with editing, or a pipe.
class Input {
public:
  virtual ~Input() = default;
  enum Outcome { Line, Cancelled, End };
  // The next line, without its newline.
  virtual Outcome read(bool continuation, std::string &line) = 0;
  // A whole entry was read.
  virtual void remember(const std::string &entry) {}
};

class Pipe : public Input {
public:
  Outcome read(bool, std::string &line) override { return std::getline(std::cin, line) ? Line : End; }
};

class Terminal : public Input {
public:
  explicit Terminal(Session &session) : session(session) {
    std::setlocale(LC_CTYPE, "");
    edit = el_init("dl", stdin, stdout, stderr);
    past = history_init();
    HistEvent event;
    history(past, &event, H_SETSIZE, 1000);
    history(past, &event, H_SETUNIQUE, 1);
    if (const char *home = std::getenv("HOME"))
      file = std::string(home) + "/.dl_history";
    if (!file.empty())
      history(past, &event, H_LOAD, file.c_str());
    el_set(edit, EL_CLIENTDATA, this);
    el_set(edit, EL_PROMPT, +[](EditLine *line) { return const_cast<char *>(of(line)->prompt); });
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_HIST, history, past);
    el_set(edit, EL_SIGNAL, 0);
    el_set(edit, EL_ADDFN, "complete", "complete a name", +[](EditLine *line, int) { return of(line)->complete(); });
    el_set(edit, EL_BIND, "^I", "complete", nullptr);
    el_set(edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  }
  ~Terminal() override {
    history_end(past);
    el_end(edit);
  }

  Outcome read(bool continuation, std::string &line) override {
    prompt = continuation ? "...> " : "dl> ";
    int count = 0;
    errno = 0;
    const char *text = el_gets(edit, &count);
    if (!text || count <= 0) {
      bool cancelled = errno == EINTR || dl_interrupted;
      dl_interrupted = 0;
      std::printf("\n");
      if (cancelled)
        el_reset(edit);
      return cancelled ? Cancelled : End;
    }
    line.assign(text, static_cast<size_t>(count));
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
      line.pop_back();
    return Line;
  }

  void remember(const std::string &entry) override {
    HistEvent event;
    history(past, &event, H_ENTER, entry.c_str());
    if (!file.empty())
      history(past, &event, H_SAVE, file.c_str());
  }

private:
  static Terminal *of(EditLine *line) {
    void *self = nullptr;
    el_get(line, EL_CLIENTDATA, &self);
    return static_cast<Terminal *>(self);
  }

  // What may follow the dot before the cursor.
  std::vector<std::string> membersAfter(const LineInfo *info) {
    std::string line(info->buffer, info->cursor);
    if (line[0] == ':') // a command's name
      line.erase(0, std::min(line.find(' '), line.size()));
    std::string text = session.script() + line;
    std::vector<std::string> members;
    for (const lsp::Candidate &candidate : lsp::completionsAt({"session", text, readFile}, uint32_t(text.size())))
      members.push_back(candidate.text);
    return members;
  }

  // Completes the name before the cursor as far as all candidates agree; shows them when that adds nothing.
  unsigned char complete() {
    const LineInfo *info = el_line(edit);
    const char *begin = info->cursor;
    auto isNamePart = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80); };
    while (begin > info->buffer && isNamePart(begin[-1]))
      --begin;
    bool isCommand = begin == info->buffer + 1 && *info->buffer == ':';
    if (isCommand)
      --begin;
    std::string prefix(begin, info->cursor);
    bool isMember = begin > info->buffer && begin[-1] == '.';
    if (prefix.empty() && !isMember)
      return CC_ERROR;
    std::vector<std::string> candidates = isCommand  ? replCommandNames()
                                          : isMember ? membersAfter(info)
                                                     : session.names();
    std::erase_if(candidates, [&](const std::string &name) { return !name.starts_with(prefix); });
    std::sort(candidates.begin(), candidates.end());
    candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
    if (candidates.empty())
      return CC_ERROR;
    const std::string &first = candidates.front(), &last = candidates.back();
    size_t common =
        std::mismatch(first.begin(), first.begin() + std::min(first.size(), last.size()), last.begin()).first -
        first.begin();
    if (common > prefix.size()) {
      el_insertstr(edit, first.substr(prefix.size(), common - prefix.size()).c_str());
      return CC_REFRESH;
    }
    if (candidates.size() == 1)
      return CC_NORM;
    std::printf("\n");
    for (const std::string &name : candidates)
      std::printf("%s  ", name.c_str());
    std::printf("\n");
    return CC_REDISPLAY;
  }

  Session &session;
  EditLine *edit;
  History *past;
  std::string file;
  const char *prompt = "";
};

bool isBlank(const std::string &text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

} // namespace

int repl(const Settings &settings) {
  struct sigaction action = {};
  action.sa_handler = interrupt; // without SA_RESTART: a waiting prompt returns
  sigaction(SIGINT, &action, nullptr);
  if (settings.threads)
    dl_set_num_threads(settings.threads);

  Session session(settings);
  bool interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  std::unique_ptr<Input> input;
  if (interactive)
    input = std::make_unique<Terminal>(session);
  else
    input = std::make_unique<Pipe>();

  bool ok = true;
  std::string entry, line;
  for (;;) {
    Input::Outcome outcome = input->read(!entry.empty(), line);
    if (outcome == Input::Cancelled) {
      entry.clear();
      continue;
    }
    if (outcome == Input::Line) {
      if (entry.empty() && line.find_first_not_of(" \t") < line.size() && line[line.find_first_not_of(" \t")] == ':') {
        input->remember(line);
        dl_interrupted = 0;
        CommandOutcome outcome = runReplCommand(line, session, settings);
        std::fflush(stdout);
        if (outcome == CommandOutcome::Quit)
          break;
        ok &= outcome == CommandOutcome::Done;
        continue;
      }
      entry += line + "\n";
      // An empty line ends an entry that would go on, so that nobody is caught in an unclosed bracket.
      if (isIncomplete(entry) && !(interactive && isBlank(line)))
        continue;
    }
    if (!isBlank(entry)) {
      input->remember(entry.substr(0, entry.size() - 1));
      dl_interrupted = 0;
      ok &= session.enter(entry);
    }
    entry.clear();
    if (outcome == Input::End)
      break;
  }
  // A terminal has seen its errors; a pipe wants to know.
  return interactive || ok ? 0 : 1;
}

} // namespace dl::driver
