// Transposes around a product become its flags; a product followed by the addition of a bias and, where nobody else
// needs the sum, by relu is one kernel of the runtime.
#include "compiler/dialect/builder.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace dl::passes {
namespace {

// Below so many multiplications the loops that are generated for a small product, fused with what follows, are faster.
constexpr int64_t kLeastProducts = 16 * 64 * 64;

// The vector that `value` repeats along all dimensions but `dim`; null when it is something else.
Value biasAlong(Value value, int64_t dim) {
  auto broadcast = value.getDefiningOp<ir::BroadcastOp>();
  if (!broadcast || broadcast.getDims() != ArrayRef<int64_t>{dim})
    return {};
  Value bias = broadcast.getInput();
  auto from = dyn_cast<RankedTensorType>(bias.getType());
  auto to = cast<RankedTensorType>(value.getType());
  return from && from.getDimSize(0) == to.getDimSize(dim) ? bias : Value();
}

struct FuseLinearPass : PassWrapper<FuseLinearPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FuseLinearPass)
  StringRef getArgument() const override { return "dl-fuse-linear"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<ir::DlDialect, tensor::TensorDialect, arith::ArithDialect>();
  }

  void runOnOperation() override {
    foldTransposes();
    SmallVector<Operation *> products;
    getOperation().walk([&](Operation *op) {
      if (isa<ir::MatMulOp, ir::Conv2dOp>(op))
        products.push_back(op);
    });
    for (Operation *op : products)
      fuse(op);
  }

  // Whether the op swaps the last two dimensions and leaves a batch dimension in front of them alone.
  static bool swapsMatrix(ir::TransposeOp op) {
    ArrayRef<int64_t> perm = op.getPerm();
    return perm == ArrayRef<int64_t>{1, 0} || perm == ArrayRef<int64_t>{0, 2, 1};
  }

  static void untranspose(OpOperand &operand, bool &flag) {
    auto transpose = operand.get().getDefiningOp<ir::TransposeOp>();
    if (!transpose || !swapsMatrix(transpose))
      return;
    operand.set(transpose.getInput());
    flag = !flag;
    if (transpose->use_empty())
      transpose.erase();
  }

  void foldTransposes() {
    SmallVector<ir::MatMulOp> products;
    getOperation().walk([&](ir::MatMulOp op) { products.push_back(op); });
    for (ir::MatMulOp op : products) {
      bool transA = op.getTransA(), transB = op.getTransB();
      untranspose(op.getAMutable(), transA);
      untranspose(op.getBMutable(), transB);
      op.setTransA(transA);
      op.setTransB(transB);
      if (!op.getResult().hasOneUse())
        continue;
      // (a b)' = b' a'
      auto transpose = dyn_cast<ir::TransposeOp>(*op->user_begin());
      if (!transpose || !swapsMatrix(transpose))
        continue;
      OpBuilder b(op);
      auto swapped = b.create<ir::MatMulOp>(op.getLoc(), transpose.getType(), op.getB(), op.getA(), !transB, !transA);
      transpose.replaceAllUsesWith(swapped.getResult());
      transpose.erase();
      op.erase();
    }
  }

  void fuse(Operation *op) {
    Value product = op->getResult(0);
    auto type = cast<RankedTensorType>(product.getType());
    if (!type.getElementType().isF32() && !type.getElementType().isF64())
      return;
    auto matmul = dyn_cast<ir::MatMulOp>(op);
    if (matmul && (type.getRank() != 2 || matmul.getTransA() || !matmul.getTransB() || isSmall(matmul)))
      return;
    if (!product.hasOneUse())
      return;
    auto add = dyn_cast<ir::AddOp>(*product.user_begin());
    if (!add || add->getBlock() != op->getBlock())
      return;
    Value bias = biasAlong(add.getX() == product ? add.getY() : add.getX(), 1);
    if (!bias)
      return;
    Operation *last = add;
    bool relu = false;
    if (add->hasOneUse())
      if (auto next = dyn_cast<ir::ReluOp>(*add->user_begin()); next && next->getBlock() == op->getBlock()) {
        last = next;
        relu = true;
      }
    makeKernel(op, last, bias, relu);
  }

  static bool isSmall(ir::MatMulOp op) {
    int64_t products = 1;
    auto a = cast<RankedTensorType>(op.getA().getType()), c = cast<RankedTensorType>(op.getResult().getType());
    for (int64_t size : {a.getDimSize(1), c.getDimSize(0), c.getDimSize(1)}) {
      if (ShapedType::isDynamic(size) || size > kLeastProducts)
        return false;
      products *= size;
      if (products > kLeastProducts)
        return false;
    }
    return true;
  }

  void makeKernel(Operation *op, Operation *last, Value bias, bool relu) {
    OpBuilder b(last);
    Location loc = op->getLoc();
    auto type = cast<RankedTensorType>(last->getResult(0).getType());
    auto number = [&](int64_t value) {
      return b.create<arith::ConstantOp>(loc, b.getI64IntegerAttr(value)).getResult();
    };
    SmallVector<Value> inputs, sizes;
    StringRef callee;
    if (auto matmul = dyn_cast<ir::MatMulOp>(op)) {
      callee = "dl_rt_linear";
      inputs = {matmul.getA(), matmul.getB(), bias};
      if (type.isDynamicDim(0))
        sizes.push_back(ir::sizeOf(b, loc, matmul.getA(), 0));
      if (type.isDynamicDim(1))
        sizes.push_back(ir::sizeOf(b, loc, matmul.getB(), 0));
    } else {
      auto conv = cast<ir::Conv2dOp>(op);
      callee = "dl_rt_conv2d";
      inputs = {conv.getX(), conv.getW(), bias};
      for (ArrayRef<int64_t> pair : {conv.getStride(), conv.getPadding(), conv.getDilation()})
        for (int64_t value : pair)
          inputs.push_back(number(value));
      inputs.push_back(number(conv.getGroups()));
      for (int64_t d = 0; d < 4; ++d)
        if (type.isDynamicDim(d))
          sizes.push_back(outputSize(b, loc, conv, d));
    }
    inputs.push_back(number(relu));
    Value empty = b.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType(), sizes);
    auto kernel = b.create<ir::KernelOp>(loc, TypeRange(type), b.getStringAttr(callee), inputs, ValueRange{empty},
                                         UnitAttr(), UnitAttr());
    last->getResult(0).replaceAllUsesWith(kernel.getResult(0));
    Operation *add = relu ? last->getOperand(0).getDefiningOp() : last;
    if (relu)
      last->erase();
    add->erase();
    op->erase();
  }

  // (in + 2 padding - dilation (kernel - 1) - 1) / stride + 1 for height and width.
  static Value outputSize(OpBuilder &b, Location loc, ir::Conv2dOp conv, int64_t d) {
    if (d == 0)
      return ir::sizeOf(b, loc, conv.getX(), 0);
    if (d == 1)
      return ir::sizeOf(b, loc, conv.getW(), 0);
    Value in = ir::sizeOf(b, loc, conv.getX(), d), kernel = ir::sizeOf(b, loc, conv.getW(), d);
    auto number = [&](int64_t value) { return ir::indexConstant(b, loc, value); };
    Value span = b.createOrFold<arith::MulIOp>(loc, b.createOrFold<arith::SubIOp>(loc, kernel, number(1)),
                                               number(conv.getDilation()[d - 2]));
    Value room = b.createOrFold<arith::AddIOp>(loc, in, number(2 * conv.getPadding()[d - 2] - 1));
    Value steps = b.createOrFold<arith::DivSIOp>(loc, b.createOrFold<arith::SubIOp>(loc, room, span),
                                                 number(conv.getStride()[d - 2]));
    return b.createOrFold<arith::AddIOp>(loc, steps, number(1));
  }
};

} // namespace

PassPtr createFuseLinearPass() { return std::make_unique<FuseLinearPass>(); }

} // namespace dl::passes
