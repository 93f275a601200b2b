// Derivatives of random programs, compiled and run, against the plain evaluation of the same module.
#include "compiler/backend/backend.h"
#include "compiler/backend/jit.h"
#include "tests/autodiff/module.h"
#include "tests/autodiff/random_program.h"

#include "dl/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

namespace dl::test {

namespace {

Tensor toTensor(const Array &array) {
  if (array.shape.empty())
    return Tensor(array.scalar());
  Tensor tensor = Tensor::uninitialised(DType::f64, array.shape);
  std::copy(array.data.begin(), array.data.end(), tensor.data<double>());
  return tensor;
}

class Compiled {
public:
  Compiled(const std::string &text, bool fuse) {
    backend::CompileOptions options;
    options.verify = true;
    options.fuse = fuse;
    auto context = backend::createContext();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
    if (!module)
      throw InterpretError("the module does not parse");
    auto object = backend::compileToObject(*module, options);
    if (!object)
      throw InterpretError(llvm::toString(object.takeError()));
    auto jit = backend::Jit::load(std::move(*object));
    if (!jit)
      throw InterpretError(llvm::toString(jit.takeError()));
    jit_ = std::move(*jit);
  }

  std::vector<Tensor> call(const std::string &name, const std::vector<Array> &arguments, size_t results) {
    auto function = jit_->find("dl_fn_" + name);
    if (!function)
      throw InterpretError(llvm::toString(function.takeError()));
    std::vector<Tensor> tensors;
    std::vector<dl_value> in, out(results);
    for (const Array &argument : arguments)
      tensors.push_back(toTensor(argument));
    for (const Tensor &tensor : tensors)
      in.push_back(tensor.value());
    if (dl_error *error = dl_invoke(*function, in.data(), in.size(), out.data(), out.size())) {
      std::string text = dl_error_text(error);
      dl_error_free(error);
      throw InterpretError(text);
    }
    std::vector<Tensor> values;
    for (const dl_value &value : out)
      values.push_back(Tensor::adopt(value));
    return values;
  }

private:
  std::unique_ptr<backend::Jit> jit_;
};

void expectSame(const std::vector<Tensor> &found, const std::vector<Array> &wanted, const std::string &what) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    double scale = 1;
    for (double x : wanted[i].data)
      scale = std::max(scale, std::fabs(x));
    for (size_t k = 0; k < wanted[i].data.size(); ++k)
      ASSERT_NEAR(found[i].rank() ? found[i].data<double>()[k] : found[i].item(), wanted[i].data[k], 1e-9 * scale)
          << what << ", result " << i << ", element " << k;
  }
}

TEST(CompiledDerivatives, EqualThePlainEvaluation) {
  const char *wanted = std::getenv("DL_RANDOM_PROGRAMS"); // how many, for a longer run
  unsigned count = wanted ? std::atoi(wanted) : 12;
  for (unsigned seed = 0; seed < count && !testing::Test::HasFailure(); ++seed) {
    Program p = randomProgram(seed, /*draws=*/false);
    SCOPED_TRACE(p.name);
    try {
      Module module(p.text);
      module.addGradient("f", "first", p.wrt, /*unusedOk=*/true);
      module.addSquares("first", "squares");
      module.addGradient("squares", "second", p.wrt, /*unusedOk=*/true);
      ASSERT_TRUE(module.differentiate()) << module.errors();
      for (const char *name : {"f", "first", "second"})
        module.get().lookupSymbol(name)->setAttr("dl.export", mlir::UnitAttr::get(module.get().getContext()));
      for (bool fuse : {true, false}) {
        Compiled compiled(module.text(), fuse);
        for (const char *name : {"f", "first", "second"}) {
          std::vector<Array> plain = module.call(name, p.arguments);
          expectSame(compiled.call(name, p.arguments, plain.size()), plain,
                     name + std::string(fuse ? "" : ", unfused"));
        }
      }
    } catch (const InterpretError &error) {
      FAIL() << error.what() << "\n" << p.text;
    }
  }
}

} // namespace
} // namespace dl::test
