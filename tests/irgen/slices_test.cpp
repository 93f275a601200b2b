#include "tests/irgen/generated.h"

namespace dl::irgen {
namespace {

using namespace dl::sema;
using sema::build::Builder;

struct Matrix : Builder {
  Dim n = Dim::fresh("N"), five{int64_t(5)};
  Variable *x = var("x", tensorType(Elem::F32, {n, five})), *i = var("i", scalarType(Elem::I64));
  Generated slice(std::vector<SliceItem> items, Type type) {
    Expr *e = expr(ExprKind::Slice, type, {get(x)});
    e->slices = std::move(items);
    function("f", {x, i}, type, body({}, e));
    return Generated(program);
  }
};

TEST(IrgenSlices, AnUnknownIndexIsChecked) {
  Matrix m;
  Generated g = m.slice({Builder::single(m.get(m.i))}, tensorType(Elem::F32, {m.five}));
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<ir::AssertOp>("f"), 1);
  std::string text = g.text();
  EXPECT_NE(text.find("\"index {0} is out of range for size {1}\""), std::string::npos) << text;
  EXPECT_NE(text.find("dropped = [0] : tensor<?x5xf32> -> tensor<5xf32>"), std::string::npos) << text;
}

TEST(IrgenSlices, AKnownIndexFromTheEndIsNot) {
  Matrix m;
  Generated g = m.slice({Builder::plain(SliceItem::Full), Builder::single(m.i64(-1))}, tensorType(Elem::F32, {m.n}));
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<ir::AssertOp>("f"), 0);
  EXPECT_NE(g.text().find("%c4"), std::string::npos) << g.text();
}

TEST(IrgenSlices, ABackwardRangeIsReversed) {
  Matrix m;
  Generated g = m.slice({Builder::plain(SliceItem::Full), Builder::range(m.i64(4), Dim(int64_t(3)), -2)},
                        tensorType(Elem::F32, {m.n, Dim(int64_t(3))}));
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<ir::ReverseOp>("f"), 1);
  EXPECT_NE(g.text().find("steps = [1, 2]"), std::string::npos) << g.text();
}

TEST(IrgenSlices, NewAddsADimension) {
  Matrix m;
  Generated g = m.slice({Builder::plain(SliceItem::New), Builder::plain(SliceItem::Full)},
                        tensorType(Elem::F32, {Dim(int64_t(1)), m.n, m.five}));
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<ir::SliceOp>("f"), 0);
  EXPECT_EQ(g.count<ir::ReshapeOp>("f"), 1);
  g.text();
}

TEST(IrgenSlices, AStoreIsAnUpdate) {
  Matrix m;
  Variable *y = m.var("y", m.x->type, true);
  Expr *update = m.expr(ExprKind::UpdateSlice, m.x->type, {m.get(y), m.f32(1)});
  update->slices = {Builder::single(m.get(m.i)), Builder::plain(SliceItem::Full)};
  m.function("f", {m.x, m.i}, m.x->type, m.body({m.let(y, m.get(m.x)), m.assign(y, update)}, m.get(y)));
  Generated g(m.program);
  ASSERT_TRUE(g.module) << g.errors();
  EXPECT_EQ(g.count<ir::UpdateSliceOp>("f"), 1);
  EXPECT_EQ(g.count<ir::BroadcastOp>("f"), 1);
  g.text();
}

} // namespace
} // namespace dl::irgen
