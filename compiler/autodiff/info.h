// What autodiff has to know about single ops: effects, costs, names.
#pragma once

#include "compiler/dialect/Dl.h"
#include "compiler/dialect/builder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>
#include <string>

namespace dl::autodiff {

// Effects of an op and of what is nested in it, as bits.
enum Effect : unsigned {
  NoEffect = 0,
  Check = 1,  // stops the program when something is wrong
  Poll = 2,   // lets the user interrupt
  Random = 4, // draws from, reads or sets the random generator: may run again when the generator's state is restored
  Other = 8,  // must not run again: printing, files, clocks
};
// Calls are looked into.
unsigned effectsOf(mlir::Operation *op);

// Whether the op, or one nested in it, costs so much more than an elementwise op that its result is rather kept.
bool isHeavy(mlir::Operation *op);

// The attribute of a function that names the user's derivative rule: called with the arguments and the cotangents of
// the float results, it gives the gradients of the float arguments.
inline constexpr llvm::StringLiteral kDerivativeAttr = "dl.derivative";
// The same for forward mode: called with the arguments and the tangents of the float arguments, it gives the tangents
// of the float results. A function may have either or both; what is missing follows from the other, which is linear.
inline constexpr llvm::StringLiteral kForwardDerivativeAttr = "dl.forward_derivative";
// Beside these: the positions of the arguments that the rule is about, when these are not all floats.
inline constexpr llvm::StringLiteral kDerivativeByAttr = "dl.derivative_by";
// Beside kDerivativeAttr: the rule only saves memory, the derivative of the body is the same.
inline constexpr llvm::StringLiteral kOptionalRuleAttr = "dl.optional_rule";
// Marks a function of which a reverse pass keeps only the arguments, and whose loops keep a logarithm of their states.
inline constexpr llvm::StringLiteral kCheckpointAttr = "dl.checkpoint";
// The attribute of a function argument that holds its name in the source.
inline constexpr llvm::StringLiteral kNameAttr = "dl.name";
inline constexpr llvm::StringLiteral kTypeAttr = "dl.type"; // as the user has written it
// Marks a generated function whose body is still being made.
inline constexpr llvm::StringLiteral kUnfinishedAttr = "dl.unfinished";

// A rule, and the positions of the arguments that it is about.
struct Rule {
  mlir::func::FuncOp function;
  llvm::SmallVector<int64_t> by;
};
// `attribute`: kDerivativeAttr or kForwardDerivativeAttr.
std::optional<Rule> ruleOf(mlir::func::FuncOp function, llvm::StringRef attribute);
// Whether the user has written the derivative of the function.
bool hasOwnDerivative(mlir::func::FuncOp function);
// Fails when the call depends on something, by `isActive`, that the rule of what it calls is not about.
mlir::LogicalResult checkCovered(mlir::func::CallOp call, const Rule &rule,
                                 llvm::function_ref<bool(mlir::Value)> isActive);

// The name, or the name and a number, that no function of the module has.
std::string unusedName(mlir::Operation *module, const std::string &wish);

mlir::func::FuncOp calleeOf(mlir::func::CallOp call);
// Whether a call of the one, sooner or later, calls the other.
bool reaches(mlir::func::FuncOp from, mlir::func::FuncOp target);
// Whether a call of the function, sooner or later, calls it again.
bool isRecursive(mlir::func::FuncOp function);

// The numbers of the float arguments.
llvm::SmallVector<int64_t> floatArguments(mlir::func::FuncOp function);

// "<name> is not differentiable: <reason>" at the op.
mlir::LogicalResult notDifferentiable(mlir::Operation *op, llvm::StringRef reason);

// Converts between tensor types that differ only in what is known of the sizes.
mlir::Value castTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type type);

} // namespace dl::autodiff
