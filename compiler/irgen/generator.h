// The body of one function: variables as SSA values, control flow as scf, exits as flags.
//
// A `break`, `continue` or early `return` sets a flag, which is a variable like any other and so is carried through the
// regions around it; what follows a piece of code that may have left is guarded by the flag. A branch that always
// leaves takes no guard: what follows then moves into the other branch.
#pragma once

#include "compiler/irgen/flow.h"
#include "compiler/irgen/sizes.h"
#include "compiler/irgen/types.h"
#include "compiler/ops/registry.h"
#include "compiler/syntax/diagnostics.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/SaveAndRestore.h"

#include <deque>
#include <set>

namespace dl::irgen {

using Values = llvm::SmallVector<mlir::Value>;
using Types = llvm::SmallVector<mlir::Type>;

// What all functions of a module share.
struct ModuleContext {
  ModuleContext(const SourceManager &sources, Diagnostics &diagnostics) : sources(sources), diagnostics(diagnostics) {}

  const SourceManager &sources;
  Diagnostics &diagnostics;
  llvm::DenseMap<const sema::Function *, mlir::func::FuncOp> functions;
  llvm::StringMap<const ops::Row *> rows;
};

class FunctionGenerator {
public:
  FunctionGenerator(ModuleContext &module, const sema::Function &function, bool pollsForLoops);
  void run();

private:
  // ---- statements (statements.cpp)
  // What becomes of the value at the end of a list of statements: it is given back as a value of `type` (null:
  // dropped), or goes to the function's result slot.
  struct Sink {
    sema::Type type;
    bool toSlot = false;
  };
  Values body(const sema::Body *body, const Sink &sink);
  Values statementsFrom(const sema::Body &body, size_t first, const Sink &sink);
  Values finish(const sema::Body &body, const Sink &sink);
  // Lowers statement `index`, which may leave, and everything after it.
  Values leavingStatement(const sema::Body &body, size_t index, Exits exits, const Sink &sink);
  // The statements from `first` on, unless one of the exits was taken.
  Values guardedRest(const sema::Body &body, size_t first, Exits exits, const Sink &sink);
  void addRestVariables(const sema::Body &body, size_t first, const Sink &sink, VariableSet &assigned);
  void statement(const sema::Stmt &stmt);
  void leave(const sema::Stmt &stmt);
  void let(const sema::Stmt &stmt);
  void assertion(const sema::Stmt &stmt);
  void checkEqual(const sema::Stmt &stmt);
  void forLoop(const sema::Stmt &stmt);
  void leavingFor(const sema::Stmt &stmt, mlir::Value begin, mlir::Value end, mlir::Value step);
  void poll(mlir::Location loc);
  void whileLoop(const sema::Stmt &stmt);
  // while (no flag is up and `condition`) { body }; both are called with the loop's variables in place. A harmless
  // condition may be evaluated after the loop was left.
  void flaggedWhile(mlir::Location loc, VariableSet assigned, Exits exits, bool harmless,
                    llvm::function_ref<mlir::Value()> condition, llvm::function_ref<void()> body);
  // Gives the loop variable its value (i64) and tells what is known about it.
  void enterIteration(const sema::Stmt &stmt, mlir::Value position, std::optional<int64_t> step);

  // ---- expressions (expressions.cpp)
  Values value(const sema::Expr &e);
  mlir::Value scalar(const sema::Expr &e); // the one value of a scalar or tensor
  mlir::Value indexValue(const sema::Expr &e);
  Values evaluate(const sema::Expr &e);
  Values constant(const sema::Expr &e);
  mlir::Value tensorConstant(const sema::Expr &e);
  Values builtin(const sema::Expr &e);
  Values externCall(const sema::Expr &e);
  Values call(const sema::Expr &e);
  void writeChanged(const sema::Expr &e, mlir::ValueRange finals);
  Values differentiate(const sema::Expr &e);
  // Ops on params: param_token, leaf, backward, graph_info (imperative.cpp).
  Values imperative(const sema::Expr &e);
  Values part(const sema::Expr &e);
  Values withPart(const sema::Expr &e);
  Values conditional(const sema::Expr &e);
  Values flattenArgs(llvm::ArrayRef<sema::Expr *> args);

