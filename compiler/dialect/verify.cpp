// What the ops require beyond their types. Labels C1, C2, … are the constraints of an op's description.
#include "compiler/dialect/builder.h"

#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;

namespace dl::ir {

namespace {

bool sizesAgree(int64_t a, int64_t b) { return a == b || ShapedType::isDynamic(a) || ShapedType::isDynamic(b); }

RankedTensorType tensorType(Value value) { return cast<RankedTensorType>(value.getType()); }

LogicalResult checkIncreasing(Operation *op, ArrayRef<int64_t> dims, int64_t rank) {
  for (auto [i, dim] : llvm::enumerate(dims))
    if (dim < 0 || dim >= rank || (i > 0 && dims[i - 1] >= dim))
      return op->emitOpError() << "dims must increase and lie in [0, " << rank << ")";
  return success();
}

LogicalResult checkSizeCount(Operation *op, ValueRange sizes, Type result) {
  auto tensor = dyn_cast<RankedTensorType>(result);
  int64_t wanted = tensor ? tensor.getNumDynamicDims() : 0;
  if (static_cast<int64_t>(sizes.size()) != wanted)
    return op->emitOpError() << "needs " << wanted << " sizes for the dynamic dimensions of " << result << ", got "
                             << sizes.size();
  return success();
}

LogicalResult checkSlice(Operation *op, RankedTensorType whole, Type part, size_t offsets, ArrayRef<int64_t> steps,
                         ArrayRef<int64_t> dropped) {
  int64_t rank = whole.getRank();
  if (static_cast<int64_t>(offsets) != rank || static_cast<int64_t>(steps.size()) != rank)
    return op->emitOpError() << "needs one offset and one step per dimension, that is " << rank;
  if (llvm::any_of(steps, [](int64_t step) { return step < 1; }))
    return op->emitOpError("steps must be at least 1");
  if (failed(checkIncreasing(op, dropped, rank)))
    return failure();
  if (rankOf(part) != rank - static_cast<int64_t>(dropped.size()))
    return op->emitOpError() << "the slice has rank " << rank - static_cast<int64_t>(dropped.size()) << ", its type is "
                             << part;
  if (elementOf(part) != whole.getElementType())
    return op->emitOpError("the slice keeps the element type");
  return success();
}

} // namespace

LogicalResult BroadcastOp::verify() {
  Type input = getInput().getType();
  auto result = tensorType(getResult());
  if (elementOf(input) != result.getElementType())
    return emitOpError("keeps the element type");
  if (static_cast<int64_t>(getDims().size()) != rankOf(input))
    return emitOpError("needs one entry of dims per dimension of the operand");
  if (failed(checkIncreasing(*this, getDims(), result.getRank())))
    return failure();
  for (auto [dim, size] : llvm::zip_equal(getDims(), shapeOf(input))) // C1
    if (size != 1 && !sizesAgree(size, result.getDimSize(dim)))
      return emitOpError() << "C1: cannot stretch size " << size << " to " << result.getDimSize(dim);
  return checkSizeCount(*this, getSizes(), result);
}

LogicalResult IotaOp::verify() {
  auto result = tensorType(getResult());
  if (result.getRank() != 1 || result.getElementType().isInteger(1))
    return emitOpError("makes a rank-1 tensor of numbers");
  return checkSizeCount(*this, getSizes(), result);
}

LogicalResult ReshapeOp::verify() {
  Type input = getInput().getType(), result = getResult().getType();
  if (elementOf(input) != elementOf(result))
    return emitOpError("keeps the element type");
  auto staticCount = [](Type type) -> std::optional<int64_t> {
    int64_t count = 1;
    for (int64_t size : shapeOf(type)) {
      if (ShapedType::isDynamic(size))
        return std::nullopt;
      count *= size;
    }
    return count;
  };
  auto from = staticCount(input), to = staticCount(result);
  if (from && to && *from != *to)
    return emitOpError() << "cannot make " << *to << " elements of " << *from;
  return checkSizeCount(*this, getSizes(), result);
}

LogicalResult TransposeOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  int64_t rank = input.getRank();
  if (static_cast<int64_t>(getPerm().size()) != rank || result.getRank() != rank)
    return emitOpError("needs one entry of perm per dimension");
  llvm::SmallBitVector seen(rank);
  for (auto [to, from] : llvm::enumerate(getPerm())) {
    if (from < 0 || from >= rank || seen.test(from))
      return emitOpError("perm must be a permutation");
    seen.set(from);
    if (!sizesAgree(input.getDimSize(from), result.getDimSize(to)))
      return emitOpError() << "result dimension " << to << " has another size than operand dimension " << from;
  }
  return success();
}

LogicalResult ReverseOp::verify() {
  if (getInput().getType() != getResult().getType())
    return emitOpError("keeps the type");
  return checkIncreasing(*this, getDims(), tensorType(getInput()).getRank());
}

