#include "compiler/syntax/parse.h"

#include "compiler/syntax/build.h"
#include "compiler/syntax/layout.h"
#include "compiler/syntax/recovery.h"
#include "compiler/syntax/text.h"

namespace dl {
namespace syntax {
namespace {

using P = grammar::DLParser;

// One stretch of text from bytes to parse tree; owns all that the tree refers to.
class Reader {
public:
  Reader(Environment &environment, std::string_view text, uint32_t begin, int depth)
      : text_(text, environment.file, begin), diagnostics_(environment.diagnostics),
        layout_(layOut(lex(text_), text_, diagnostics_, depth)), source_(std::move(layout_.tokens)), tokens_(&source_),
        parser_(&tokens_) {
    parser_.removeErrorListeners();
  }

  // The tree, or null when the text is too deep to be parsed.
  template <typename Node> Node *read(Node *(P::*rule)()) {
    if (layout_.tooDeep)
      return nullptr;
    // Nearly every text is right and needs no more than the fast prediction mode; a text with an error in it is read
    // once more with the full one, so that no mistake is reported which is none.
    auto *interpreter = parser_.getInterpreter<antlr4::atn::ParserATNSimulator>();
    interpreter->setPredictionMode(antlr4::atn::PredictionMode::SLL);
    parser_.setErrorHandler(std::make_shared<antlr4::BailErrorStrategy>());
    try {
      return (parser_.*rule)();
    } catch (const antlr4::ParseCancellationException &) {
    }
    parser_.reset();
    interpreter->setPredictionMode(antlr4::atn::PredictionMode::LL);
    parser_.setErrorHandler(std::make_shared<Recovery>(text_, layout_.faults, diagnostics_));
    return (parser_.*rule)();
  }

  const SourceText &text() const { return text_; }
  std::vector<ast::Comment> &comments() { return layout_.comments; }

private:
  SourceText text_;
  Diagnostics &diagnostics_;
  Layout layout_;
  antlr4::ListTokenSource source_;
  antlr4::CommonTokenStream tokens_;
  P parser_;
};

} // namespace

ast::Expr *parseInterpolation(Environment &environment, uint32_t begin, uint32_t end, int depth) {
  Span span{environment.file, begin, end};
  auto wrong = [&] {
    auto *error = environment.context.make<ast::ErrorExpr>();
    error->kind = ast::ExprKind::Error;
    error->span = span;
    return error;
  };
  Reader reader(environment, environment.sources.text(span), begin, depth);
  P::InterpolationContext *tree = reader.read(&P::interpolation);
  if (!tree || tree->exception || !tree->expression() || tree->expression()->exception)
    return wrong();
  return Builder(environment, reader.text(), reader.comments(), depth).expression(tree->expression());
}

} // namespace syntax

ast::File parse(uint32_t id, const SourceManager &sources, ast::AstContext &context, Diagnostics &diagnostics) {
  ast::File file;
  file.id = id;
  size_t before = diagnostics.all().size();
  syntax::Environment environment{id, sources, context, diagnostics};
  try {
    syntax::Reader reader(environment, sources.file(id).text, 0, 0);
    if (auto *tree = reader.read(&grammar::DLParser::file))
      file.stmts = syntax::Builder(environment, reader.text(), reader.comments(), 0).file(tree);
    file.comments = std::move(reader.comments());
  } catch (const std::exception &e) {
    diagnostics.error(Code::InternalError, {id, 0, 0}, cat("the parser failed: ", e.what()));
  } catch (...) { // ANTLR's runtime throws plain strings too
    diagnostics.error(Code::InternalError, {id, 0, 0}, "the parser failed");
  }
  diagnostics.sortFrom(before);
  return file;
}

bool isIncomplete(std::string_view text) {
  syntax::SourceText source(text, 1, 0);
  return syntax::endsOpen(syntax::lex(source));
}

} // namespace dl
