// dl-mlir-run FILE.mlir FUNCTION [ARGUMENT…]: compiles a module, calls one of its exported functions and prints what it
// returns.
//
// An ARGUMENT is a number, or a tensor like f32[2,3]=rand (=small: a twentieth of it), f32[4]=iota, f32[4]=0.5.
//   --emit=STAGE    prints that form instead
//   --unfused       without fusion and reuse of memory
//   --sequential    without threads
//   --repeat=N      calls N times and prints the median CPU time of all threads
//   --times         the time of each compilation step
//   --quiet         does not print results
#include "compiler/backend/backend.h"
#include "compiler/backend/jit.h"

#include "dl/tensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <ctime>
#include <random>

using namespace dl;

namespace {

template <class T> void fill(Tensor &tensor, llvm::StringRef how) {
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  double constant = 0;
  how.getAsDouble(constant);
  for (int64_t i = 0; i < tensor.numel(); ++i)
    tensor.data<T>()[i] = static_cast<T>(how == "rand"    ? normal(random)
                                         : how == "small" ? normal(random) / 20
                                         : how == "iota"  ? i
                                                          : constant);
}

Tensor argument(llvm::StringRef text) {
  auto [type, how] = text.split('=');
  if (how.empty()) {
    double number = 0;
    int64_t integer = 0;
    if (!text.getAsInteger(10, integer))
      return Tensor(integer);
    text.getAsDouble(number);
    return Tensor(static_cast<float>(number));
  }
  auto [element, sizes] = type.split('[');
  std::vector<int64_t> shape;
  llvm::SmallVector<llvm::StringRef> parts;
  sizes.rtrim(']').split(parts, ',');
  for (llvm::StringRef part : parts)
    shape.push_back(std::stoll(part.str()));
  auto make = [&](DType dtype) { return Tensor::uninitialised(dtype, shape); };
  if (element == "f64") {
    Tensor t = make(DType::f64);
    fill<double>(t, how);
    return t;
  }
  if (element == "i64") {
    Tensor t = make(DType::i64);
    fill<int64_t>(t, how);
    return t;
  }
  Tensor t = make(DType::f32);
  fill<float>(t, how);
  return t;
}

void print(const dl_value &value) {
  if (value.rank == 0) {
    value.dtype <= DL_BF16 ? llvm::outs() << value.f << "\n" : llvm::outs() << value.i << "\n";
    return;
  }
  Tensor t = Tensor::adopt(value);
  llvm::outs() << name(t.dtype()) << "[";
  for (int64_t s : t.shape())
    llvm::outs() << s << " ";
  llvm::outs() << "]";
  double sum = 0;
  for (int64_t i = 0; i < t.numel(); ++i) {
    double x = t.dtype() == DType::f32   ? t.data<float>()[i]
               : t.dtype() == DType::f64 ? t.data<double>()[i]
               : t.dtype() == DType::i64 ? static_cast<double>(t.data<int64_t>()[i])
                                         : 0;
    sum += x;
    if (i < 8)
      llvm::outs() << " " << x;
  }
  llvm::outs() << " … sum " << sum << "\n";
}

double cpuMicroseconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

template <class T> T need(llvm::Expected<T> value) {
  if (value)
    return std::move(*value);
  llvm::errs() << "error: " << llvm::toString(value.takeError()) << "\n";
  std::exit(1);
}

} // namespace

int main(int argc, char **argv) {
  std::vector<llvm::StringRef> words;
  backend::CompileOptions options;
  options.verify = true;
  std::string stage;
  int repeat = 0;
  bool quiet = false;
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef word = argv[i];
    if (word.consume_front("--emit="))
      stage = word.str();
    else if (word == "--unfused")
      options.fuse = false;
    else if (word == "--sequential")
      options.threads = false;
    else if (word == "--times")
      options.timePasses = true, options.verify = false;
    else if (word == "--quiet")
      quiet = true;
    else if (word.consume_front("--repeat="))
      word.getAsInteger(10, repeat);
    else
      words.push_back(word);
  }
  auto context = backend::createContext();
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(words.at(0), context.get());
  if (!module)
    return 1;
  if (!stage.empty()) {
    llvm::outs() << need(backend::emitText(*module, stage, options));
    return 0;
  }
  auto function = module->lookupSymbol<mlir::func::FuncOp>(words.at(1));
  if (!function) {
    llvm::errs() << "no such function\n";
    return 2;
  }
  size_t results = function.getNumResults();
  auto jit = need(backend::Jit::load(need(backend::compileToObject(*module, options))));
  dl_function entry = need(jit->find("dl_fn_" + words[1].str()));
  std::vector<Tensor> tensors;
  std::vector<dl_value> in;
  for (size_t i = 2; i < words.size(); ++i) {
    tensors.push_back(argument(words[i]));
    in.push_back(tensors.back().value());
  }
  std::vector<double> times;
  for (int i = 0; i < std::max(repeat, 1); ++i) {
    std::vector<dl_value> out(results);
    uint64_t before = dl_heap_allocations();
    double start = cpuMicroseconds();
    dl_error *error =
        dl_invoke(entry, in.data(), static_cast<int64_t>(in.size()), out.data(), static_cast<int64_t>(out.size()));
    times.push_back(cpuMicroseconds() - start);
    if (error) {
      llvm::errs() << dl_error_text(error) << "\n";
      return 1;
    }
    bool last = i + 1 == std::max(repeat, 1);
    if (last && !quiet)
      llvm::outs() << "heap allocations in the last call: " << dl_heap_allocations() - before << "\n";
    for (dl_value &value : out) {
      if (last && !quiet)
        print(value);
      else if (value.rank)
        dl_free(value.data);
    }
  }
  if (repeat) {
    std::sort(times.begin(), times.end());
    llvm::outs() << "median " << llvm::format("%.1f", times[times.size() / 2]) << " us of CPU time in " << repeat
                 << "\n";
  }
}
