// The state behind printSource: names, and the choice of what is written inside an expression and what gets a line.
#pragma once

#include "compiler/autodiff/print_source.h"
#include "compiler/dialect/Dl.h"
#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSet.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dl::autodiff {

// How tightly an expression binds, loosest first, as in compiler/syntax/precedence.h.
enum class Level { Branch, Or, And, Not, Compare, Sum, Product, Sign, Power, Primary };

struct Text {
  std::string text;
  Level level = Level::Primary;
};

// The name that the user's program has for the function; empty for generated ones, lambdas and methods.
llvm::StringRef declaredName(mlir::func::FuncOp function);
// Whether a call is written with that name. A function without a rule of its own whose call cannot be written as
// declared is printed beside the derivative instead.
bool isCalledByName(mlir::func::FuncOp callee);

class SourcePrinter {
public:
  // `commentsAt` may be null. `module` has the functions that are called, `functions` those that have another name than
  // their symbol. `imports` receives the modules that the text needs.
  SourcePrinter(mlir::func::FuncOp function, CommentsAt commentsAt, mlir::ModuleOp module,
                const llvm::StringMap<std::string> &functions, std::set<std::string> &imports);
  mlir::FailureOr<std::string> print();

private:
  // ---- source_values.cpp: names, and values as they are referred to
  std::string unique(std::string wish);
  std::string wishFor(mlir::Value value) const;
  void name(mlir::Value value, const std::string &name) { names_[value] = name; }
  // A value that is written as another one: casts, additions of 0, products with 1.
  mlir::Value standIn(mlir::Value value) const;
  mlir::Value peel(mlir::Value value) const;
  // Whether two sizes are provably one.
  bool sameSize(mlir::Value a, int64_t i, mlir::Value b, int64_t j) const;
  unsigned countUses(mlir::Value value, mlir::Block *block) const;
  bool isLastUse(mlir::Operation *change, mlir::Value value) const;
  // Whether the store may be made in the variable that holds `value`: nothing reads that afterwards.
  bool overwrites(mlir::Operation *store, mlir::Value value) const;
  // The `if` after which the variable that holds `value` holds one of its results: one branch gives `value` itself.
  mlir::scf::IfOp taker(mlir::Value value) const;
  bool isInline(mlir::Operation *op) const;   // written wherever it is used, however often
  bool isDeferred(mlir::Operation *op) const; // written where it is used, which is one place
  Text own(mlir::Value value);                // as it is held: a text as a str
  Text expression(mlir::Value value);         // a text as its bytes
  std::string at(mlir::Value value, Level minimum);
  std::string list(mlir::ValueRange values);
  std::string sizeText(mlir::Value tensor, int64_t dim);
  std::string shapeText(mlir::Type type, mlir::ValueRange sizes); // `N, 3`
  std::string tuple(mlir::Type type, mlir::ValueRange sizes);     // `(N, 3)`

  // ---- source_runtime.cpp: texts, and functions of the runtime
  // Whether the value is written as a str.
  bool isText(mlir::Value value) const;
  static bool isTextArgument(mlir::func::FuncOp callee, unsigned i);
  static bool isTextResult(mlir::func::FuncOp callee, unsigned i);
  // Bytes as a str, or as a tensor; other values as they are.
  Text as(bool text, mlir::Value value);
  std::string as(bool text, mlir::Value value, Level minimum);
  std::string interpolation(mlir::ValueRange parts);
  std::optional<Text> textCall(llvm::StringRef name, mlir::ValueRange inputs);
  // A function of the runtime as the library wraps it; `made`: values that have the shape of its results.
  Text runtimeCall(mlir::Operation *op, llvm::StringRef callee, mlir::ValueRange inputs, mlir::ValueRange made);

