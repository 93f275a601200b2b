// Places: spans cover the text they speak of.
#include "tests/syntax/parsing.h"

namespace dl::testing {
namespace {

const ast::Expr *value(const Parsed &p, size_t i = 0) { return ast::as<ast::ExprStmt>(p.file.stmts[i])->value; }

TEST(Spans, OperatorsAndParentheses) {
  Parsed p("(a + b) * c");
  auto *product = ast::as<const ast::Binary>(value(p));
  EXPECT_EQ(p.text(product->span), "(a + b) * c");
  EXPECT_EQ(p.text(product->opSpan), "*");
  EXPECT_EQ(p.text(product->lhs->span), "a + b");
}

TEST(Spans, CallsMembersAndArguments) {
  Parsed p("θ.f(δ, k=2).g");
  auto *member = ast::as<const ast::Member>(value(p));
  EXPECT_EQ(p.text(member->span), "θ.f(δ, k=2).g");
  EXPECT_EQ(p.text(member->nameSpan), "g");
  auto *call = ast::as<const ast::Call>(static_cast<const ast::Expr *>(member->base));
  EXPECT_EQ(p.text(call->span), "θ.f(δ, k=2)");
  EXPECT_EQ(p.text(call->args[1].span), "k=2");
}

TEST(Spans, StatementsEndBeforeTheirNewline) {
  Parsed p("let a = 1  # one\nfn f(x) {\n  x\n}\n\nx = 2;y");
  EXPECT_EQ(p.text(p.file.stmts[0]->span), "let a = 1");
  EXPECT_EQ(p.text(p.file.stmts[1]->span), "fn f(x) {\n  x\n}");
  EXPECT_EQ(p.text(p.file.stmts[2]->span), "x = 2");
  EXPECT_EQ(p.text(ast::as<ast::FnDecl>(p.file.stmts[1])->body->span), "{\n  x\n}");
  EXPECT_EQ(p.text(p.file.comments[0].span), "# one");
}

TEST(Spans, DeclarationsAndTypes) {
  Parsed p("export fn f(a: f32[N, 2 * M] = 1.0) -> (int, str) = a");
  auto *fn = ast::as<ast::FnDecl>(p.file.stmts[0]);
  EXPECT_EQ(p.text(fn->nameSpan), "f");
  EXPECT_EQ(p.text(fn->params[0].span), "a: f32[N, 2 * M] = 1.0");
  EXPECT_EQ(p.text(fn->params[0].type->span), "f32[N, 2 * M]");
  EXPECT_EQ(p.text(fn->params[0].type->dims[1].span), "2 * M");
  EXPECT_EQ(p.text(fn->result->span), "(int, str)");
}

TEST(Spans, IndexItems) {
  Parsed p("x[1:2, ...]");
  auto *index = ast::as<const ast::Index>(value(p));
  EXPECT_EQ(p.text(index->items[0].span), "1:2");
  EXPECT_EQ(p.text(index->items[1].span), "...");
}

TEST(Sources, LinesAndColumnsCountCodePoints) {
  SourceManager sources;
  uint32_t id = sources.add("a.dl", "θδ = 1\r\n\nx");
  EXPECT_EQ(sources.lineColumn(id, 5).line, 1);
  EXPECT_EQ(sources.lineColumn(id, 5).column, 4);
  EXPECT_EQ(sources.lineColumn(id, 11).line, 3);
  EXPECT_EQ(sources.lineText(id, 1), "θδ = 1");
  EXPECT_EQ(sources.lineText(id, 2), "");
  EXPECT_EQ(sources.lineText(id, 3), "x");
  EXPECT_EQ(sources.lineText(id, 4), "");
  EXPECT_EQ(sources.text({id, 0, 2}), "θ");
}

} // namespace
} // namespace dl::testing
