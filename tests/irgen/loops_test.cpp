#include "tests/irgen/generated.h"

namespace dl::irgen {
namespace {

using namespace dl::sema;
using sema::build::Builder;

const Type realType = scalarType(Elem::F32), intType = scalarType(Elem::I64), boolType = scalarType(Elem::Bool);

struct Sum : Builder {
  Dim n = Dim::fresh("N");
  Variable *x = var("x", tensorType(Elem::F32, {n})), *s = var("s", realType, true), *i = var("i", intType);
  Stmt *start = let(s, f32(0));
  Expr *element() { return at(get(x), {get(i)}, realType); }
  Stmt *accumulate() { return assign(s, op("add", realType, {get(s), element()})); }
  Expr *isNegative() { return op("lt", boolType, {element(), f32(0)}); }
};

TEST(IrgenLoops, AForLoopCarriesWhatItAssigns) {
  Sum b;
  b.function("f", {b.x}, realType,
             b.body({b.start, b.loop(b.i, b.i64(0), b.size(b.n), b.body({b.accumulate()}))}, b.get(b.s)));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<mlir::scf::ForOp>("f"), 1);
  EXPECT_EQ(g.count<ir::AssertOp>("f"), 0) << g.text(); // the index cannot leave the tensor
  EXPECT_NE(g.text().find("dl.vars = [\"s\"]"), std::string::npos) << g.text();
}

TEST(IrgenLoops, AnIndexPastTheLoopIsChecked) {
  Sum b;
  Expr *next = b.op("add", intType, {b.get(b.i), b.i64(1)});
  Stmt *add = b.assign(b.s, b.op("add", realType, {b.get(b.s), b.at(b.get(b.x), {next}, realType)}));
  Expr *oneLess = b.size(b.n - Dim(int64_t(1)));
  Body *safe = b.body({add});
  b.function("safe", {b.x}, realType, b.body({b.start, b.loop(b.i, b.i64(0), oneLess, safe)}, b.get(b.s)));
  Sum c;
  Expr *after = c.op("add", intType, {c.get(c.i), c.i64(1)});
  Stmt *addAfter = c.assign(c.s, c.op("add", realType, {c.get(c.s), c.at(c.get(c.x), {after}, realType)}));
  c.function("f", {c.x}, realType,
             c.body({c.start, c.loop(c.i, c.i64(0), c.size(c.n), c.body({addAfter}))}, c.get(c.s)));
  Generated proven(b.program), checked(c.program);
  ASSERT_TRUE(proven.module && checked.module) << proven.errors() << checked.errors();
  EXPECT_EQ(proven.count<ir::AssertOp>("safe"), 0);
  EXPECT_EQ(checked.count<ir::AssertOp>("f"), 1);
}

TEST(IrgenLoops, ARangeThatMayBeEmptyStillFitsItsResult) {
  Sum b;
  Dim length = b.n - Dim(int64_t(2)), zero{int64_t(0)};
  Type result = tensorType(Elem::F32, {Dim::max(length, zero)});
  Variable *r = b.var("r", result, true);
  Expr *update = b.expr(ExprKind::UpdateSlice, result, {b.get(r), b.element()});
  update->slices = {Builder::single(b.get(b.i))};
  Stmt *loop = b.loop(b.i, b.i64(0), b.size(length), b.body({b.assign(r, update)}));
  b.function("f", {b.x}, result, b.body({b.let(r, b.op("zeros", result, {})), loop}, b.get(r)));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<ir::AssertOp>("f"), 0) << g.text();
}

TEST(IrgenLoops, BreakAndContinueMakeFlags) {
  Sum b;
  Body *stop = b.body({b.stmt(StmtKind::Break)}), *skip = b.body({b.stmt(StmtKind::Continue)});
  Expr *isTen = b.op("eq", boolType, {b.element(), b.f32(10)});
  Body *body = b.body({b.stmt(StmtKind::Eval, b.choose(b.isNegative(), unitType(), skip, nullptr)),
                       b.stmt(StmtKind::Eval, b.choose(isTen, unitType(), stop, nullptr)), b.accumulate()});
  b.function("f", {b.x}, realType, b.body({b.start, b.loop(b.i, b.i64(0), b.size(b.n), body)}, b.get(b.s)));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<mlir::scf::ForOp>("f"), 0);
  EXPECT_EQ(g.count<mlir::scf::WhileOp>("f"), 1);
  EXPECT_NE(g.text().find("dl.vars = [\"s\", \"position\", \"broken\"]"), std::string::npos) << g.text();
}

