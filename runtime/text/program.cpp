// What a program sees of its surroundings: arguments, the clock, and the progress bar it shows.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/core/arguments.h"
#include "runtime/text/format.h"
#include "runtime/text/pack.h"

using namespace dl::rt;

namespace {

std::mutex argumentsMutex;

std::vector<std::string> &arguments() {
  static std::vector<std::string> list;
  return list;
}

std::vector<std::string> argumentsCopy() {
  std::lock_guard lock(argumentsMutex);
  return arguments();
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

} // namespace

void dl_set_arguments(int argc, const char *const *argv) {
  std::lock_guard lock(argumentsMutex);
  arguments().assign(argv, argv + (argc < 0 ? 0 : argc));
}

// out: texts, the program's arguments.
DL_RUNTIME_FUNCTION(args) {
  call.expect(0, 2);
  deliverTexts(call, argumentsCopy());
}

// in: name, default (str).  out: str, what follows --name or --name= in the program's arguments; the last one counts.
DL_RUNTIME_FUNCTION(option) {
  call.expect(2, 1);
  std::string flag = concat("--", call.string(0));
  std::string value(call.string(1));
  std::vector<std::string> list = argumentsCopy();
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i].starts_with(flag + "=")) {
      value = list[i].substr(flag.size() + 1);
    } else if (list[i] == flag) {
      if (i + 1 == list.size())
        fail("option ", flag, " needs a value");
      value = list[++i];
    }
  }
  call.setString(0, value);
}

// out: f64, seconds of a clock that only goes forward.
DL_RUNTIME_FUNCTION(time) {
  call.expect(0, 1);
  call.setNumber(0, now());
}

// in: seconds (f64).  Waits; an interrupt ends it.
DL_RUNTIME_FUNCTION(sleep) {
  call.expect(1, 0);
  double seconds = call.number(0), end = now() + seconds;
  if (!(seconds >= 0))
    fail("sleep: ", shortestFloat(seconds, DL_F64), " is no duration");
  // In pieces, so that an interrupt is noticed; the next poll acts on it.
  for (double left = seconds; left > 0 && !dl_interrupted; left = end - now())
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(left, 0.05)));
}

// in: format (str), as strftime has it.  out: str, the local date and time.
DL_RUNTIME_FUNCTION(date) {
  call.expect(1, 1);
  std::string format(call.string(0));
  std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char text[512];
  size_t size = std::strftime(text, sizeof text, format.c_str(), &parts);
  if (!size && !format.empty())
    fail("date: the format \"", format, "\" gives nothing, or more than ", sizeof text - 1, " characters");
  call.setString(0, {text, size});
}

// in: name, default (str).  out: str, the environment's value of that name.
DL_RUNTIME_FUNCTION(env) {
  call.expect(2, 1);
  const char *value = std::getenv(std::string(call.string(0)).c_str());
  call.setString(0, value ? value : call.string(1));
}

namespace {

constexpr double kRedrawSeconds = 0.1, kPlainAfterSeconds = 5;
constexpr int kBarWidth = 30;

struct Progress {
  double start = 0, drawn = 0;
  int64_t first = 0, done = 0; // of the first and the latest call
  int quarters = 0;
  bool running = false;
};

std::string duration(double seconds) {
  char text[32];
  long whole = static_cast<long>(seconds + 0.5);
  if (whole >= 3600)
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%02ld:%02ld", whole / 60, whole % 60);
  return text;
}

std::string rateText(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, rate >= 100 ? "%.0f/s" : "%.2f/s", rate);
  return text;
}

} // namespace

// in: done, total (i64), label (str).  A bar with rate and remaining time on a terminal; elsewhere a line at each
// quarter of a loop that lasts longer than five seconds. To standard error. A new bar begins after the last one's end,
// and whenever `done` does not grow.
DL_RUNTIME_FUNCTION(progress) {
  call.expect(3, 0);
  static const bool terminal = isatty(STDERR_FILENO);
  thread_local Progress state;
  int64_t done = call.integer(0), total = call.integer(1);
  std::string_view label = call.string(2);
  double time = now();
  if (!state.running || done <= state.done)
    state = {time, 0, done, done, 0, true};
  state.done = done;
  double elapsed = time - state.start;
  double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1;
  share = share < 0 ? 0 : share > 1 ? 1 : share;
  bool last = done >= total;
  double rate = elapsed > 0 ? static_cast<double>(done - state.first) / elapsed : 0;
  std::string counts = concat(done, '/', total);
  std::string prefix = label.empty() ? std::string() : concat(label, ' ');
  if (terminal) {
    if (!last && time - state.drawn < kRedrawSeconds)
      return;
    state.drawn = time;
    std::string bar;
    int full = static_cast<int>(share * kBarWidth);
    for (int i = 0; i < kBarWidth; ++i)
      bar += i < full ? "█" : "·";
    double left = rate > 0 ? static_cast<double>(total - done) / rate : 0;
    std::fprintf(stderr, "\r%s%s %3d%% %s %s %s %s\x1b[K%s", prefix.c_str(), bar.c_str(), static_cast<int>(share * 100),
                 counts.c_str(), rateText(rate).c_str(), last ? "in" : "left", duration(last ? elapsed : left).c_str(),
                 last ? "\n" : "");
    std::fflush(stderr);
  } else if (int quarters = static_cast<int>(share * 4); quarters != state.quarters && elapsed > kPlainAfterSeconds) {
    state.quarters = quarters;
    std::fprintf(stderr, "%s%d%% %s %s\n", prefix.c_str(), quarters * 25, counts.c_str(), rateText(rate).c_str());
  }
  if (last)
    state.running = false;
}
