#include "tests/random/trial.h"

#include "compiler/driver/compilation.h"
#include "compiler/driver/derivative.h"
#include "compiler/driver/native_code.h"
#include "compiler/driver/signature.h"
#include "compiler/sema/large_stack.h"
#include "tests/reference/evaluator.h"

#include "dl/tensor.h"

#include <cmath>
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dl::testing {

using driver::Compilation;
using driver::Leaf;
using sema::Elem;

const char *nameOf(Outcome::Kind kind) {
  static const char *names[] = {"agrees",       "unstable", "refused", "contradiction",
                                "not compiled", "differs",  "crashed", "hung"};
  return names[kind];
}

namespace {

driver::Settings settingsFor(bool optimise, bool fuse, bool parallel) {
  driver::Settings settings;
  settings.optimise = optimise;
  settings.fuse = fuse;
  settings.parallel = parallel;
  settings.cache = false;
  return settings;
}

// The texts of several programs in one file, one after the other.
using Texts = std::vector<std::string>;

std::string joined(const Texts &texts) {
  std::string all;
  for (const std::string &text : texts)
    all += text + "\n";
  return all;
}

// What is printed while it lives.
class Printed {
public:
  Printed() : file_(memfd_create("printed", 0)), saved_(dup(STDOUT_FILENO)) {
    fflush(stdout);
    dup2(file_, STDOUT_FILENO);
  }
  ~Printed() {
    dup2(saved_, STDOUT_FILENO);
    close(saved_);
    close(file_);
  }
  std::string take() {
    fflush(stdout);
    std::string text(static_cast<size_t>(lseek(file_, 0, SEEK_END)), '\0');
    if (pread(file_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
      text = "(cannot be read)";
    return text;
  }

private:
  int file_, saved_;
};

// What a call gives: results or an error, and what was printed.
struct Answer {
  std::string error;
  std::vector<Tensor> results;
  std::string printed;
};

Answer callCompiled(dl_function entry, const std::vector<Leaf> &results, const Program &program) {
  std::vector<std::vector<char>> memory;
  std::vector<dl_value> in;
  for (const Argument &argument : program.arguments) {
    dl_value value = {};
    value.rank = static_cast<int32_t>(argument.shape.size());
    std::copy(argument.shape.begin(), argument.shape.end(), value.sizes);
    std::vector<char> &bytes = memory.emplace_back(argument.data.size() * 8 + 8);
    size_t next = 0;
    value.dtype = static_cast<int32_t>(argument.elem); // in the same order
    auto put = [&](auto element) { std::memcpy(bytes.data() + sizeof element * next++, &element, sizeof element); };
    for (double number : argument.data) {
      switch (argument.elem) {
      case Elem::F32:
        put(static_cast<float>(number));
        break;
      case Elem::F64:
        put(number);
        break;
      case Elem::BF16: {
        auto wide = static_cast<float>(number);
        uint32_t bits;
        std::memcpy(&bits, &wide, sizeof bits);
        put(static_cast<uint16_t>(bits >> 16));
        break;
      }
      case Elem::I32:
        put(static_cast<int32_t>(number));
        break;
      case Elem::I64:
        put(static_cast<int64_t>(number));
        break;
      case Elem::U8:
        put(static_cast<uint8_t>(number));
        break;
      case Elem::Bool:
        put(static_cast<uint8_t>(number));
        break;
      }
      if (value.rank > 0)
        continue;
      if (sema::isFloat(argument.elem))
        value.f = number;
      else
        value.i = static_cast<int64_t>(number);
    }
    value.data = bytes.data();
    in.push_back(value);
  }
  std::vector<dl_value> out;
  for (const Leaf &leaf : results)
    out.push_back(driver::emptyResult(leaf.slot));
  Printed printed;
  Answer answer;
  if (dl_error *error =
          dl_invoke(entry, in.data(), static_cast<int64_t>(in.size()), out.data(), static_cast<int64_t>(out.size()))) {
    answer.error = dl_error_message(error);
    dl_error_free(error);
  } else {
    for (const dl_value &value : out)
      answer.results.push_back(Tensor::adopt(value));
  }
  answer.printed = printed.take();
  return answer;
}

long double element(const Tensor &tensor, int64_t i) {
  switch (tensor.dtype()) {
  case DType::f32:
    return tensor.data<float>()[i];
  case DType::f64:
    return tensor.data<double>()[i];
  case DType::i32:
    return tensor.data<int32_t>()[i];
  case DType::i64:
    return static_cast<long double>(tensor.data<int64_t>()[i]);
  case DType::u8:
    return tensor.data<uint8_t>()[i];
  case DType::boolean:
    return tensor.data<bool>()[i];
  case DType::bf16: {
    if (tensor.rank() == 0)
      return static_cast<float>(tensor.value().f);
    uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t *>(tensor.value().data)[i]) << 16;
    float wide;
    std::memcpy(&wide, &bits, sizeof wide);
    return wide;
  }
  }
  return NAN;
}

// What the evaluation says that a call gives.
struct Expected {
  Outcome outcome; // Agrees: the rest is to be compared
  std::string fault, printed;
  reference::Value value;
};

Expected evaluate(const sema::Function &function, const Program &program) {
  Expected expected;
  reference::Value arguments;
  for (const Argument &argument : program.arguments) {
    reference::Array array{argument.elem, argument.shape, {}};
    for (double number : argument.data)
      array.data.push_back({number, 0});
    arguments.push_back(array);
  }
  reference::Evaluator evaluator;
  try {
    expected.value = evaluator.call(function, arguments);
    for (const reference::Array &array : expected.value)
      for (const reference::Number &number : array.data)
        if (!std::isfinite(number.value) || !std::isfinite(number.error))
          throw reference::Unstable("not a finite number");
  } catch (const reference::Fault &fault) {
    expected.fault = fault.what();
    if (expected.fault.empty())
      expected.fault = "(no message)";
  } catch (const reference::Unstable &why) {
    expected.outcome = {Outcome::Unstable, why.what()};
  } catch (const reference::Unsupported &why) {
    expected.outcome = {Outcome::Contradiction, std::string("the evaluation lacks ") + why.what()};
  } catch (const reference::Contradiction &why) {
    expected.outcome = {Outcome::Contradiction, why.what()};
  }
  expected.printed = evaluator.output;
  return expected;
}

std::string difference(const Expected &expected, const Answer &answer) {
  if (!expected.fault.empty() || !answer.error.empty())
    return expected.fault == answer.error
               ? ""
               : "fails with `" + answer.error + "`, should " +
                     (expected.fault.empty() ? "not fail" : "fail with `" + expected.fault + "`");
  if (expected.printed != answer.printed)
    return "prints\n" + answer.printed + "and should print\n" + expected.printed;
  if (expected.value.size() != answer.results.size())
    return "gives " + std::to_string(answer.results.size()) + " results";
  for (size_t r = 0; r < answer.results.size(); ++r) {
    const reference::Array &array = expected.value[r];
    const Tensor &tensor = answer.results[r];
    if (array.shape != tensor.shape())
      return "result " + std::to_string(r) + " has another shape";
    for (size_t i = 0; i < array.data.size(); ++i) {
      long double found = element(tensor, static_cast<int64_t>(i)), wanted = array.data[i].value;
      // The error is a bound to first order; what it leaves out is far smaller than itself.
      if (!(std::fabs(found - wanted) <= 2 * array.data[i].error)) {
        char text[200];
        std::snprintf(text, sizeof text, "result %zu, element %zu: %.17Lg, should be %.17Lg within %.3Lg", r, i, found,
                      wanted, 2 * array.data[i].error);
        return text;
      }
    }
  }
  return "";
}

// Calls it in a process of its own, for a while: a program that was changed by chance need not end. Gives what went
// wrong.
std::string callAside(dl_function entry, const std::vector<Leaf> &results, const Program &program) {
  constexpr unsigned seconds = 2;
  fflush(nullptr);
  pid_t process = fork();
  if (process == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(seconds);
    callCompiled(entry, results, program);
    _exit(0);
  }
  int status = 0;
  waitpid(process, &status, 0);
  bool fine = WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGALRM;
  return fine ? "" : WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit " + std::to_string(WEXITSTATUS(status));
}

const sema::Function *entryOf(const Compilation &compilation, const std::string &name) {
  for (const sema::Function *function : compilation.program()->functions)
    if (function->isExport && function->name == name)
      return function;
  return nullptr;
}

// Sets the outcome of each program that an error points into; of all that agree so far when one points nowhere.
void blame(const Compilation &compilation, const Texts &texts, Outcome::Kind kind, std::vector<Outcome> &outcomes) {
  for (const Diagnostic &d : compilation.diagnostics.all()) {
    if (d.severity != Severity::Error)
      continue;
    size_t begin = 0, hit = texts.size();
    for (size_t i = 0; i < texts.size(); ++i) {
      size_t end = begin + texts[i].size() + 1;
      if (d.span.valid() && compilation.sources.file(d.span.file).path == "random.dl" && d.span.begin >= begin &&
          d.span.begin < end)
        hit = i;
      begin = end;
    }
    for (size_t i = 0; i < texts.size(); ++i)
      if ((hit == i || hit == texts.size()) && !outcomes[i].failed())
        outcomes[i] = {kind, render(d, compilation.sources, false)};
  }
}

bool anyFailed(const std::vector<Outcome> &outcomes) {
  for (const Outcome &outcome : outcomes)
    if (outcome.failed())
      return true;
  return false;
}

} // namespace

namespace {

// Evaluates the exported functions that are named after the programs.
void evaluateAll(const Compilation &compilation, const std::vector<Program> &programs, const std::string &suffix,
                 std::vector<Expected> &expected, std::vector<Outcome> &outcomes) {
  sema::onLargeStack([&] {
    for (size_t i = 0; i < programs.size(); ++i)
      if (const sema::Function *function = entryOf(compilation, programs[i].entry + suffix)) {
        expected[i] = evaluate(*function, programs[i]);
        outcomes[i] = expected[i].outcome;
      }
  });
}

// Evaluates what the derivatives must be, and puts the derivative of the loss, as the compiler prints it, and what
// differentiates that again behind each program.
void prepareDerivatives(std::vector<Program> &programs, std::vector<Expected> &expected,
                        std::vector<Outcome> &outcomes) {
  Texts texts;
  std::vector<driver::DerivativeWish> wishes;
  for (const Program &program : programs) {
    std::string text = program.text.substr(0, program.text.find("export fn " + program.entry + "("));
    if (size_t loss = text.find("fn " + program.loss + "("); loss != std::string::npos)
      text.insert(loss, "export "); // for all sizes, as `dl grad` takes it
    texts.push_back(text + program.expectedText);
    driver::DerivativeWish &wish = wishes.emplace_back();
    wish.function = program.loss;
    wish.forward = program.printsForward;
    for (int i = 0; i < (wish.forward ? 1 : program.wrt); ++i)
      wish.wrt.push_back(std::to_string(i));
  }
  Compilation compilation(settingsFor(false, false, false));
  if (!compilation.addText("random.dl", joined(texts)) || !compilation.check())
    return blame(compilation, texts, Outcome::Refused, outcomes);
  evaluateAll(compilation, programs, "_expected", expected, outcomes);
  if (anyFailed(outcomes))
    return;
  if (!compilation.generate())
    return blame(compilation, texts, Outcome::NotCompiled, outcomes);
  std::vector<std::optional<std::string>> sources =
      driver::printDerivatives(compilation.lowering, wishes, compilation.diagnostics);
  const std::vector<Diagnostic> &errors = compilation.diagnostics.all();
  for (size_t i = 0; i < programs.size(); ++i)
    if (sources[i])
      programs[i].text += *sources[i] + "\n" + programs[i].againText;
    else
      outcomes[i] = {Outcome::NotCompiled,
                     "its derivative cannot be printed: " +
                         (errors.empty() ? "there is no error" : render(errors[0], compilation.sources, false))};
}

// A program in compiled form against what the evaluation says.
std::string compared(const driver::NativeCode &code, const Compilation &compilation, const Program &program,
                     const Expected &expected) {
  auto called = [&](const std::string &name, Answer &answer) -> std::string {
    std::string problem;
    const sema::Function *function = entryOf(compilation, name);
    dl_function entry = function ? code.find(driver::exportEntry(name), problem) : nullptr;
    if (!entry)
      return "not to be found: " + problem;
    answer = callCompiled(entry, driver::signatureOf(*function).results, program);
    return "";
  };
  Answer answer;
  std::string text = called(program.entry, answer);
  if (!text.empty())
    return text;
  if (program.expects.empty() || !expected.fault.empty() || expected.value.empty())
    return difference(expected, answer);
  Expected all = expected;
  all.value.clear();
  for (size_t result : program.expects)
    all.value.push_back(expected.value.at(result));
  if (text = difference(all, answer); !text.empty())
    return text;
  all.value = {expected.value.back()};
  all.printed.resize(all.printed.size() / 3); // the value with its gradients, the slope and the second derivative print
  if (text = called(program.entry + "_again", answer); text.empty())
    text = difference(all, answer);
  return text.empty() ? "" : "the derivative of the printed derivative: " + text;
}

struct Way {
  const char *name;
  bool optimise, fuse, parallel;
};

} // namespace

std::vector<Outcome> tryPrograms(std::vector<Program> programs, bool thorough) {
  std::vector<Outcome> outcomes(programs.size());
  std::vector<Expected> expected(programs.size());
  bool differentiable = !programs.empty() && !programs[0].loss.empty();
  if (differentiable)
    prepareDerivatives(programs, expected, outcomes);
  if (anyFailed(outcomes))
    return outcomes;
  Texts texts;
  for (const Program &program : programs)
    texts.push_back(program.text);
  const std::vector<Way> ways = thorough ? std::vector<Way>{{"-O2", true, true, true}, {"-O0", false, false, true}}
                                         : std::vector<Way>{{"-O0 with fusion", false, true, false}};
  // What is checked once is lowered in every way.
  Compilation compilation(settingsFor(true, true, true));
  if (!compilation.addText("random.dl", joined(texts)) || !compilation.check()) {
    blame(compilation, texts, Outcome::Refused, outcomes);
    return outcomes;
  }
  if (!differentiable)
    evaluateAll(compilation, programs, "", expected, outcomes);
  for (const Way &way : ways) {
    if (anyFailed(outcomes))
      return outcomes;
    driver::Lowering lowering(compilation.sources, compilation.diagnostics,
                              settingsFor(way.optimise, way.fuse, way.parallel));
    std::optional<std::string> object;
    if (lowering.generate(*compilation.program()))
      object = lowering.object(driver::Entries::Exports);
    if (!object) {
      blame(compilation, texts, Outcome::NotCompiled, outcomes);
      return outcomes;
    }
    std::string problem;
    std::unique_ptr<driver::NativeCode> code = driver::NativeCode::load(std::move(*object), problem);
    for (size_t i = 0; i < programs.size(); ++i) {
      if (!code)
        outcomes[i] = {Outcome::NotCompiled, problem};
      else if (outcomes[i].kind != Outcome::Unstable)
        if (std::string text = compared(*code, compilation, programs[i], expected[i]); !text.empty())
          outcomes[i] = {Outcome::Differs, std::string(way.name) + ": " + text};
    }
  }
  return outcomes;
}

Outcome tryBroken(const Program &program, bool runs) {
  Compilation compilation(settingsFor(false, false, false));
  bool correct = compilation.addText("random.dl", program.text) && compilation.check();
  if (correct && runs) {
    std::optional<std::string> object = compilation.object(driver::Entries::Exports);
    std::string problem;
    std::unique_ptr<driver::NativeCode> code = object ? driver::NativeCode::load(std::move(*object), problem) : nullptr;
    if (object && !code)
      return {Outcome::NotCompiled, problem};
    const sema::Function *function = code ? entryOf(compilation, program.entry) : nullptr;
    if (function) {
      std::vector<dl_value> in;
      driver::Signature signature = driver::signatureOf(*function);
      bool takes = signature.parameters.size() == program.arguments.size();
      for (size_t i = 0; takes && i < program.arguments.size(); ++i) {
        const Argument &argument = program.arguments[i];
        const Slot &slot = signature.parameters[i].slot;
        takes = static_cast<int>(slot.dtype) == static_cast<int>(argument.elem) &&
                slot.shape.size() == argument.shape.size();
        for (size_t d = 0; takes && d < slot.shape.size(); ++d)
          takes = slot.shape[d] < 0 || slot.shape[d] == argument.shape[d];
      }
      if (takes)
        if (dl_function entry = code->find(driver::exportEntry(program.entry), problem))
          if (std::string end = callAside(entry, signature.results, program); !end.empty())
            return {Outcome::Crashed, end + " when it ran"};
    }
  }
  for (const Diagnostic &d : compilation.diagnostics.all()) {
    if (d.code == Code::InternalError)
      return {Outcome::NotCompiled, render(d, compilation.sources, false)};
    if (!d.span.valid() || d.span.begin > d.span.end || d.span.end > compilation.sources.file(d.span.file).text.size())
      return {Outcome::NotCompiled, "an error without a place: " + d.message};
  }
  if (!correct && !compilation.diagnostics.hasErrors())
    return {Outcome::NotCompiled, "refused without an error"};
  return {};
}

} // namespace dl::testing