LogicalResult ConcatOp::verify() {
  auto result = tensorType(getResult());
  if (getInputs().empty())
    return emitOpError("needs at least one tensor");
  int64_t rank = result.getRank(), dim = getDim();
  if (dim < 0 || dim >= rank)
    return emitOpError() << "dim must lie in [0, " << rank << ")";
  for (Value input : getInputs()) {
    auto type = tensorType(input);
    if (type.getRank() != rank || type.getElementType() != result.getElementType())
      return emitOpError("operands and result have one rank and one element type");
    for (int64_t i = 0; i < rank; ++i)
      if (i != dim && !sizesAgree(type.getDimSize(i), result.getDimSize(i)))
        return emitOpError() << "sizes of dimension " << i << " differ";
  }
  return success();
}

LogicalResult SliceOp::verify() {
  if (failed(checkSlice(*this, tensorType(getInput()), getResult().getType(), getOffsets().size(), getSteps(),
                        getDropped())))
    return failure();
  return checkSizeCount(*this, getSizes(), getResult().getType());
}

LogicalResult UpdateSliceOp::verify() {
  return checkSlice(*this, tensorType(getInput()), getValue().getType(), getOffsets().size(), getSteps(), getDropped());
}

LogicalResult AddSliceOp::verify() {
  return checkSlice(*this, tensorType(getInput()), getValue().getType(), getOffsets().size(), getSteps(), getDropped());
}

LogicalResult ReduceOp::verify() {
  auto input = tensorType(getInput());
  if (failed(checkIncreasing(*this, getDims(), input.getRank())))
    return failure();
  SmallVector<int64_t> kept;
  for (auto [i, size] : llvm::enumerate(input.getShape()))
    if (!llvm::is_contained(getDims(), static_cast<int64_t>(i)))
      kept.push_back(size);
  Type result = getResult().getType();
  bool agree = rankOf(result) == static_cast<int64_t>(kept.size()) && elementOf(result) == input.getElementType() &&
               llvm::all_of(llvm::zip_equal(kept, shapeOf(result)),
                            [](auto pair) { return sizesAgree(std::get<0>(pair), std::get<1>(pair)); });
  if (!agree)
    return emitOpError() << "cannot reduce " << input << " to " << result;
  bool logical = getKind() == ReduceKind::any || getKind() == ReduceKind::all;
  if (logical != input.getElementType().isInteger(1))
    return emitOpError("any and all reduce bools, the others numbers");
  return success();
}

LogicalResult ArgReduceOp::verify() {
  auto input = tensorType(getInput());
  if (getKind() != ReduceKind::max && getKind() != ReduceKind::min)
    return emitOpError("is max or min");
  int64_t dim = getDim();
  if (dim < 0 || dim >= input.getRank())
    return emitOpError() << "dim must lie in [0, " << input.getRank() << ")";
  if (rankOf(getResult().getType()) != input.getRank() - 1 || !elementOf(getResult().getType()).isInteger(64))
    return emitOpError("gives i64 of one rank less");
  return success();
}

LogicalResult MatMulOp::verify() {
  auto a = tensorType(getA()), b = tensorType(getB()), result = tensorType(getResult());
  int64_t rank = a.getRank();
  if ((rank != 2 && rank != 3) || b.getRank() != rank || result.getRank() != rank)
    return emitOpError("operands and result have rank 2, or all rank 3");
  Type element = a.getElementType();
  if (b.getElementType() != element || result.getElementType() != element || element.isInteger(1))
    return emitOpError("operands and result have one element type, of numbers");
  int64_t last = rank - 1, first = rank - 2;
  int64_t m = a.getDimSize(getTransA() ? last : first), k = a.getDimSize(getTransA() ? first : last);
  int64_t k2 = b.getDimSize(getTransB() ? last : first), n = b.getDimSize(getTransB() ? first : last);
  if (!sizesAgree(k, k2))
    return emitOpError() << "inner sizes " << k << " and " << k2 << " differ";
  if (!sizesAgree(m, result.getDimSize(first)) || !sizesAgree(n, result.getDimSize(last)))
    return emitOpError("the result has another shape than the product");
  if (rank == 3 &&
      (!sizesAgree(a.getDimSize(0), b.getDimSize(0)) || !sizesAgree(a.getDimSize(0), result.getDimSize(0))))
    return emitOpError("batch sizes differ");
  return success();
}

LogicalResult CmpOp::verify() {
  Type operand = getX().getType(), result = getResult().getType();
  if (!elementOf(result).isInteger(1) || rankOf(operand) != rankOf(result) ||
      !llvm::all_of(llvm::zip_equal(shapeOf(operand), shapeOf(result)),
                    [](auto pair) { return sizesAgree(std::get<0>(pair), std::get<1>(pair)); }))
    return emitOpError("gives bools of the operands' shape");
  return success();
}

LogicalResult SelectOp::verify() {
  Type condition = getCondition().getType(), result = getResult().getType();
  if (!elementOf(condition).isInteger(1) || rankOf(condition) != rankOf(result))
    return emitOpError("the condition is bools of the operands' shape");
  return success();
}

LogicalResult ConvertOp::verify() {
  Type from = getX().getType(), to = getResult().getType();
  if (rankOf(from) != rankOf(to) || shapeOf(from) != shapeOf(to))
    return emitOpError("keeps the shape");
  return success();
}

} // namespace dl::ir
