// Random programs: each gives the same compiled with and without optimisation and evaluated plainly from its typed
// tree; with a few slips in its text it is refused with an error, or runs. A failing program is made small and written
// out.
#include "tests/random/generator.h"
#include "tests/random/mutate.h"
#include "tests/random/shrink.h"
#include "tests/random/worker.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

using namespace dl::testing;

namespace {

struct Options {
  uint64_t programs = 200, seed = 0;
  int slips = 0; // broken variants of each program, instead of the program itself
  int jobs = 2;
  int batch = 20;   // programs in one compilation
  int failures = 3; // end after so many
  bool shrinks = true, progress = false, show = false;
  std::string keep; // where failing programs are written
  std::set<uint64_t> open;
  GeneratorOptions generator;
};

constexpr int secondsPerBatch = 120, secondsPerProgram = 30;
constexpr int triesOfShrinking = 600;
// Of the differentiable programs, every so many batches are compiled both with and without optimisation: derivatives
// are made before that, and what comes after is tested by the other programs.
constexpr size_t thoroughEvery = 16;

volatile std::sig_atomic_t interrupted = 0;

void usage() {
  std::printf(
      "random_programs [--programs N] [--seed N] [--size N] [--differentiable] [--slips N] [--jobs N] [--batch N]\n"
      "                [--failures N] [--no-shrink] [--keep FOLDER] [--open SEED]... [--progress] [--show]\n"
      "  --programs N       how many (default 200), with the seeds from --seed on\n"
      "  --size N           how large: 1 (default) is about 40 lines, 0 about 12\n"
      "  --differentiable   programs with gradients, against differences\n"
      "  --slips N          N broken variants of each program, which must be refused or run\n"
      "  --keep FOLDER      write failing programs there\n"
      "  --open SEED        a program with a fault that is known and not mended yet: left out and counted\n"
      "  --progress         tell on stderr now and then how far it is\n"
      "  --show             print the programs and do nothing\n");
}

bool parse(int argc, char **argv, Options &options) {
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    auto number = [&] { return i + 1 < argc ? std::strtoull(argv[++i], nullptr, 10) : 0; };
    if (name == "--programs")
      options.programs = number();
    else if (name == "--seed")
      options.seed = number();
    else if (name == "--size")
      options.generator.size = static_cast<int>(number());
    else if (name == "--differentiable")
      options.generator.differentiable = true;
    else if (name == "--slips")
      options.slips = static_cast<int>(number());
    else if (name == "--jobs")
      options.jobs = static_cast<int>(number());
    else if (name == "--batch")
      options.batch = static_cast<int>(number());
    else if (name == "--failures")
      options.failures = static_cast<int>(number());
    else if (name == "--no-shrink")
      options.shrinks = false;
    else if (name == "--progress")
      options.progress = true;
    else if (name == "--show")
      options.show = true;
    else if (name == "--keep" && i + 1 < argc)
      options.keep = argv[++i];
    else if (name == "--open")
      options.open.insert(number());
    else
      return false;
  }
  return options.jobs > 0 && options.batch > 0;
}

Program generated(uint64_t seed, const Options &options) {
  return generateProgram(seed, "p" + std::to_string(seed), options.generator);
}

// The variants of one program, or the program itself.
std::vector<Program> variants(uint64_t seed, const Options &options) {
  Program program = generated(seed, options);
  if (!options.slips)
    return {program};
  std::mt19937_64 random(seed);
  std::vector<Program> all;
  for (int i = 0; i < options.slips; ++i) {
    Program broken = program;
    broken.text = withSlips(program.text, random);
    all.push_back(broken);
  }
  return all;
}

Outcome tryAlone(const Program &program, bool broken, bool thorough = true, int seconds = secondsPerProgram) {
  std::vector<Outcome> outcomes = inProcess(
      [&] { return broken ? std::vector<Outcome>{tryBroken(program, true)} : tryPrograms({program}, thorough); },
      seconds);
  return outcomes.empty() ? Outcome{Outcome::Crashed, "no answer"} : outcomes[0];
}

// The same fault, as far as that can be told: of the same kind, and with the same beginning of its first line.
bool sameFault(const Outcome &a, const Outcome &b) {
  auto key = [](const Outcome &outcome) {
    std::string text;
    for (char c : outcome.what.substr(0, outcome.what.find('\n')))
      if (!std::isdigit(static_cast<unsigned char>(c)))
        text += c;
    // Of a difference, whether an error, a result or the entry point itself is another.
    return text.substr(0, outcome.kind == Outcome::Differs ? 10 : 28);
  };
  return a.kind == b.kind && key(a) == key(b);
}

