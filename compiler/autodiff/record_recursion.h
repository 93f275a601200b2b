// Reverse mode of recursive functions in a time that is linear in that of the function.
//
// A generated derivative calls the function, for its result, and then its own kind, which calls the function again:
// n calls deep, n²/2 calls. That form is what is printed, and further derivatives do not need it (second_order.h). What
// runs is another one: the function runs once and writes the results of its calls on a tape (runtime/core/tape.cpp),
// and the derivative reads them there.
#pragma once

#include "compiler/autodiff/reverse.h"

namespace dl::autodiff {

// Whether the function is one of a cycle whose reverse mode can be recorded.
bool isRecordable(mlir::func::FuncOp function);

class RecursionRecorder {
public:
  explicit RecursionRecorder(DerivativeOf derivativeOf) : derivativeOf_(derivativeOf) {}

  // Makes what the derivative of `callee`, by all its float arguments, needs to run so. Nothing is rewritten yet.
  mlir::LogicalResult add(mlir::func::FuncOp callee, mlir::func::FuncOp derivative);
  // Rewrites the derivatives. Afterwards they cannot be differentiated again.
  void finish();

private:
  // What stands for a function of the cycle, each with a tape behind the arguments.
  struct Member {
    mlir::func::FuncOp recorded; // (arguments, tape) -> results; writes the calls within on the tape
    mlir::func::FuncOp loaded;   // (arguments, tape, number of the call) -> (results, number of the next call)
    mlir::func::FuncOp played;   // (arguments, tape, number of the call) -> results
    mlir::func::FuncOp rule;     // a declaration, until the derivative of `played` takes its place
    mlir::func::FuncOp reverse;  // (arguments, tape, number of the call, cotangents) -> gradients
  };
  struct Rewrite {
    mlir::func::FuncOp callee, derivative;
  };

  bool isMember(mlir::Operation *op) const;
  bool holdsCalls(mlir::Operation *op) const;
  void declare(mlir::func::FuncOp function);
  void makeRecorded(mlir::func::FuncOp function, Member &member);
  void makePlayed(mlir::func::FuncOp function, Member &member);
  mlir::LogicalResult makeReverse(mlir::func::FuncOp function, Member &member);
  // Puts loads into the place of calls; `next`: the number of the first of them. Gives that of the first one after.
  mlir::Value play(mlir::Block &block, mlir::Value next);
  mlir::Value playNested(mlir::Operation *op, mlir::Value next);

  DerivativeOf derivativeOf_;
  llvm::DenseMap<mlir::Operation *, Member> members_;
  llvm::SmallVector<Rewrite> rewrites_;
};

} // namespace dl::autodiff
