#include "compiler/syntax/recovery.h"
#include "compiler/syntax/text.h"

#include <algorithm>

namespace dl::syntax {
namespace {

using P = grammar::DLParser;
using antlr4::Token;

// A file with more mistakes than this is something else than a program.
constexpr size_t kMaxReports = 100;

bool isOpener(size_t type) { return type == P::LPAREN || type == P::LBRACKET || type == P::LBRACE; }
bool isCloser(size_t type) { return type == P::RPAREN || type == P::RBRACKET || type == P::RBRACE; }
bool isKeyword(size_t type) { return type >= P::AND && type <= P::WHILE; }

std::string describe(const Token *token, const SourceText &text) {
  size_t type = token->getType();
  if (type == Token::EOF)
    return "the end";
  if (type == P::NEWLINE) {
    // The last line of a block ends without a newline of its own.
    uint32_t at = text.span(token).begin;
    std::string_view next = text.textOf({text.file(), at, std::min(at + 64, text.end())});
    size_t rest = next.find_first_not_of(" \t\r");
    if (rest != std::string_view::npos && (next[rest] == ';' || next[rest] == '}'))
      return cat("`", next[rest], "`");
    return text.isPart() ? "the closing brace" : "the end of the line";
  }
  if (type == P::STRING)
    return "a string";
  std::string_view spelling = text.textOf(token);
  if (spelling.empty()) // a bracket that was put in because the user's is missing
    return "the end of the line";
  if (spelling.size() > 40)
    return "this";
  return isKeyword(type) ? cat("the keyword `", spelling, "`") : cat("`", spelling, "`");
}

// The tokens the grammar would take here, as a reader thinks of them.
std::string expectation(const antlr4::misc::IntervalSet &expected, const antlr4::Parser &parser, size_t rule) {
  bool expression = expected.contains(size_t(P::INT));
  bool name = expected.contains(size_t(P::NAME));
  bool statement = expected.contains(size_t(P::LET)) && expected.contains(size_t(P::WHILE));
  if (statement)
    return "a statement";
  if (rule == P::RuleType || (rule == P::RulePath && name && expected.contains(size_t(P::LIST)) && !expression))
    return "a type";
  if (expected.contains(size_t(P::PARAM)) && !expression && expected.contains(size_t(P::FN)) &&
      rule == P::RuleModuleBody)
    return "a member: `param`, `buffer`, `let` or `fn`";
  if (expression)
    return expected.contains(size_t(P::ELLIPSIS)) ? "an index" : "an expression";
  if (name)
    return rule == P::RulePattern ? "a name or `(`" : "a name";
  std::vector<std::string> parts;
  for (ssize_t type : expected.toList()) {
    if (type == P::NEWLINE)
      parts.push_back(rule == P::RuleInterpolation ? "`}`" : "the end of the statement");
    else if (type == P::STRING)
      parts.push_back("a string");
    else if (type >= 0 && !parser.getVocabulary().getLiteralName(static_cast<size_t>(type)).empty()) {
      std::string literal = parser.getVocabulary().getLiteralName(static_cast<size_t>(type));
      parts.push_back("`" + literal.substr(1, literal.size() - 2) + "`");
    }
  }
  if (parts.empty())
    return "the end";
  std::string text = parts[0];
  for (size_t i = 1; i < parts.size() && i < 5; ++i)
    text += (i + 1 == parts.size() ? " or " : ", ") + parts[i];
  return text;
}

std::string helpFor(const Token *found, const antlr4::misc::IntervalSet &expected, const SourceText &text,
                    std::string_view previous, std::string_view statementWord) {
  std::string_view spelling = text.textOf(found);
  size_t type = found->getType();
  auto expects = [&](size_t t) { return expected.contains(t); };
  if (previous == "def" || previous == "func" || previous == "function")
    return "functions begin with `fn`";
  if (previous == "class" || previous == "struct")
    return "`module Name(hyper-parameters) { … }` declares a module";
  if (spelling == "elif" || previous == "elif" || (previous == "else" && type == P::NAME))
    return "write `else if`";
  if (previous == "const" || previous == "val")
    return "`let` binds a name";
  uint32_t end = text.span(found).end;
  if (type == P::VAR && text.textOf({text.file(), end, std::min(end + 1, text.end())}) == "(")
    return "`var` declares a variable; PyTorch's var is `variance(x)` here";
  bool isArrow = type == P::ASSIGN && text.textOf({text.file(), end, std::min(end + 1, text.end())}) == ">";
  if (previous == "lambda" || isArrow)
    return "`fn(x) = x * 2.0` is a function without a name";
  if (type == P::MUT && previous == ":")
    return "`mut` stands before the name: `fn f(mut x: f32[N])`";
  if (type == P::DOTDOT && expects(P::RPAREN))
    return "a range stands behind `in`, backwards as `n - 1..-1 step -1`; `arange(n)` is a tensor of the numbers below "
           "n";
  if (previous == "with" && spelling == "no_grad")
    return "`no_grad { … }` is a block";
  if (previous == "print" && expects(P::NEWLINE))
    return "a call has parentheses: `print(x)`";
  if (previous == "f" && type == P::STRING)
    return "every string takes `{…}`; there is no `f` before it";
  if (statementWord == "import" && type == P::COMMA)
    return "each file has an `import` of its own";
  if (type == P::STAR && statementWord == "from")
    return "the names are listed: `from nn import Linear, ReLU`";
  if (type == P::POWER && (previous == "(" || previous == ","))
    return "named arguments are written out: `f(a=1.0, b=2.0)`";
  if (type == P::VAR && expects(P::PARAM))
    return "a `mut fn` may assign to `let` members, and to `buffer` members, which are saved with the module";
  if (type == P::IF && (expects(P::NEWLINE) || expects(P::COMMA)))
    return "`if c { a } else { b }` is an expression";
  if (type == P::FOR && expects(P::COMMA))
    return "the loop comes first: `[for i in 0..n: i * i]`";
  if (type == P::IN && expects(P::COMMA))
    return "`for` has no parentheses: `for i in 0..n { … }`";
  if (type == P::COLON && !previous.empty() && previous.front() == '"' && !expects(P::LBRACE))
    return "there are no dictionaries; `[(\"a\", 1), (\"b\", 2)]` is a list of pairs, a module has members by name";
  if (type == P::COLON && statementWord == "fn")
    return "a result's type stands after `->`";
  if (expects(P::LBRACE) && type == P::COLON)
    return "blocks are written in braces: `{ … }`";
  if (expects(P::LBRACE) && !expects(P::INT) && type == P::NEWLINE)
    return statementWord == "module" ? "the `{` belongs on the same line; a module without members ends in `{}`"
                                     : "the `{` belongs on the same line";
  if (expects(P::LBRACE) && type == P::ASSIGN)
    return "`==` compares";
  if (expects(P::NEWLINE) && type == P::COMMA && statementWord != "import" && statementWord != "from")
    return "a tuple is written in parentheses: `(a, b)`";
  if (expects(P::IN) && type == P::COMMA)
    return "several names are written in parentheses: `(a, b)`";
  if ((statementWord == "let" || statementWord == "var" || statementWord == "for") && type == P::LBRACKET &&
      expects(P::LPAREN))
    return "several names are written in parentheses: `(a, b)`";
  if ((statementWord == "let" || statementWord == "var") && type == P::COMMA)
    return "several names are written in parentheses: `(a, b)`";
  if (type == P::AMP)
    return !expects(P::INT) ? "`and` is the logical operator, of tensors too; `bitwise_and(a, b)` is that of bits"
                            : "`&x` passes a variable on to be changed; it stands at calls";
  if ((type == P::LT || type == P::GT) && previous == spelling)
    return type == P::LT ? "`bitwise_left_shift(a, n)` shifts bits" : "`bitwise_right_shift(a, n)` shifts bits";
  if (type == P::FN && expects(P::INT))
    return "a function literal inside an expression needs parentheses: `(fn(x) = …)`";
  uint32_t at = text.span(found).begin;
  std::string_view before = at < text.begin() + 2 ? "" : text.textOf({text.file(), at - 2, at});
  if (type == P::NEWLINE && expects(P::NAME) && (before == "++" || before == "--"))
    return "there is no `++` or `--`; write `+= 1`";
  if (type == P::INT && expects(P::NAME) && previous == ".")
    return "elements of a tuple are taken with `t[0]`, fractions begin with a digit: `0.5`";
  if (type == P::DOT && expects(P::INT))
    return "fractions begin with a digit: `0.5`";
  return isKeyword(type) && expects(P::NAME) && !expects(P::INT) ? cat("`", spelling, "` cannot be a name") : "";
}

size_t statementStart(antlr4::RuleContext *context) {
  for (; context; context = static_cast<antlr4::RuleContext *>(context->parent)) {
    size_t rule = context->getRuleIndex();
    if (rule == P::RuleStatement || rule == P::RuleMember)
      return static_cast<antlr4::ParserRuleContext *>(context)->getStart()->getTokenIndex();
  }
  return SIZE_MAX;
}

} // namespace

void Recovery::report(antlr4::Parser *parser, Token *found, const antlr4::misc::IntervalSet &expected, size_t rule,
                      size_t statementBegin) {
  antlr4::TokenStream *tokens = parser->getTokenStream();
  size_t at = found->getTokenIndex();
  if (statementBegin == SIZE_MAX)
    statementBegin = at;
  Span span = text_.span(found);
  uint32_t begin = text_.span(tokens->get(statementBegin)).begin;
  // Something in this statement has been reported already, and this is most likely its consequence.
  for (uint32_t fault : faults_)
    if (fault >= begin && fault <= span.end + 1)
      return;
  if (diagnostics_.errorCount() >= kMaxReports)
    return;
  std::string_view previous = at > 0 ? text_.textOf(tokens->get(at - 1)) : std::string_view();
  std::string_view word = text_.textOf(tokens->get(statementBegin));
  Diagnostic &d = diagnostics_.error(
      Code::SyntaxError, span,
      expected.isEmpty() ? cat("there cannot be ", describe(found, text_), " after `", previous, "`")
                         : cat("expected ", expectation(expected, *parser, rule), ", found ", describe(found, text_)));
  d.withHelp(helpFor(found, expected, text_, previous, word));
}

void Recovery::reportError(antlr4::Parser *parser, const antlr4::RecognitionException &e) {
  if (inErrorRecoveryMode(parser))
    return;
  beginErrorCondition(parser);
  size_t rule = e.getCtx() ? e.getCtx()->getRuleIndex() : 0;
  // A decision that took two tokens knows what would have fitted the first, not the second.
  auto *choice = dynamic_cast<const antlr4::NoViableAltException *>(&e);
  bool second = choice && choice->getStartToken() != choice->getOffendingToken();
  report(parser, e.getOffendingToken(), second ? antlr4::misc::IntervalSet() : e.getExpectedTokens(), rule,
         statementStart(e.getCtx()));
}

Token *Recovery::recoverInline(antlr4::Parser *parser) { throw antlr4::InputMismatchException(parser); }

void Recovery::recover(antlr4::Parser *parser, std::exception_ptr e) {
  size_t rule = parser->getContext()->getRuleIndex();
  if (rule != P::RuleStatement && rule != P::RuleMember && rule != P::RuleFile && rule != P::RuleInterpolation)
    std::rethrow_exception(e);
  if (rule == P::RuleStatement || rule == P::RuleMember)
    skipStatement(parser, parser->getContext()->getStart()->getTokenIndex());
  endErrorCondition(parser);
}

void Recovery::skipStatement(antlr4::Parser *parser, size_t from) {
  antlr4::TokenStream *tokens = parser->getTokenStream();
  int open = 0;
  for (size_t i = from; i < tokens->index(); ++i)
    open += isOpener(tokens->get(i)->getType()) - isCloser(tokens->get(i)->getType());
  for (;; tokens->consume()) {
    size_t type = tokens->LA(1);
    if (type == Token::EOF || (open <= 0 && type == P::RBRACE))
      return;
    open += isOpener(type) - isCloser(type);
    if (open <= 0 && type == P::NEWLINE) {
      tokens->consume();
      return;
    }
  }
}

void Recovery::sync(antlr4::Parser *parser) {
  size_t rule = parser->getContext()->getRuleIndex();
  if (rule != P::RuleFile && rule != P::RuleBlock && rule != P::RuleModuleBody)
    return;
  antlr4::TokenStream *tokens = parser->getTokenStream();
  antlr4::misc::IntervalSet next = parser->getATN().nextTokens(parser->getATN().states[parser->getState()]);
  while (!next.contains(tokens->LA(1)) && tokens->LA(1) != Token::EOF && tokens->LA(1) != P::RBRACE) {
    report(parser, tokens->LT(1), next, rule, SIZE_MAX);
    size_t before = tokens->index();
    skipStatement(parser, before);
    if (tokens->index() == before)
      tokens->consume();
  }
}

} // namespace dl::syntax
