#include "compiler/ops/reshape.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;

namespace dl::ops {
namespace {

// Dimensions [from, to) of the operand become those of the result; both sides are not empty.
struct Group {
  int64_t fromBegin, fromEnd, toBegin, toEnd;
};

// The shortest groups of equal static products that start at (i, j) and run upwards; stops before a dynamic size.
void matchForwards(ArrayRef<int64_t> from, ArrayRef<int64_t> to, int64_t &i, int64_t &j, SmallVector<Group> &groups) {
  int64_t fromRank = from.size(), toRank = to.size();
  while (i < fromRank && j < toRank) {
    int64_t iEnd = i + 1, jEnd = j + 1, a = from[i], b = to[j];
    if (ShapedType::isDynamic(a) || ShapedType::isDynamic(b))
      return;
    while (a != b) {
      bool extendFrom = a < b;
      if (extendFrom ? iEnd == fromRank : jEnd == toRank)
        return;
      int64_t next = extendFrom ? from[iEnd] : to[jEnd];
      if (ShapedType::isDynamic(next) || next == 0)
        return;
      (extendFrom ? a : b) *= next;
      ++(extendFrom ? iEnd : jEnd);
    }
    if (a == 0)
      return;
    groups.push_back({i, iEnd, j, jEnd});
    i = iEnd;
    j = jEnd;
  }
}

SmallVector<int64_t> reversed(ArrayRef<int64_t> list) { return SmallVector<int64_t>(llvm::reverse(list)); }

SmallVector<Group> groupsOf(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  SmallVector<Group> groups;
  int64_t i = 0, j = 0, fromRank = from.size(), toRank = to.size();
  matchForwards(from, to, i, j, groups);
  SmallVector<Group> tail;
  int64_t p = 0, q = 0;
  matchForwards(reversed(from.drop_front(i)), reversed(to.drop_front(j)), p, q, tail);
  int64_t fromMiddle = fromRank - p, toMiddle = toRank - q; // where the tail begins
  if (i == fromMiddle && j < toMiddle && !groups.empty()) {
    groups.back().toEnd = toMiddle;
  } else if (j == toMiddle && i < fromMiddle && !groups.empty()) {
    groups.back().fromEnd = fromMiddle;
  } else if (i < fromMiddle || j < toMiddle) {
    // One side may be empty here only without groups before it: then the first group of the tail takes the rest.
    if (i == fromMiddle || j == toMiddle) {
      Group &first = tail.back();
      fromMiddle = fromRank - first.fromBegin;
      toMiddle = toRank - first.toBegin;
      tail.pop_back();
    }
    groups.push_back({i, fromMiddle, j, toMiddle});
  }
  for (const Group &g : llvm::reverse(tail))
    groups.push_back({fromRank - g.fromEnd, fromRank - g.fromBegin, toRank - g.toEnd, toRank - g.toBegin});
  return groups;
}

int64_t product(ArrayRef<int64_t> sizes) {
  int64_t product = 1;
  for (int64_t size : sizes) {
    if (ShapedType::isDynamic(size))
      return ShapedType::kDynamic;
    product *= size;
  }
  return product;
}

ReassociationIndices range(int64_t begin, int64_t end) {
  auto dims = llvm::seq<int64_t>(begin, end);
  return ReassociationIndices(dims.begin(), dims.end());
}

Value castTo(OpBuilder &b, Location loc, Value value, RankedTensorType type) {
  return value.getType() == type ? value : b.create<tensor::CastOp>(loc, type, value);
}

} // namespace

Value reshapeView(OpBuilder &b, Location loc, Value input, Type type, ValueRange sizes) {
  auto from = dyn_cast<RankedTensorType>(input.getType());
  auto to = dyn_cast<RankedTensorType>(type);
  if (!from && !to)
    return input;
  if (!from) {
    auto one = RankedTensorType::get(SmallVector<int64_t>(to.getRank(), 1), to.getElementType());
    return castTo(b, loc, b.create<tensor::FromElementsOp>(loc, one, input), to);
  }
  if (!to) {
    SmallVector<Value> zeros(from.getRank(), ir::indexConstant(b, loc, 0));
    return b.create<tensor::ExtractOp>(loc, input, zeros);
  }
  SmallVector<ReassociationIndices> collapse, expand;
  SmallVector<int64_t> between; // the sizes of the groups
  for (const Group &g : groupsOf(from.getShape(), to.getShape())) {
    collapse.push_back(range(g.fromBegin, g.fromEnd));
    expand.push_back(range(g.toBegin, g.toEnd));
    between.push_back(product(from.getShape().slice(g.fromBegin, g.fromEnd - g.fromBegin)));
  }
  int64_t groups = between.size();
  Value value = input;
  if (groups < from.getRank())
    value = b.create<tensor::CollapseShapeOp>(loc, value, collapse);
  if (groups == to.getRank())
    return castTo(b, loc, value, to);
  // The size of a group as the result knows it, so that the two views fit.
  for (auto [size, group] : llvm::zip_equal(between, expand))
    size = product(to.getShape().slice(group.front(), group.size()));
  value = castTo(b, loc, value, RankedTensorType::get(between, to.getElementType()));
  SmallVector<OpFoldResult> shape;
  size_t used = 0;
  for (int64_t size : to.getShape())
    shape.push_back(ShapedType::isDynamic(size) ? OpFoldResult(sizes[used++]) : OpFoldResult(b.getIndexAttr(size)));
  // expand_shape does not bufferise with two unknown sizes in a group. Of a collapse_shape of several unknown sizes
  // MLIR takes the first ones to be equal: [N, 1, M] as [N * M, 1] would become [N, 1].
  auto unknown = [](const ReassociationIndices &group, RankedTensorType type) {
    return llvm::count_if(group, [&](int64_t dim) { return type.isDynamicDim(dim); });
  };
  bool isPlain = llvm::all_of(llvm::zip_equal(collapse, expand), [&](const auto &groups) {
    const auto &[before, after] = groups;
    return after.size() == 1 || (unknown(before, from) <= 1 && unknown(after, to) <= 1);
  });
  if (isPlain)
    return b.create<tensor::ExpandShapeOp>(loc, to, value, expand, shape);
  SmallVector<Value> shapeValues = getValueOrCreateConstantIndexOp(b, loc, shape);
  Value shapeTensor = b.create<tensor::FromElementsOp>(loc, shapeValues);
  return b.create<tensor::ReshapeOp>(loc, to, value, shapeTensor);
}

} // namespace dl::ops
