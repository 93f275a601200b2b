#include "compiler/autodiff/second_order.h"

#include "compiler/autodiff/info.h"
#include "compiler/dialect/builder.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace dl::autodiff {

void buildBySymmetry(func::FuncOp generated, func::FuncOp function, func::FuncOp reverse, ArrayRef<int64_t> wrt,
                     bool forward) {
  Location loc = function.getLoc();
  SmallVector<int64_t> floats = floatArguments(function);
  unsigned inputs = function.getNumArguments(), outputs = function.getNumResults();
  unsigned cotangents = llvm::count_if(function.getResultTypes(), ir::isFloat);
  Block *body = generated.addEntryBlock();
  OpBuilder b = OpBuilder::atBlockBegin(body);
  ValueRange x = body->getArguments().take_front(inputs), v = body->getArguments().slice(inputs, cotangents),
             given = body->getArguments().drop_front(inputs + cotangents);

  SmallVector<Value> t, u;
  if (forward) {
    auto direction = [&](int64_t number, Value of) {
      const auto *found = llvm::find(wrt, number);
      return found == wrt.end() ? ir::zerosLike(b, loc, of) : given[found - wrt.begin()];
    };
    for (int64_t i : floats)
      t.push_back(direction(i, x[i]));
    for (auto [i, cotangent] : llvm::enumerate(v))
      u.push_back(direction(inputs + i, cotangent));
  } else {
    llvm::append_range(u, given.take_front(cotangents));
    llvm::append_range(t, given.drop_front(cotangents));
  }

  SmallVector<Value> operands(x);
  llvm::append_range(operands, t);
  llvm::append_range(operands, u);
  llvm::append_range(operands, v);
  ValueRange results = b.create<func::CallOp>(loc, reverse, operands).getResults();
  ValueRange y = results.take_front(outputs), changeOfY = results.slice(outputs, cotangents);
  ValueRange changeOfGradients = results.slice(outputs + cotangents, floats.size());
  ValueRange gradients = results.take_back(floats.size());

  SmallVector<Value> out(y);
  llvm::append_range(out, gradients);
  if (forward) {
    llvm::append_range(out, changeOfY);
    llvm::append_range(out, changeOfGradients);
  } else {
    for (int64_t i : wrt)
      out.push_back(i < inputs ? changeOfGradients[llvm::find(floats, i) - floats.begin()] : changeOfY[i - inputs]);
  }
  b.create<func::ReturnOp>(loc, out);
}

} // namespace dl::autodiff
