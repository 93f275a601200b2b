// Every op against PyTorch: results, gradients, and the forward derivative by the inner-product test
// <c, J t> = <J^T c, t>. The programs and numbers are golden/*.json, written by golden.py.
#include "compiler/autodiff/autodiff.h"
#include "compiler/backend/backend.h"
#include "compiler/backend/jit.h"
#include "dl/tensor.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <bit>
#include <cmath>
#include <fstream>

namespace dl::test {
namespace {

using Json = nlohmann::json;

DType dtypeNamed(const std::string &text) {
  for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i32, DType::i64, DType::u8, DType::boolean})
    if (text == name(dtype))
      return dtype;
  throw std::runtime_error("no element type " + text);
}

double numberOf(const Json &item) {
  if (item.is_string())
    return std::stod(item.get<std::string>()); // nan, inf, -inf
  return item.is_boolean() ? item.get<bool>() : item.get<double>();
}

// bf16 is the upper half of an f32.
uint16_t toBfloat(double value) {
  uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
double fromBfloat(uint16_t half) { return std::bit_cast<float>(static_cast<uint32_t>(half) << 16); }

void store(Tensor &tensor, int64_t i, const Json &item) {
  void *at = static_cast<char *>(tensor.raw()) + i * size(tensor.dtype());
  switch (tensor.dtype()) {
  case DType::f32:
    *static_cast<float *>(at) = static_cast<float>(numberOf(item));
    break;
  case DType::f64:
    *static_cast<double *>(at) = numberOf(item);
    break;
  case DType::bf16:
    *static_cast<uint16_t *>(at) = toBfloat(numberOf(item));
    break;
  case DType::i32:
    *static_cast<int32_t *>(at) = item.get<int32_t>();
    break;
  case DType::i64:
    *static_cast<int64_t *>(at) = item.get<int64_t>();
    break;
  case DType::u8:
    *static_cast<uint8_t *>(at) = item.get<uint8_t>();
    break;
  case DType::boolean:
    *static_cast<uint8_t *>(at) = item.get<bool>();
    break;
  }
}

double load(const Tensor &tensor, int64_t i) {
  const void *at = static_cast<const char *>(tensor.raw()) + i * size(tensor.dtype());
  switch (tensor.dtype()) {
  case DType::f32:
    return *static_cast<const float *>(at);
  case DType::f64:
    return *static_cast<const double *>(at);
  case DType::bf16:
    return fromBfloat(*static_cast<const uint16_t *>(at));
  case DType::i32:
    return *static_cast<const int32_t *>(at);
  case DType::i64:
    return static_cast<double>(*static_cast<const int64_t *>(at));
  default:
    return *static_cast<const uint8_t *>(at);
  }
}

Tensor decode(const Json &json) {
  std::vector<int64_t> shape = json["shape"];
  Tensor tensor = Tensor::uninitialised(dtypeNamed(json["type"]), shape);
  const Json &data = json["data"];
  for (size_t i = 0; i < data.size(); ++i)
    store(tensor, static_cast<int64_t>(i), data[i]);
  return tensor;
}

std::vector<Tensor> decodeAll(const Json &list) {
  std::vector<Tensor> tensors;
  for (const Json &item : list)
    tensors.push_back(decode(item));
  return tensors;
}

// |a - b| <= tolerance * (1 + |b|), and NaN equals NaN.
bool close(double a, double b, double tolerance) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= tolerance * (1 + std::abs(b));
}

void expectClose(const Tensor &actual, const Json &golden, double tolerance, const std::string &what) {
  Tensor expected = decode(golden);
  ASSERT_EQ(actual.shape(), expected.shape()) << what;
  ASSERT_EQ(actual.dtype(), expected.dtype()) << what;
  if (actual.dtype() == DType::i64) { // beyond what a double holds
    auto numbers = [](const Tensor &t) {
      auto *first = static_cast<const int64_t *>(t.raw());
      return std::vector<int64_t>(first, first + t.numel());
    };
    EXPECT_EQ(numbers(actual), numbers(expected)) << what;
    return;
  }
  for (int64_t i = 0; i < actual.numel(); ++i)
    EXPECT_PRED3(close, load(actual, i), load(expected, i), tolerance) << what << ", element " << i;
}

double innerProduct(const std::vector<Tensor> &a, const std::vector<Tensor> &b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k)
    for (int64_t i = 0; i < a[k].numel(); ++i)
      sum += load(a[k], i) * load(b[k], i);
  return sum;
}

