#include "tests/tools/interpret.h"

#include "tests/tools/evaluate.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mlir;

namespace dl::test {

Array Array::filled(std::vector<int64_t> shape, double value) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return Array(std::move(shape), std::vector<double>(count, value));
}

namespace {

// A stand-in for a generator: a hash of seed, position and element, uniform in [0, 1).
double uniform(double seed, double position, int64_t element) {
  double x = std::sin(seed * 12.9898 + position * 78.233 + static_cast<double>(element) * 37.719) * 43758.5453;
  return x - std::floor(x);
}

} // namespace

Interpreter::Interpreter(ModuleOp module) : module_(module) {
  define("dl_rt_rng_get",
         [this](Operation *, const std::vector<Array> &) -> std::vector<Array> { return {seed_, position_}; });
  define("dl_rt_rng_set", [this](Operation *, const std::vector<Array> &in) -> std::vector<Array> {
    seed_ = in.at(0).scalar();
    position_ = in.at(1).scalar();
    return {};
  });
  Extern draw = [this](Operation *op, const std::vector<Array> &in) -> std::vector<Array> {
    Array out;
    if (auto kernel = dyn_cast<ir::KernelOp>(op); kernel && !kernel.getDests().empty())
      out.shape = in.at(kernel.getInputs().size()).shape;
    else if (auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType()))
      out.shape = type.getShape().vec();
    out = Array::filled(out.shape, 0);
    for (size_t i = 0; i < out.data.size(); ++i)
      out.data[i] = uniform(seed_, position_, i);
    position_ += 1;
    return {out};
  };
  define("dl_rt_rand", draw);
  define("dl_rt_randn", draw);
}

std::vector<Array> Interpreter::call(llvm::StringRef name, const std::vector<Array> &arguments) {
  auto function = module_.lookupSymbol<func::FuncOp>(name);
  if (!function)
    throw InterpretError("no function " + name.str());
  return runFunction(function, arguments);
}

std::vector<Array> Interpreter::runFunction(func::FuncOp function, const std::vector<Array> &arguments) {
  Environment env;
  Block &body = function.getBody().front();
  constexpr int deepest = 1000;
  if (depth_ == deepest)
    throw InterpretError("calls in calls without end");
  ++depth_;
  auto leave = llvm::make_scope_exit([this] { --depth_; });
  if (arguments.size() != body.getNumArguments())
    throw InterpretError("wrong number of arguments for " + function.getName().str());
  for (auto [arg, value] : llvm::zip(body.getArguments(), arguments))
    env[arg] = value;
  return runBlock(body, env);
}

std::vector<Array> Interpreter::runBlock(Block &block, Environment &env) {
  for (Operation &op : block.without_terminator())
    runOp(&op, env);
  std::vector<Array> results;
  for (Value value : block.getTerminator()->getOperands())
    results.push_back(env.at(value));
  return results;
}

void Interpreter::runOp(Operation *op, Environment &env) {
  if (++opCount_ > mostOps_)
    throw InterpretError("too many operations");
  std::vector<Array> in, out;
  for (Value operand : op->getOperands())
    in.push_back(env.at(operand));
  auto bind = [&](ValueRange targets, ArrayRef<Array> values) {
    for (auto [target, value] : llvm::zip_equal(targets, values))
      env[target] = value;
  };
  auto runExtern = [&](StringRef callee) {
    auto found = externs_.find(callee.str());
    if (found == externs_.end() && !others_)
      throw InterpretError("no function " + callee.str());
    out = (found == externs_.end() ? others_ : found->second)(op, in);
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](scf::IfOp branch) {
        Region &region = in[0].scalar() != 0 ? branch.getThenRegion() : branch.getElseRegion();
        if (!region.empty())
          out = runBlock(region.front(), env);
      })
      .Case([&](scf::ForOp loop) {
        auto number = [&](unsigned i) { return static_cast<int64_t>(in[i].scalar()); };
        out.assign(in.begin() + 3, in.end());
        for (int64_t i = number(0); i < number(1); i += number(2)) {
          env[loop.getInductionVar()] = Array(static_cast<double>(i));
          bind(loop.getRegionIterArgs(), out);
          out = runBlock(*loop.getBody(), env);
        }
      })
      .Case([&](scf::WhileOp loop) {
        for (std::vector<Array> carried = in;;) {
          bind(loop.getBeforeArguments(), carried);
          std::vector<Array> condition = runBlock(*loop.getBeforeBody(), env);
          out.assign(condition.begin() + 1, condition.end());
          if (condition[0].scalar() == 0)
            break;
          bind(loop.getAfterArguments(), out);
          carried = runBlock(*loop.getAfterBody(), env);
        }
      })
      .Case([&](func::CallOp call) { out = runFunction(module_.lookupSymbol<func::FuncOp>(call.getCallee()), in); })
      .Case<ir::ExternOp, ir::KernelOp>([&](auto call) { runExtern(call.getCallee()); })
      .Case([&](ir::AssertOp assertion) {
        if (in[0].scalar() == 0)
          throw InterpretError(assertion.getMessage().str());
      })
      .Case([&](ir::PollOp) {})
      .Default([&](Operation *op) { out = evaluate(op, in); });
  if (out.size() != op->getNumResults())
    throw InterpretError("wrong number of results from " + op->getName().getStringRef().str());
  for (auto [result, value] : llvm::zip(op->getResults(), out)) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    bool fits = type ? static_cast<int64_t>(value.shape.size()) == type.getRank() : value.shape.empty();
    for (size_t i = 0; fits && i < value.shape.size(); ++i)
      fits = type.isDynamicDim(i) || type.getDimSize(i) == value.shape[i];
    if (!fits) {
      std::string text;
      llvm::raw_string_ostream(text) << "shape differs from the type of the result of " << *op;
      throw InterpretError(text);
    }
    env[result] = std::move(value);
  }
}

} // namespace dl::test