  // ---- source_expressions.cpp: operations as expressions
  Text build(mlir::OpResult result);
  Text buildUpstream(mlir::Operation *op);
  Text elementwise(mlir::Operation *op);
  Text broadcast(ir::BroadcastOp op);
  Text broadcastWithin(ir::BroadcastOp op); // as the operand of an elementwise op, which stretches it
  // The brackets of a slice. The dynamic sizes of the part come from `sizes`, or are those of the value `like`.
  std::string indices(mlir::Value input, mlir::ValueRange offsets, mlir::Type part, mlir::Value like,
                      mlir::ValueRange sizes, llvm::ArrayRef<int64_t> steps, llvm::ArrayRef<int64_t> dropped);
  std::string indexed(mlir::Value value, llvm::StringRef brackets);
  Text transpose(ir::TransposeOp op);
  Text reshape(ir::ReshapeOp op);
  bool hidesSizeOne(mlir::Value value, int64_t dim) const;
  std::optional<std::string> unitDims(ir::ReshapeOp op);
  std::optional<Text> vectorProduct(ir::ReshapeOp op);
  Text reduce(ir::ReduceOp op);
  Text window(mlir::OpResult result);
  Text infix(mlir::Value a, llvm::StringRef op, mlir::Value b, Level level);
  Text infix(const Text &a, llvm::StringRef op, const Text &b, Level level);
  Text call(llvm::StringRef name, llvm::ArrayRef<std::string> args);

  // ---- source_statements.cpp: operations as lines
  // Gradients are called after the parameter, with the parts of which they are sums.
  void wish(mlir::Value value, const std::string &name);
  mlir::LogicalResult block(mlir::Block &block);
  mlir::LogicalResult statement(mlir::Operation *op);
  // `pattern`: how the value is taken apart, with {i} for result i.
  void let(mlir::ValueRange results, const std::string &value, llvm::StringRef pattern = "");
  mlir::LogicalResult functionCall(mlir::func::CallOp op);
  // A slice that is replaced or added to: in the variable that holds the tensor, where nothing reads it afterwards.
  template <typename Op> void store(Op op, llvm::StringRef sign);
  void check(ir::AssertOp op);
  std::string signature();
  void line(const std::string &text);
  // Keeps the comments of the line that the operation comes from for the next line.
  void noteComments(mlir::Operation *op);
  // The name that a function has in the text.
  std::string functionName(llvm::StringRef symbol) const;
  // An error about the operation, or about `what` it calls.
  void unprintable(mlir::Operation *op, llvm::StringRef what = "");

  // ---- source_control_flow.cpp: branches and loops
  // Whether the branches do not provably give the same sizes.
  bool sizesDiffer(mlir::scf::IfOp op) const;
  // The rest of the declaration of a variable that is assigned before it is read.
  std::string unset(mlir::Value value) const;
  // What a branch gives for `result`, where the other one gives `other`.
  std::string branchValue(mlir::Value value, mlir::Value other, mlir::Value result);
  // `isTail`: what it gives is what the function gives.
  mlir::LogicalResult branch(mlir::scf::IfOp op, bool isTail);
  mlir::LogicalResult counted(mlir::scf::ForOp op);
  mlir::LogicalResult repeated(mlir::scf::WhileOp op);
  // Declares `var` for a carried value, or goes on with the variable that holds `init` when nothing else reads it.
  std::string variable(mlir::Value init, mlir::Value carried, const std::string &wish, const std::string &type = "");
  // The assignments that end an iteration, as if made at once; the targets hold values of the kind of `held`.
  void assign(llvm::ArrayRef<std::string> targets, mlir::ValueRange held, mlir::ValueRange values);

  mlir::func::FuncOp function_;
  CommentsAt commentsAt_;
  mlir::ModuleOp module_;
  const llvm::StringMap<std::string> &functionNames_;
  std::set<std::string> &imports_;
  llvm::StringSet<> said_;                    // lines whose comments are written
  std::vector<std::string> above_, trailing_; // comments for the next line
  llvm::DenseMap<mlir::Value, std::string> names_;
  llvm::DenseMap<mlir::Value, std::string> wishes_; // gradients: dx for the parameter x
  llvm::DenseSet<mlir::Value> variables_;           // values held by a `var`
  llvm::StringSet<> taken_;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, std::string> shapeNames_; // sizes of parameters that have a name
  std::vector<std::string> lines_;
  mlir::Operation *tail_ = nullptr; // an `if` that gives what the function gives
  int depth_ = 1;
  bool failed_ = false;
};

std::string elementName(mlir::Type type);
// A type as it is declared; `written`: as the user did, may be null.
std::string typeText(mlir::Type type, mlir::StringAttr written);
// The literal of a str, where the value can be one.
std::optional<std::string> textLiteral(mlir::Attribute value);
// A number of the type; `bare` where the context gives a literal its type.
Text number(mlir::Attribute value, bool bare);

} // namespace dl::autodiff
