#include "tests/tools/call_runtime.h"

#include "compiler/dialect/builder.h"
#include "dl/abi.h"
#include "dl/symbols.h"

#include <cmath>
#include <cstring>
#include <type_traits>

using namespace mlir;

namespace dl::test {
namespace {

dl_dtype dtypeOf(Type elem) {
  if (elem.isF32())
    return DL_F32;
  if (elem.isF64())
    return DL_F64;
  if (elem.isInteger(1))
    return DL_BOOL;
  if (elem.isInteger(8))
    return DL_U8;
  if (elem.isInteger(32))
    return DL_I32;
  if (elem.isInteger(64) || elem.isIndex())
    return DL_I64;
  throw InterpretError("the interpreter passes no such type to the runtime");
}

template <typename T> void write(const std::vector<double> &numbers, std::vector<char> &bytes) {
  bytes.resize(numbers.size() * sizeof(T));
  for (size_t i = 0; i < numbers.size(); ++i) {
    T number{};
    if constexpr (std::is_floating_point_v<T>)
      number = static_cast<T>(numbers[i]);
    else if (std::abs(numbers[i]) < 0x1p63) // an integer may have come from a nan or an infinity
      number = static_cast<T>(static_cast<int64_t>(numbers[i]));
    std::memcpy(bytes.data() + i * sizeof(T), &number, sizeof number);
  }
}
template <typename T> void read(const void *data, std::vector<double> &numbers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    T number;
    std::memcpy(&number, static_cast<const char *>(data) + i * sizeof(T), sizeof number);
    numbers[i] = static_cast<double>(number);
  }
}

// Calls `use` with a zero of the C++ type.
template <typename Use> void withType(int32_t dtype, Use use) {
  switch (dtype) {
  case DL_F32:
    return use(float());
  case DL_F64:
    return use(double());
  case DL_I32:
    return use(int32_t());
  case DL_I64:
    return use(int64_t());
  default:
    return use(uint8_t());
  }
}

// `bytes` holds the elements of a tensor.
dl_value valueOf(const Array &array, Type type, std::vector<char> &bytes) {
  dl_value value = {};
  value.dtype = dtypeOf(ir::elementOf(type));
  value.rank = static_cast<int32_t>(array.shape.size());
  std::copy(array.shape.begin(), array.shape.end(), value.sizes);
  if (value.rank == 0 && isa<FloatType>(type))
    value.f = array.scalar();
  else if (value.rank == 0)
    value.i = static_cast<int64_t>(array.scalar());
  else
    withType(value.dtype, [&](auto zero) { write<decltype(zero)>(array.data, bytes); });
  value.data = bytes.data();
  return value;
}

Array arrayOf(const dl_value &value, Type type) {
  if (value.rank == 0)
    return Array(isa<FloatType>(type) ? value.f : static_cast<double>(value.i));
  Array array = Array::filled({value.sizes, value.sizes + value.rank}, 0);
  withType(value.dtype, [&](auto zero) { read<decltype(zero)>(value.data, array.data); });
  return array;
}

dl_function runtimeFunction(llvm::StringRef callee) {
  std::string name = callee.starts_with("dl_") ? callee.str() : "dl_rt_" + callee.str();
  void *address = dl_runtime_symbol(name.c_str());
  if (!address)
    throw InterpretError("no function " + name);
  return reinterpret_cast<dl_function>(address);
}

void invoke(dl_function function, const std::vector<dl_value> &in, std::vector<dl_value> &out) {
  dl_error *error = dl_invoke(function, in.data(), int64_t(in.size()), out.data(), int64_t(out.size()));
  if (!error)
    return;
  std::string message = dl_error_message(error);
  dl_error_free(error);
  throw InterpretError(message);
}

} // namespace

std::vector<Array> callRuntime(Operation *op, const std::vector<Array> &in) {
  auto kernel = dyn_cast<ir::KernelOp>(op);
  std::vector<std::vector<char>> bytes(in.size());
  std::vector<dl_value> inputs, outputs;
  size_t count = kernel ? kernel.getInputs().size() : in.size();
  for (size_t i = 0; i < in.size(); ++i) // a kernel's results are made in its destinations
    (i < count ? inputs : outputs).push_back(valueOf(in[i], op->getOperand(i).getType(), bytes[i]));
  if (!kernel)
    for (Type type : op->getResultTypes()) {
      dl_value wanted = {};
      wanted.dtype = dtypeOf(ir::elementOf(type));
      wanted.rank = int32_t(ir::rankOf(type));
      for (auto [d, size] : llvm::enumerate(ir::shapeOf(type)))
        wanted.sizes[d] = ShapedType::isDynamic(size) ? -1 : size;
      outputs.push_back(wanted);
    }
  invoke(runtimeFunction(kernel ? kernel.getCallee() : cast<ir::ExternOp>(op).getCallee()), inputs, outputs);
  std::vector<Array> results;
  for (auto [value, type] : llvm::zip_equal(outputs, op->getResultTypes())) {
    results.push_back(arrayOf(value, type));
    if (!kernel && value.rank > 0)
      dl_free(value.data);
  }
  return results;
}

void lowerToRuntime(ModuleOp module) {
  SmallVector<ir::DlOp> ops;
  module.walk([&](ir::DlOp op) {
    if (isa<ir::LgammaOp, ir::DigammaOp, ir::ZetaOp, ir::ArgsortOp, ir::SearchsortedOp, ir::CumsumOp>(op))
      ops.push_back(op);
  });
  IRRewriter rewriter(module.getContext());
  for (ir::DlOp op : ops) {
    rewriter.setInsertionPoint(op);
    if (failed(op.lower(rewriter)))
      throw InterpretError("it cannot be lowered");
  }
}

void seedRuntime(int64_t seed) {
  dl_value value = {};
  value.dtype = DL_I64;
  value.i = seed;
  std::vector<dl_value> none;
  invoke(runtimeFunction("dl_rt_seed"), {value}, none);
}

} // namespace dl::test