  // ---- slices (slices.cpp)
  struct SlicePlan;
  SlicePlan planSlice(const sema::Expr &e, mlir::Value input);
  Values slice(const sema::Expr &e);
  Values updateSlice(const sema::Expr &e);
  mlir::Value checkedIndex(const sema::Expr &index, const sema::Dim &size, mlir::Value sizeValue, mlir::Location loc);

  // ---- values and regions (values.cpp)
  mlir::Location place(Span span);
  // Makes `span` the current place until the end of the caller's scope.
  llvm::SaveAndRestore<Span> at(Span span) { return {current_, span.valid() ? span : current_}; }
  void fail(Span span, const std::string &what);
  mlir::Value coerce(mlir::Value value, mlir::Type type);
  Values coerce(Values values, llvm::ArrayRef<mlir::Type> types);
  // Zeros where control never comes; sizes that are not known here are 0.
  Values placeholders(const sema::Type &type);
  Values placeholders(llvm::ArrayRef<mlir::Type> types);
  mlir::Value zero(mlir::Type type, llvm::ArrayRef<mlir::Value> sizes);
  mlir::Value boolean(bool value);
  mlir::Value size(const sema::Dim &dim);
  Values dynamicSizes(const sema::Type &leaf);
  // dl.broadcast of `value` to the shape of `leaf`; nothing to do when it has that shape.
  mlir::Value broadcastTo(mlir::Value value, const sema::Type &leaf, mlir::Location loc);
  // Binds the size symbols that these values show for the first time.
  void bindSizes(const sema::Type &type, llvm::ArrayRef<mlir::Value> values);
  void bindDim(const sema::Dim &dim, llvm::function_ref<mlir::Value()> makeValue);
  void bindInt(const std::optional<sema::Dim> &dim, mlir::Value value);
  // The index as a polynomial of size symbols and loop variables, where it is one.
  std::optional<sema::Dim> symbolic(const sema::Expr &e);
  void nameResult(const sema::Variable &variable, llvm::ArrayRef<mlir::Value> values);

  Values read(const sema::Variable *variable, Span span);
  void write(const sema::Variable *variable, Values values);
  sema::Variable *newVariable(std::string name, sema::Type type);
  // The variables of `assigned` that exist here, their values, types and names (for dl.vars).
  llvm::SmallVector<const sema::Variable *> visible(const VariableSet &assigned);
  Values current(llvm::ArrayRef<const sema::Variable *> variables);
  void assignAll(llvm::ArrayRef<const sema::Variable *> variables, mlir::ValueRange values);
  mlir::ArrayAttr namesOf(llvm::ArrayRef<const sema::Variable *> variables);
  // Adds the flags and slots that code with these exits writes.
  void addExitVariables(Exits exits, VariableSet &assigned);
  mlir::Value anyFlag(Exits exits, mlir::Location loc);
  // scf.if whose branches give `types` and may assign `assigned`.
  Values emitIf(mlir::Location loc, mlir::Value condition, const VariableSet &assigned,
                llvm::ArrayRef<mlir::Type> types, llvm::function_ref<Values()> thenBranch,
                llvm::function_ref<Values()> elseBranch);

  struct Loop {
    const sema::Variable *broken = nullptr, *skipped = nullptr; // flags, where the body has a break or continue
  };

  ModuleContext &module_;
  const sema::Function &function_;
  mlir::func::FuncOp op_;
  mlir::MLIRContext *context_;
  mlir::OpBuilder builder_;
  Span current_; // the innermost expression or statement with a place; sizes are computed there
  bool pollsForLoops_;
  SizeTable sizes_;
  LoopRanges ranges_;
  llvm::DenseMap<const sema::Variable *, sema::Dim> loopSymbols_;
  llvm::DenseMap<const sema::Variable *, Values> environment_;
  std::deque<sema::Variable> ownVariables_;
  std::vector<Loop> loops_;
  const sema::Variable *returned_ = nullptr, *slot_ = nullptr; // only in a function with early returns
};

} // namespace dl::irgen