TEST(IrgenLoops, ReturnInsideNestedLoopsStopsBoth) {
  Sum b;
  Variable *j = b.var("j", intType);
  Body *found = b.body({b.stmt(StmtKind::Return, b.get(b.s))});
  Body *inner = b.body({b.stmt(StmtKind::Eval, b.choose(b.isNegative(), unitType(), found, nullptr)), b.accumulate()});
  Body *outer = b.body({b.loop(b.i, b.i64(0), b.size(b.n), inner)});
  b.function("f", {b.x}, realType, b.body({b.start, b.loop(j, b.i64(0), b.i64(3), outer)}, b.f32(-1)));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<mlir::scf::WhileOp>("f"), 2);
  g.text();
}

TEST(IrgenLoops, AnEarlyReturnMovesTheRestIntoTheOtherBranch) {
  Builder b;
  Variable *n = b.var("n", intType);
  Function *f = b.function("fact", {n}, intType, nullptr);
  Expr *small = b.op("le", boolType, {b.get(n), b.i64(1)});
  Expr *rest = b.expr(ExprKind::Call, intType, {b.op("sub", intType, {b.get(n), b.i64(1)})});
  rest->function = f;
  Body *one = b.body({b.stmt(StmtKind::Return, b.i64(1))});
  f->body = b.body({b.stmt(StmtKind::Eval, b.choose(small, unitType(), one, nullptr))},
                   b.op("mul", intType, {b.get(n), rest}));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<mlir::scf::IfOp>("fact"), 1) << g.text();
  int callsOutside = 0;
  g.module->lookupSymbol<mlir::func::FuncOp>("fact").walk(
      [&](mlir::func::CallOp call) { callsOutside += !call->getParentOfType<mlir::scf::IfOp>(); });
  EXPECT_EQ(callsOutside, 0);
}

TEST(IrgenLoops, WhileEvaluatesItsConditionEachTime) {
  Sum b;
  Variable *k = b.var("k", intType, true);
  Expr *more = b.op("lt", boolType, {b.get(k), b.i64(10)});
  Stmt *step = b.assign(k, b.op("add", intType, {b.get(k), b.i64(1)}));
  Stmt *loop = b.whileDo(more, b.body({step}));
  loop->pollInterrupt = true;
  b.function("f", {}, intType, b.body({b.let(k, b.i64(0)), loop}, b.get(k)));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  auto op = *g.module->lookupSymbol<mlir::func::FuncOp>("f").getOps<mlir::scf::WhileOp>().begin();
  EXPECT_EQ(llvm::range_size(op.getBeforeBody()->getOps<ir::CmpOp>()), 1);
  EXPECT_EQ(llvm::range_size(op.getAfterBody()->getOps<ir::PollOp>()), 1);
}

TEST(IrgenLoops, AStepBelowZeroCountsDown) {
  Sum b;
  Stmt *loop = b.loop(b.i, b.size(b.n - Dim(int64_t(1))), b.i64(-1), b.body({b.accumulate()}), b.i64(-1));
  b.function("f", {b.x}, realType, b.body({b.start, loop}, b.get(b.s)));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<mlir::scf::ForOp>("f"), 1);
  EXPECT_EQ(g.count<ir::AssertOp>("f"), 0) << g.text(); // from N - 1 down to 0
}

TEST(IrgenLoops, LoopsOfTheScriptPoll) {
  Sum b;
  Stmt *loop = b.loop(b.i, b.i64(0), b.i64(3), b.body({b.assign(b.s, b.f32(1))}));
  loop->pollInterrupt = true;
  b.program.main = b.function("main", {}, unitType(), b.body({b.start, loop}));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<ir::PollOp>("main"), 1);
}

} // namespace
} // namespace dl::irgen
