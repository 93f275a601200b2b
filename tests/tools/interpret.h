// A plain evaluation of the dl dialect, op by op on doubles: what generated derivatives and compiled code are compared
// with. Slow and simple on purpose. Floats of every width are kept as doubles; integers are exact up to 2^53.
#pragma once

#include "compiler/dialect/Dl.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace dl::test {

// A scalar (rank 0) or a tensor in row-major order.
struct Array {
  std::vector<int64_t> shape;
  std::vector<double> data;

  Array() = default;
  Array(double scalar) : data{scalar} {}
  Array(std::vector<int64_t> shape, std::vector<double> data) : shape(std::move(shape)), data(std::move(data)) {}
  static Array filled(std::vector<int64_t> shape, double value);
  double scalar() const { return data.at(0); }
};

struct InterpretError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Interpreter {
public:
  using Extern = std::function<std::vector<Array>(mlir::Operation *, const std::vector<Array> &)>;

  explicit Interpreter(mlir::ModuleOp module);

  // Throws InterpretError for a failed assertion, an index out of range or an op that it does not know.
  std::vector<Array> call(llvm::StringRef function, const std::vector<Array> &arguments);

  // How dl.extern and dl.kernel ops of this callee are evaluated. The random ones are there from the start.
  void define(const std::string &callee, Extern function) { externs_[callee] = std::move(function); }
  // How all others are; the random ones too, unless they are defined again.
  void defineOthers(Extern function) {
    externs_.clear();
    others_ = std::move(function);
  }
  int64_t opCount() const { return opCount_; }
  // An InterpretError after so many operations.
  void limitOps(int64_t most) { mostOps_ = most; }

private:
  using Environment = llvm::DenseMap<mlir::Value, Array>;

  std::vector<Array> runBlock(mlir::Block &block, Environment &env); // gives the terminator's operands
  void runOp(mlir::Operation *op, Environment &env);
  std::vector<Array> runFunction(mlir::func::FuncOp function, const std::vector<Array> &arguments);

  mlir::ModuleOp module_;
  std::map<std::string, Extern> externs_;
  Extern others_;
  double seed_ = 0, position_ = 0;
  int depth_ = 0; // of calls
  int64_t opCount_ = 0, mostOps_ = std::numeric_limits<int64_t>::max();
};

} // namespace dl::test
