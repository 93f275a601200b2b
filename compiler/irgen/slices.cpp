// Reading and replacing parts of tensors.
#include "compiler/dialect/Dl.h"
#include "compiler/irgen/generator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace dl::irgen {

using mlir::Value;
using sema::Dim;
using sema::Expr;
using sema::SliceItem;
namespace arith = mlir::arith;

// A slice in the terms of dl.slice: forward steps, no new dimensions; what is left to do stands beside.
struct FunctionGenerator::SlicePlan {
  Values offsets;
  llvm::SmallVector<int64_t> steps, dropped;
  sema::Type type;                     // of the slice, without the new dimensions
  llvm::SmallVector<int64_t> reversed; // dimensions of the slice that run backwards
  bool hasNew = false;                 // the expression's type has further dimensions of size 1
};

Value FunctionGenerator::checkedIndex(const Expr &index, const Dim &size, Value sizeValue, mlir::Location loc) {
  std::optional<Dim> form = symbolic(index);
  if (form && ranges_.provesInRange(*form, size))
    return indexValue(index);
  if (form && form->isConst() && size.isConst()) {
    int64_t n = form->constant() < 0 ? form->constant() + size.constant() : form->constant();
    if (n >= 0 && n < size.constant())
      return builder_.create<arith::ConstantIndexOp>(loc, n);
  }
  Value given = indexValue(index);
  Value none = builder_.create<arith::ConstantIndexOp>(loc, 0);
  Value negative = builder_.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, given, none);
  Value fromEnd = builder_.createOrFold<arith::AddIOp>(loc, given, sizeValue);
  Value position = builder_.createOrFold<arith::SelectOp>(loc, negative, fromEnd, given);
  // One unsigned comparison: a position that is still negative is larger than any size.
  Value inside = builder_.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::ult, position, sizeValue);
  auto number = [&](Value v) { return builder_.createOrFold<arith::IndexCastOp>(loc, builder_.getI64Type(), v); };
  builder_.create<ir::AssertOp>(loc, inside, "index {0} is out of range for size {1}",
                                mlir::ValueRange{number(given), number(sizeValue)});
  return position;
}

FunctionGenerator::SlicePlan FunctionGenerator::planSlice(const Expr &e, Value input) {
  const sema::Type &whole = e.args[0]->type;
  SlicePlan plan;
  std::vector<Dim> dims;
  size_t d = 0;
  mlir::Location loc = place(e.span);
  auto full = [&] {
    plan.offsets.push_back(builder_.create<arith::ConstantIndexOp>(loc, 0));
    plan.steps.push_back(1);
    dims.push_back(whole->dims[d++]);
  };
  for (const SliceItem &item : e.slices) {
    if (item.kind == SliceItem::New) {
      plan.hasNew = true;
      continue;
    }
    if (d >= whole->dims.size()) {
      fail(e.span, "more indices than dimensions");
      break;
    }
    mlir::Location itemLoc = item.span.valid() ? place(item.span) : loc;
    switch (item.kind) {
    case SliceItem::Single: {
      const Dim &size = whole->dims[d];
      Value sizeValue =
          sizes_.allBound(size) ? this->size(size) : builder_.createOrFold<mlir::tensor::DimOp>(loc, input, int64_t(d));
      plan.offsets.push_back(checkedIndex(*item.index, size, sizeValue, itemLoc));
      plan.steps.push_back(1);
      plan.dropped.push_back(int64_t(d++));
      break;
    }
    case SliceItem::Range: {
      Value begin = item.begin ? indexValue(*item.begin) : builder_.create<arith::ConstantIndexOp>(loc, 0);
      if (item.step < 0) {
        // The first element in memory is the last one of the slice; an empty slice stays where it is.
        Value one = builder_.create<arith::ConstantIndexOp>(loc, 1),
              none = builder_.create<arith::ConstantIndexOp>(loc, 0);
        Value last = builder_.createOrFold<arith::MaxSIOp>(
            loc, builder_.createOrFold<arith::SubIOp>(loc, size(item.length), one), none);
        Value stride = builder_.create<arith::ConstantIndexOp>(loc, -item.step);
        begin =
            builder_.createOrFold<arith::SubIOp>(loc, begin, builder_.createOrFold<arith::MulIOp>(loc, last, stride));
        begin = builder_.createOrFold<arith::MaxSIOp>(loc, begin, none);
        plan.reversed.push_back(int64_t(dims.size()));
      }
      plan.offsets.push_back(begin);
      plan.steps.push_back(item.step < 0 ? -item.step : item.step);
      dims.push_back(item.length);
      ++d;
      break;
    }
    default:
      full();
    }
  }
  while (d < whole->dims.size())
    full();
  plan.type = sema::tensorType(whole->elem, dims);
  return plan;
}

Values FunctionGenerator::slice(const Expr &e) {
  mlir::Location loc = place(e.span);
  Value input = scalar(*e.args[0]);
  SlicePlan plan = planSlice(e, input);
  Value result = input;
  bool wholeTensor = plan.dropped.empty() && plan.type->dims == e.args[0]->type->dims;
  for (auto [step, size] : llvm::zip(plan.steps, e.args[0]->type->dims))
    wholeTensor &= step == 1;
  if (!wholeTensor) // with the whole size and step 1, a clamped begin can only be 0
    result = builder_.create<ir::SliceOp>(loc, leafType(plan.type, context_), input, plan.offsets,
                                          dynamicSizes(plan.type), plan.steps, plan.dropped);
  if (!plan.reversed.empty())
    result = builder_.create<ir::ReverseOp>(loc, result.getType(), result, plan.reversed);
  mlir::Type type = leafType(e.type, context_);
  if (plan.hasNew)
    return {builder_.create<ir::ReshapeOp>(loc, type, result, dynamicSizes(e.type))};
  return {coerce(result, type)};
}

Values FunctionGenerator::updateSlice(const Expr &e) {
  mlir::Location loc = place(e.span);
  Value input = scalar(*e.args[0]), part = scalar(*e.args[1]);
  SlicePlan plan = planSlice(e, input);
  mlir::Type type = leafType(plan.type, context_);
  auto rankOf = [](mlir::Type t) {
    auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(t);
    return tensor ? tensor.getRank() : 0;
  };
  if (rankOf(part.getType()) > rankOf(type))
    part = builder_.create<ir::ReshapeOp>(loc, type, part, dynamicSizes(plan.type));
  else
    part = broadcastTo(part, plan.type, loc);
  if (!plan.reversed.empty())
    part = builder_.create<ir::ReverseOp>(loc, part.getType(), part, plan.reversed);
  Value result =
      builder_.create<ir::UpdateSliceOp>(loc, input.getType(), input, part, plan.offsets, plan.steps, plan.dropped);
  return {coerce(result, leafType(e.type, context_))};
}

} // namespace dl::irgen
