#include "tests/irgen/generated.h"

namespace dl::irgen {
namespace {

using namespace dl::sema;
using sema::build::Builder;

const Type f32 = scalarType(Elem::F32);

Type vector(Dim size) { return tensorType(Elem::F32, {std::move(size)}); }

// fn total(mut v: f32[N]) -> f32 { v = -v; sum(v) }
Function *total(Builder &b, bool isMut) {
  Variable *v = b.var("v", vector(Dim::fresh("N")), isMut);
  Stmt *negate = b.assign(v, b.op("neg", v->type, {b.get(v)}));
  std::vector<Stmt *> stmts;
  if (isMut)
    stmts.push_back(negate);
  Function *f = b.function("total", {v}, f32, b.body(stmts, b.op("sum", f32, {b.get(v)})));
  f->isMut[0] = isMut;
  return f;
}

TEST(IrgenCalls, CastsBetweenKnownAndUnknownSizes) {
  Builder b;
  Function *f = total(b, false);
  Variable *x = b.var("x", vector(Dim(int64_t(3))));
  Expr *call = b.expr(ExprKind::Call, f32, {b.get(x)});
  call->function = f;
  b.function("g", {x}, f32, b.body({}, call));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<mlir::tensor::CastOp>("g"), 1);
  g.text();
}

TEST(IrgenCalls, MutParametersComeBackAfterTheResult) {
  Builder b;
  Function *f = total(b, true);
  Variable *x = b.var("x", vector(Dim(int64_t(3))), true);
  Expr *call = b.expr(ExprKind::Call, f32, {b.get(x)});
  call->function = f;
  call->mutArgs = {x};
  b.function("g", {x}, x->type, b.body({b.stmt(StmtKind::Eval, call)}, b.get(x)));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  auto callee = g.module->lookupSymbol<mlir::func::FuncOp>("total");
  ASSERT_EQ(callee.getNumResults(), 2u);
  auto caller = g.module->lookupSymbol<mlir::func::FuncOp>("g");
  auto callOp = *caller.getOps<mlir::func::CallOp>().begin();
  mlir::Value returned = caller.getBody().front().getTerminator()->getOperand(0);
  EXPECT_EQ(returned.getDefiningOp()->getOperand(0), callOp.getResult(1)); // through the cast to f32[3]
}

TEST(IrgenCalls, ACallInAConditionIsCarriedThroughTheBranch) {
  Builder b;
  Function *f = total(b, true);
  Variable *x = b.var("x", vector(Dim::fresh("M")), true), *c = b.var("c", scalarType(Elem::Bool));
  Expr *call = b.expr(ExprKind::Call, f32, {b.get(x)});
  call->function = f;
  call->mutArgs = {x};
  Body *then = b.body({b.stmt(StmtKind::Eval, call)});
  b.function("g", {x, c}, x->type,
             b.body({b.stmt(StmtKind::Eval, b.choose(b.get(c), unitType(), then, nullptr))}, b.get(x)));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  auto caller = g.module->lookupSymbol<mlir::func::FuncOp>("g");
  auto branch = *caller.getOps<mlir::scf::IfOp>().begin();
  EXPECT_EQ(branch.getNumResults(), 1u);
}

TEST(IrgenCalls, GradientsBecomeVjp) {
  Builder b;
  Function *f = total(b, false);
  Variable *x = b.var("x", vector(Dim(int64_t(3))));
  Expr *grad = b.expr(ExprKind::Grad, tupleType({f32, x->type}), {b.get(x)});
  grad->function = f;
  grad->grad.wrt = {0};
  grad->grad.numArgs = 1;
  b.function("g", {x}, grad->type, b.body({}, grad));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  std::string text = g.text();
  EXPECT_NE(text.find("dl.vjp @total("), std::string::npos) << text;
  EXPECT_NE(text.find("wrt = [0]"), std::string::npos) << text;
}

TEST(IrgenCalls, TheUsersOwnRuleIsNoted) {
  Builder b;
  Function *f = total(b, false);
  Variable *v = b.var("v", f->params[0]->type), *dy = b.var("dy", f32);
  Function *rule = b.function("total_rule", {v, dy}, v->type, b.body({}, b.get(v)));
  f->derivative = rule;
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_NE(g.text().find("dl.derivative = @total_rule"), std::string::npos);
}

TEST(IrgenCalls, AMessageThatIsComputedIsMadeOnFailureOnly) {
  Builder b;
  Variable *c = b.var("c", scalarType(Elem::Bool)), *message = b.var("message", strType());
  Stmt *plain = b.stmt(StmtKind::Assert);
  plain->condition = b.get(c);
  plain->message = b.text("must hold");
  Stmt *computed = b.stmt(StmtKind::Assert);
  computed->condition = b.get(c);
  computed->message = b.get(message);
  b.function("f", {c, message}, unitType(), b.body({plain, computed}));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<ir::AssertOp>("f"), 1);
  EXPECT_EQ(g.count<ir::ExternOp>("f"), 1);
  EXPECT_EQ(g.count<mlir::scf::IfOp>("f"), 1);
}

TEST(IrgenCalls, KernelsGetDestinations) {
  Builder b;
  Dim n = Dim::fresh("N");
  Variable *x = b.var("x", vector(n));
  Expr *kernel = b.expr(ExprKind::Extern, vector(n), {b.get(x)});
  kernel->name = "dl_rt_sort";
  kernel->isKernel = true;
  b.function("f", {x}, vector(n), b.body({}, kernel));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<mlir::tensor::EmptyOp>("f"), 1);
  EXPECT_EQ(g.count<ir::KernelOp>("f"), 1);
  g.text();
}

} // namespace
} // namespace dl::irgen