bool finite(const std::vector<Tensor> &tensors) {
  for (const Tensor &tensor : tensors)
    for (int64_t i = 0; i < tensor.numel(); ++i)
      if (!std::isfinite(load(tensor, i)))
        return false;
  return true;
}

// All programs of a file, compiled together.
class Programs {
public:
  Programs(const std::string &family, bool fuse) {
    std::ifstream file(std::string(DL_GOLDEN_FOLDER) + "/" + family + ".json");
    cases_ = Json::parse(file);
    std::string text;
    for (const Json &item : cases_)
      text += item["mlir"].get<std::string>() + "\n";
    auto context = backend::createContext();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
    if (!module)
      throw std::runtime_error(family + " does not parse");
    mlir::PassManager passes(context.get());
    passes.addPass(autodiff::createAutodiffPass());
    passes.addPass(mlir::createCanonicalizerPass());
    if (mlir::failed(passes.run(*module)))
      throw std::runtime_error(family + " cannot be differentiated");
    backend::CompileOptions options;
    options.threads = false;
    options.fuse = fuse;
    options.verify = true;
    auto object = backend::compileToObject(*module, options);
    if (!object)
      throw std::runtime_error(family + ": " + llvm::toString(object.takeError()));
    auto jit = backend::Jit::load(std::move(*object));
    if (!jit)
      throw std::runtime_error(family + ": " + llvm::toString(jit.takeError()));
    jit_ = std::move(*jit);
  }

  const Json &cases() const { return cases_; }

  // The results, or the message with which the program stopped.
  std::string call(const std::string &name, const std::vector<Tensor> &arguments, std::vector<Tensor> &results) {
    auto entry = jit_->find("dl_fn_" + name);
    if (!entry)
      return llvm::toString(entry.takeError());
    std::vector<dl_value> in, out(results.size());
    for (const Tensor &argument : arguments)
      in.push_back(argument.value());
    dl_error *error =
        dl_invoke(*entry, in.data(), static_cast<int64_t>(in.size()), out.data(), static_cast<int64_t>(out.size()));
    if (error) {
      std::string message = dl_error_message(error);
      dl_error_free(error);
      return message;
    }
    for (size_t i = 0; i < out.size(); ++i)
      results[i] = Tensor::adopt(out[i]);
    return {};
  }

private:
  Json cases_;
  std::unique_ptr<backend::Jit> jit_;
};

std::vector<Tensor> joined(std::vector<Tensor> first, const std::vector<Tensor> &second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

void checkDerivatives(Programs &programs, const Json &item, const std::vector<Tensor> &arguments) {
  std::string name = item["name"];
  double tolerance = item["tolerance"];
  std::vector<Tensor> cotangent{decode(item["cotangent"])}, tangents = decodeAll(item["tangents"]);
  std::vector<Tensor> gradients(item["gradients"].size()), derivative(1);
  ASSERT_EQ(programs.call(name + "_vjp", joined(arguments, cotangent), gradients), "");
  for (size_t k = 0; k < gradients.size(); ++k)
    expectClose(gradients[k], item["gradients"][k], tolerance * 10, "gradient " + std::to_string(k));
  ASSERT_EQ(programs.call(name + "_jvp", joined(arguments, tangents), derivative), "");
  if (finite(gradients)) {
    EXPECT_PRED3(close, innerProduct(cotangent, derivative), innerProduct(gradients, tangents),
                 std::max(tolerance * 10, 1e-10))
        << "forward and reverse mode differ";
  }
}

class Ops : public testing::TestWithParam<std::tuple<const char *, bool>> {};

TEST_P(Ops, AgreeWithPyTorch) {
  auto [family, fuse] = GetParam();
  Programs programs(family, fuse);
  for (const Json &item : programs.cases()) {
    SCOPED_TRACE(item["name"].get<std::string>());
    std::vector<Tensor> arguments = decodeAll(item["args"]), results(1);
    std::string message = programs.call(item["name"], arguments, results);
    if (item.contains("error")) {
      EXPECT_EQ(message, item["error"].get<std::string>());
      continue;
    }
    ASSERT_EQ(message, "");
    expectClose(results[0], item["result"], item["tolerance"], "result");
    if (item.contains("gradients"))
      checkDerivatives(programs, item, arguments);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Ops,
                         testing::Combine(testing::Values("unary", "unary32", "binary", "choice", "creation",
                                                          "movement", "slice", "gather", "reduce", "products",
                                                          "convolution", "pool", "special", "order"),
                                          testing::Bool()),
                         [](const auto &info) {
                           return std::string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "_fused" : "_unfused");
                         });

} // namespace
} // namespace dl::test
