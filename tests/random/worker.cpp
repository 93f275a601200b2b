#include "tests/random/worker.h"

#include "runtime/core/sanitizer.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dl::testing {
namespace {

using Clock = std::chrono::steady_clock;

// How much longer than its processor time a process may take, with threads that wait and other work on the machine.
constexpr int patience = 20;

struct Running {
  size_t number;
  pid_t process;
  int results, errors; // file descriptors: the outcomes, and what stands on stderr
  std::string received, complaints;
  Clock::time_point deadline;
};

std::string encode(const std::vector<Outcome> &outcomes) {
  std::string text;
  for (const Outcome &outcome : outcomes)
    text += std::to_string(outcome.kind) + " " + std::to_string(outcome.what.size()) + " " + outcome.what;
  return text + "!"; // the end, so that half an answer is not taken for one
}

bool decode(const std::string &text, std::vector<Outcome> &outcomes) {
  size_t at = 0;
  while (at < text.size() && text[at] != '!') {
    char *end;
    auto kind = static_cast<Outcome::Kind>(std::strtol(text.c_str() + at, &end, 10));
    size_t length = std::strtoul(end, &end, 10);
    size_t begin = static_cast<size_t>(end - text.c_str()) + 1;
    if (begin + length > text.size())
      return false;
    outcomes.push_back({kind, text.substr(begin, length)});
    at = begin + length;
  }
  return at + 1 == text.size();
}

Running start(size_t number, int seconds, const std::function<std::vector<Outcome>(size_t)> &work) {
  int results[2], errors[2];
  if (pipe(results) || pipe(errors)) {
    std::perror("pipe");
    std::exit(2);
  }
  fflush(nullptr);
  pid_t process = fork();
  if (process == 0) {
    for (int signal : {SIGINT, SIGTERM}) // are for the whole
      std::signal(signal, SIG_IGN);
    close(results[0]);
    close(errors[0]);
    dup2(errors[1], STDERR_FILENO);
#if !DL_ADDRESS_SANITIZER                            // which takes terabytes of address space
    rlimit memory{rlim_t(8) << 30, rlim_t(8) << 30}; // runaway allocations end the worker, not the machine
    setrlimit(RLIMIT_AS, &memory);
#endif
    // Of processor time: what else the machine does makes no program hang.
    rlimit time{rlim_t(seconds), rlim_t(seconds) + 1};
    setrlimit(RLIMIT_CPU, &time);
    std::string text = encode(work(number));
    for (size_t at = 0; at < text.size();) {
      ssize_t written = write(results[1], text.data() + at, text.size() - at);
      if (written <= 0)
        break;
      at += static_cast<size_t>(written);
    }
    _exit(0);
  }
  close(results[1]);
  close(errors[1]);
  return {number, process, results[0], errors[0], "", "", Clock::now() + patience * std::chrono::seconds(seconds)};
}

// Reads what is there; false at the end.
bool drain(int from, std::string &to) {
  char buffer[65536];
  ssize_t count = read(from, buffer, sizeof buffer);
  if (count > 0)
    to.append(buffer, static_cast<size_t>(count));
  return count > 0 || (count < 0 && errno == EINTR);
}

std::vector<Outcome> finish(Running &running, bool late) {
  if (late)
    kill(running.process, SIGKILL);
  int status = 0;
  waitpid(running.process, &status, 0);
  while (drain(running.errors, running.complaints))
    ;
  close(running.results);
  close(running.errors);
  std::vector<Outcome> outcomes;
  if (decode(running.received, outcomes)) {
    for (Outcome &outcome : outcomes)
      if (outcome.failed() && !running.complaints.empty())
        outcome.what += "\n" + running.complaints.substr(0, 4000);
    return outcomes;
  }
  late |= WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;
  std::string how = late                  ? "no end"
                    : WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                          : "exit " + std::to_string(WEXITSTATUS(status));
  return {{late ? Outcome::Hung : Outcome::Crashed, how + "\n" + running.complaints.substr(0, 4000)}};
}

} // namespace

void inProcesses(size_t count, int jobs, int seconds, const std::function<std::vector<Outcome>(size_t)> &work,
                 const std::function<void(size_t, std::vector<Outcome>)> &done) {
  std::vector<Running> running;
  size_t next = 0;
  while (next < count || !running.empty()) {
    while (next < count && running.size() < static_cast<size_t>(jobs))
      running.push_back(start(next++, seconds, work));
    std::vector<pollfd> waiting;
    for (const Running &r : running) {
      waiting.push_back({r.results, POLLIN, 0});
      waiting.push_back({r.errors, POLLIN, 0});
    }
    poll(waiting.data(), waiting.size(), 500);
    for (size_t i = running.size(); i-- > 0;) {
      Running &r = running[i];
      if (waiting[2 * i + 1].revents & POLLIN)
        drain(r.errors, r.complaints);
      bool late = Clock::now() > r.deadline;
      bool ended = waiting[2 * i].revents && !drain(r.results, r.received);
      if (!ended && !late)
        continue;
      std::vector<Outcome> outcomes = finish(r, !ended);
      size_t number = r.number;
      running.erase(running.begin() + static_cast<ptrdiff_t>(i));
      done(number, std::move(outcomes));
    }
  }
}

std::vector<Outcome> inProcess(const std::function<std::vector<Outcome>()> &work, int seconds) {
  std::vector<Outcome> result;
  inProcesses(
      1, 1, seconds, [&](size_t) { return work(); },
      [&](size_t, std::vector<Outcome> outcomes) { result = std::move(outcomes); });
  return result;
}

} // namespace dl::testing
