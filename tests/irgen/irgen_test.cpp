#include "tests/irgen/generated.h"

#include "compiler/dialect/location.h"
#include "compiler/irgen/spans.h"

namespace dl::irgen {
namespace {

using namespace dl::sema;
using sema::build::Builder;

TEST(Irgen, FlattensParametersAndResults) {
  Builder b;
  Type vector = tensorType(Elem::F32, {Dim::fresh("N")});
  Type pair = recordType({"weight", "bias"}, {vector, scalarType(Elem::F32)});
  Variable *p = b.var("p", pair);
  Expr *bias = b.expr(ExprKind::Get, scalarType(Elem::F32), {b.get(p)});
  bias->index = 1;
  Expr *swapped = b.expr(ExprKind::With, pair, {b.get(p), b.op("neg", scalarType(Elem::F32), {bias})});
  swapped->index = 1;
  b.function("f", {p}, pair, b.body({}, swapped))->isExport = true;
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  auto f = g.module->lookupSymbol<mlir::func::FuncOp>("f");
  EXPECT_EQ(f.getNumArguments(), 2u);
  EXPECT_EQ(f.getNumResults(), 2u);
  EXPECT_FALSE(f.isPrivate());
  EXPECT_EQ(f.getArgAttrOfType<mlir::StringAttr>(0, "dl.name").getValue(), "p.weight");
  EXPECT_EQ(f.getArgAttrOfType<mlir::StringAttr>(0, "dl.type").getValue(), "f32[N]");
  EXPECT_EQ(g.count<ir::NegOp>("f"), 1);
  g.text();
}

TEST(Irgen, BroadcastsTheOperandsOfAnOperator) {
  Builder b;
  Dim n = Dim::fresh("N");
  Type matrix = tensorType(Elem::F32, {n, Dim(int64_t(10))});
  Variable *x = b.var("x", matrix), *bias = b.var("b", tensorType(Elem::F32, {Dim(int64_t(10))}));
  Expr *sum = b.op("add", matrix, {b.get(x), b.get(bias)});
  b.function("f", {x, bias}, matrix, b.body({}, b.op("mul", matrix, {sum, b.f32(2)})));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  std::string text = g.text();
  EXPECT_EQ(g.count<ir::BroadcastOp>("f"), 2);
  EXPECT_NE(text.find("dims = [1] sizes("), std::string::npos) << text;
  EXPECT_EQ(g.count<mlir::tensor::DimOp>("f"), 1);
}

TEST(Irgen, ScalarsStayScalars) {
  Builder b;
  Type f32 = scalarType(Elem::F32);
  Variable *x = b.var("x", f32);
  b.function("f", {x}, f32, b.body({}, b.op("add", f32, {b.get(x), b.f32(1)})));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<ir::BroadcastOp>("f"), 0);
  EXPECT_NE(g.text().find(": f32"), std::string::npos);
}

TEST(Irgen, SizesAreExpressionsOfParameters) {
  Builder b;
  Dim h = Dim::fresh("H"), k = Dim::fresh("k", false);
  Variable *x = b.var("x", tensorType(Elem::F32, {h})), *width = b.var("k", scalarType(Elem::I64));
  width->dim = k;
  Expr *size = b.size(Dim::floorDiv(h - k + Dim(int64_t(1)), Dim(int64_t(2))));
  b.function("f", {x, width}, scalarType(Elem::I64), b.body({}, size));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<mlir::arith::FloorDivSIOp>("f"), 1);
  EXPECT_EQ(g.count<mlir::tensor::DimOp>("f"), 1);
  g.text();
}

TEST(Irgen, AFreshSizeIsTakenFromTheValue) {
  Builder b;
  Type fresh = tensorType(Elem::I64, {Dim::fresh("n")});
  Expr *external = b.expr(ExprKind::Extern, fresh, {});
  external->name = "dl_rt_something";
  Variable *found = b.var("found", fresh);
  b.function("f", {}, scalarType(Elem::I64), b.body({b.let(found, external)}, b.size(fresh->dims[0])));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<mlir::tensor::DimOp>("f"), 1);
  EXPECT_NE(g.text().find("dl.var = \"found\""), std::string::npos);
}

TEST(Irgen, ASizeThatOnlyAMultipleShowsIsSolvedFor) {
  Builder b;
  Dim n = Dim::fresh("N");
  Variable *x = b.var("x", tensorType(Elem::F32, {n * Dim(int64_t(2)) + Dim(int64_t(1))}));
  b.function("f", {x}, scalarType(Elem::I64), b.body({}, b.size(n)));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<mlir::arith::DivSIOp>("f"), 1);
}

TEST(Irgen, AnUnknownSizeIsReportedNotFatal) {
  Builder b;
  b.function("f", {}, scalarType(Elem::I64), b.body({}, b.size(Dim::fresh("M"))));
  Generated g(b.program);
  EXPECT_FALSE(g.module);
  ASSERT_EQ(g.diagnostics.errorCount(), 1u);
  EXPECT_EQ(g.diagnostics.all()[0].code, Code::InternalError);
  EXPECT_NE(g.errors().find("size M has no value"), std::string::npos) << g.errors();
}

TEST(Irgen, StringsAreBytes) {
  Builder b;
  b.function("f", {}, strType(), b.body({}, b.text("hé")));
  Generated g(b.program);
  ASSERT_TRUE(g.module) << g.errors();
  std::string text = g.text();
  EXPECT_NE(text.find("tensor<3xi8>"), std::string::npos) << text;
  EXPECT_NE(text.find("return %cast : tensor<?xi8>"), std::string::npos) << text;
}

TEST(Irgen, LocationsKeepBeginAndEnd) {
  SourceManager sources;
  uint32_t file = sources.add("a.dl", "let ä = 1\nlet b = ä + 2\n");
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Span span{file, 19, 25}; // `ä + 2` of the second line
  mlir::Location loc = makeLocation(&context, span, sources);
  std::optional<ir::SourcePlace> place = ir::decodeLocation(loc);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->file, "a.dl");
  EXPECT_EQ(place->line, 2);
  EXPECT_EQ(place->column, 9);
  EXPECT_EQ(place->length, 6);
  EXPECT_EQ(spanOf(loc, sources), span);
  EXPECT_EQ(spanOf(mlir::NameLoc::get(mlir::StringAttr::get(&context, "x"), loc), sources), span);
  EXPECT_FALSE(spanOf(mlir::UnknownLoc::get(&context), sources).valid());
}

} // namespace
} // namespace dl::irgen
