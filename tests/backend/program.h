// Compiles a module given as text and calls its functions.
#pragma once

#include "compiler/backend/backend.h"
#include "compiler/backend/jit.h"

#include "dl/tensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace dl::test {

struct Outcome {
  std::vector<Tensor> results;
  std::string error; // empty: it ran
};

class Program {
public:
  explicit Program(const std::string &text, backend::CompileOptions options = {}) {
    options.verify = true;
    auto context = backend::createContext();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
    if (!module) {
      ADD_FAILURE() << "the module does not parse";
      return;
    }
    for (auto function : module->getOps<mlir::func::FuncOp>())
      resultCounts[function.getName().str()] = function.getNumResults();
    auto object = backend::compileToObject(*module, options);
    if (!object) {
      problem = llvm::toString(object.takeError());
      return;
    }
    auto loaded = backend::Jit::load(std::move(*object));
    if (!loaded)
      problem = llvm::toString(loaded.takeError());
    else
      jit = std::move(*loaded);
  }

  std::string problem;

  Outcome call(const std::string &name, const std::vector<Tensor> &arguments) {
    if (!jit) {
      ADD_FAILURE() << problem;
      return {{}, problem};
    }
    auto function = jit->find("dl_fn_" + name);
    if (!function)
      return {{}, llvm::toString(function.takeError())};
    std::vector<dl_value> in, out(resultCounts[name]);
    for (const Tensor &argument : arguments)
      in.push_back(argument.value());
    dl_error *error =
        dl_invoke(*function, in.data(), static_cast<int64_t>(in.size()), out.data(), static_cast<int64_t>(out.size()));
    if (error) {
      Outcome outcome{{}, dl_error_text(error)};
      dl_error_free(error);
      return outcome;
    }
    Outcome outcome;
    for (const dl_value &value : out)
      outcome.results.push_back(Tensor::adopt(value));
    return outcome;
  }

private:
  std::unique_ptr<backend::Jit> jit;
  std::map<std::string, size_t> resultCounts;
};

inline Tensor random(std::initializer_list<int64_t> shape, unsigned seed = 1) {
  Tensor t = Tensor::uninitialised(DType::f32, shape);
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < t.numel(); ++i)
    t.data<float>()[i] = normal(generator);
  return t;
}

inline double largestDifference(const Tensor &a, const Tensor &b) {
  if (!a.valid() || !b.valid() || a.dtype() != b.dtype() || a.shape() != b.shape())
    return INFINITY;
  if (a.rank() == 0)
    return std::abs(a.item() - b.item());
  double most = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    double difference = a.dtype() == DType::f32   ? std::abs(a.data<float>()[i] - b.data<float>()[i])
                        : a.dtype() == DType::f64 ? std::abs(a.data<double>()[i] - b.data<double>()[i])
                                                  : std::abs(double(a.data<int64_t>()[i] - b.data<int64_t>()[i]));
    most = std::isnan(difference) ? INFINITY : std::max(most, difference);
  }
  return most;
}

// Calls the function in a fused and in an unfused build and expects the same numbers.
inline void expectFusedEqualsUnfused(const std::string &text, const std::string &name,
                                     const std::vector<Tensor> &arguments, double tolerance = 1e-5) {
  backend::CompileOptions unfused;
  unfused.fuse = false;
  Program left(text), right(text, unfused);
  Outcome a = left.call(name, arguments), b = right.call(name, arguments);
  ASSERT_EQ(a.error, "");
  ASSERT_EQ(b.error, "");
  ASSERT_EQ(a.results.size(), b.results.size());
  for (size_t i = 0; i < a.results.size(); ++i)
    EXPECT_LE(largestDifference(a.results[i], b.results[i]), tolerance) << "result " << i;
}

} // namespace dl::test