void reportFailure(Program program, const Outcome &outcome, bool thorough, const Options &options) {
  std::printf("\nseed %llu: %s\n%s\n", static_cast<unsigned long long>(program.seed), nameOf(outcome.kind),
              outcome.what.c_str());
  if (options.shrinks) {
    auto fails = [&](const std::string &text) {
      Program smaller = program;
      smaller.text = text;
      return sameFault(outcome, tryAlone(smaller, options.slips > 0, thorough,
                                         outcome.kind == Outcome::Hung ? 10 : secondsPerProgram));
    };
    program.text = shrink(program.text, fails, triesOfShrinking);
  }
  std::string arguments;
  for (const Argument &argument : program.arguments) {
    arguments += "# " + std::string(dl::sema::elemName(argument.elem)) + " of";
    for (int64_t size : argument.shape)
      arguments += " " + std::to_string(size);
    arguments += ":";
    for (double number : argument.data)
      arguments += " " + std::to_string(number);
    arguments += "\n";
  }
  Outcome final = options.shrinks ? tryAlone(program, options.slips > 0, thorough) : outcome;
  std::printf("made small: %s\n%s\n%s%s\n", nameOf(final.kind), final.what.c_str(), program.text.c_str(),
              arguments.c_str());
  std::fflush(stdout);
  if (!options.keep.empty()) {
    std::filesystem::create_directories(options.keep);
    std::ofstream(options.keep + "/" + program.entry + ".dl")
        << "# seed " << program.seed << ": " << nameOf(outcome.kind) << "\n"
        << arguments << program.text;
  }
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    usage();
    return 2;
  }
  if (options.show) {
    for (uint64_t i = 0; i < options.programs; ++i)
      for (const Program &program : variants(options.seed + i, options))
        std::printf("# seed %llu\n%s\n", static_cast<unsigned long long>(program.seed), program.text.c_str());
    return 0;
  }

  auto begin = std::chrono::steady_clock::now();
  auto size = static_cast<uint64_t>(options.batch);
  size_t batches = (options.programs + size - 1) / size;
  std::map<Outcome::Kind, uint64_t> counts;
  std::map<std::string, uint64_t> whys; // of the unstable ones
  int failures = 0;
  auto ofBatch = [&](size_t number) {
    std::vector<Program> all;
    for (uint64_t i = number * size; i < std::min(options.programs, (number + 1) * size); ++i)
      if (!options.open.count(options.seed + i))
        for (Program &program : variants(options.seed + i, options))
          all.push_back(std::move(program));
    return all;
  };
  auto thorough = [&](size_t number) { return !options.generator.differentiable || number % thoroughEvery == 0; };
  auto work = [&](size_t number) {
    std::vector<Program> all = ofBatch(number);
    if (!options.slips)
      return tryPrograms(all, thorough(number));
    std::vector<Outcome> outcomes;
    for (size_t i = 0; i < all.size(); ++i)
      outcomes.push_back(tryBroken(all[i], true));
    return outcomes;
  };
  auto done = [&](size_t number, std::vector<Outcome> outcomes) {
    std::vector<Program> all = ofBatch(number);
    bool bad = outcomes.size() != all.size();
    for (const Outcome &outcome : outcomes)
      bad |= outcome.failed();
    for (size_t i = 0; i < all.size(); ++i) {
      // What fails in company may do so because of another: each alone, then.
      Outcome outcome = bad && failures < options.failures ? tryAlone(all[i], options.slips > 0, thorough(number))
                        : i < outcomes.size()              ? outcomes[i]
                                                           : Outcome{Outcome::Crashed, ""};
      ++counts[outcome.kind];
      if (outcome.kind == Outcome::Unstable)
        ++whys[outcome.what];
      if (outcome.failed() && failures < options.failures) {
        ++failures;
        bad = true;
        reportFailure(all[i], outcome, thorough(number), options);
        continue;
      }
      if (outcome.failed())
        ++failures;
    }
    if (bad && !failures) {
      // Only together: the batch itself is the finding.
      ++failures;
      std::printf("\nthe programs of the seeds from %llu on fail together only:\n",
                  static_cast<unsigned long long>(options.seed + number * size));
      for (const Outcome &outcome : outcomes)
        if (outcome.failed())
          std::printf("%s\n%s\n", nameOf(outcome.kind), outcome.what.c_str());
    }
  };
  auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  for (int signal : {SIGINT, SIGTERM})
    std::signal(signal, [](int) { interrupted = 1; });
  // In pieces, to stop early after enough failures or when asked to.
  size_t chunk = static_cast<size_t>(options.jobs) * 32, first = 0;
  for (; first < batches && failures < options.failures && !interrupted; first += chunk) {
    inProcesses(
        std::min(chunk, batches - first), options.jobs, secondsPerBatch, [&](size_t i) { return work(first + i); },
        [&](size_t i, std::vector<Outcome> outcomes) { done(first + i, std::move(outcomes)); });
    if (options.progress)
      std::fprintf(stderr, "%.0f s: %llu of %llu programs, %d findings\n", passed(),
                   static_cast<unsigned long long>(std::min(options.programs, (first + chunk) * size)),
                   static_cast<unsigned long long>(options.programs), failures);
  }

  std::printf("%.1f s:", passed());
  for (const auto &[kind, count] : counts)
    std::printf(" %llu %s", static_cast<unsigned long long>(count), nameOf(kind));
  if (!options.open.empty())
    std::printf(" %zu open", options.open.size());
  std::printf("\n");
  for (const auto &[why, count] : whys)
    std::printf("  unstable: %llu %s\n", static_cast<unsigned long long>(count), why.c_str());
  if (uint64_t tried = first * size; tried < options.programs)
    std::printf("goes on with --seed %llu --programs %llu\n", static_cast<unsigned long long>(options.seed + tried),
                static_cast<unsigned long long>(options.programs - tried));
  return failures ? 1 : 0;
}
