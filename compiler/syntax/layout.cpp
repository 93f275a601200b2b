#include "compiler/syntax/layout.h"
#include "compiler/syntax/text.h"

#include "DLParser.h"

#include <algorithm>
#include <optional>

namespace dl::syntax {
namespace {

using P = grammar::DLParser;
using antlr4::Token;

bool isOpener(size_t type) { return type == P::LPAREN || type == P::LBRACKET || type == P::LBRACE; }
bool isCloser(size_t type) { return type == P::RPAREN || type == P::RBRACKET || type == P::RBRACE; }
// The lexer's numbering puts each closer behind its opener.
size_t closerOf(size_t opener) { return opener + 1; }
static_assert(P::RPAREN == P::LPAREN + 1 && P::RBRACKET == P::LBRACKET + 1 && P::RBRACE == P::LBRACE + 1);

const char *spelling(size_t type) {
  switch (type) {
  case P::LPAREN:
    return "(";
  case P::RPAREN:
    return ")";
  case P::LBRACKET:
    return "[";
  case P::RBRACKET:
    return "]";
  case P::LBRACE:
    return "{";
  default:
    return "}";
  }
}

bool isTrivia(size_t type) { return type == P::COMMENT; }
bool isLineEnd(size_t type) { return type == P::NEWLINE || type == P::SEMICOLON; }

bool isBinaryOperator(size_t type) {
  switch (type) {
  case P::AND:
  case P::OR:
  case P::PIPE:
  case P::POWER:
  case P::STAR:
  case P::FLOORDIV:
  case P::SLASH:
  case P::PERCENT:
  case P::AT:
  case P::EQ:
  case P::NE:
  case P::LT:
  case P::LE:
  case P::GT:
  case P::GE:
  case P::IN:
    return true;
  default:
    return false;
  }
}

// A line that ends so goes on in the next one.
bool continuesAfter(size_t type) {
  switch (type) {
  case P::PLUS:
  case P::MINUS:
  case P::NOT:
  case P::ELSE:
  case P::COMMA:
  case P::COLON:
  case P::DOT:
  case P::DOTDOT:
  case P::ARROW:
  case P::AMP:
    return true;
  default:
    return isBinaryOperator(type) || (type >= P::ADD_ASSIGN && type <= P::MATMUL_ASSIGN) || type == P::ASSIGN;
  }
}

// A line that begins so goes on from the one before. A sign is not among them: it may begin a statement.
bool continuesBefore(size_t type) {
  return isBinaryOperator(type) || type == P::DOT || type == P::ASSIGN || type == P::ARROW || type == P::ELSE;
}

// ------------------------------------------------------------------------------------------------ matching brackets

// What is wrong with the brackets, and what the parser is to read instead.
struct Brackets {
  struct Fault {
    size_t token; // where the report points
    std::string message;
    size_t other = SIZE_MAX; // another token to point at
    std::string otherText = {};
    Code code = Code::SyntaxError;
  };
  std::vector<size_t> closeBefore; // for an opener without closer: the token before which it must end; else 0
  std::vector<bool> drop;          // a closer that closes nothing
  std::vector<size_t> retype;      // the type a closer should have had; else 0
  std::vector<Fault> faults;
  std::optional<size_t> tooDeep; // where the nesting passes the limit; the rest has not been looked at
  bool openAtEnd = false;
  bool braceOpenAtEnd = false;
};

class BracketMatcher {
public:
  BracketMatcher(const Tokens &tokens, bool useIndentation) : tokens_(tokens), useIndentation_(useIndentation) {
    result_.closeBefore.resize(tokens.size());
    result_.drop.resize(tokens.size());
    result_.retype.resize(tokens.size());
  }

  Brackets run() {
    bool lineStart = true;
    size_t lineBegin = 0;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      size_t type = tokens_[i]->getType();
      if (type == P::NEWLINE) {
        lineStart = true;
        lineBegin = tokens_[i]->getStopIndex() + 1;
        continue;
      }
      if (isTrivia(type))
        continue;
      if (lineStart)
        indent_ = tokens_[i]->getStartIndex() - lineBegin;
      if (lineStart && useIndentation_ && (type == P::RBRACE || beginsDeclaration(i)))
        closeByIndentation(i, type == P::RBRACE);
      lineStart = false;
      if (isOpener(type) && stack_.size() >= static_cast<size_t>(kMaxBrackets)) {
        result_.tooDeep = i;
        break;
      }
      if (isOpener(type))
        stack_.push_back({type, i, indent_});
      else if (isCloser(type))
        close(i, type);
      else if (type == P::BAD_STRING)
        dropParens(i + 1);
      else if (onlyBeginsStatement(i))
        closeParens(i);
      else if (type == Token::EOF)
        closeAll(i);
    }
    return std::move(result_);
  }

private:
  struct Open {
    size_t type, token, indent;
  };

  size_t typeAt(size_t i) const { return i < tokens_.size() ? tokens_[i]->getType() : Token::EOF; }

  // Words that cannot stand directly inside parentheses: there, a parenthesis was forgotten.
  bool onlyBeginsStatement(size_t i) const {
    if (i > 0 && typeAt(i - 1) == P::DOT)
      return false;
    switch (tokens_[i]->getType()) {
    case P::LET:
    case P::RETURN:
    case P::WHILE:
    case P::BREAK:
    case P::CONTINUE:
    case P::ASSERT:
    case P::IMPORT:
    case P::MODULE:
      return true;
    case P::VAR: // `var(x)` is meant as a call
      return typeAt(i + 1) != P::LPAREN || tokens_[i]->getStopIndex() + 1 != tokens_[i + 1]->getStartIndex();
    case P::FN:
      return typeAt(i + 1) == P::NAME;
    default:
      return false;
    }
  }

  bool beginsDeclaration(size_t i) const {
    switch (tokens_[i]->getType()) {
    case P::MODULE:
    case P::IMPORT:
      return true;
    case P::FN:
      return typeAt(i + 1) == P::NAME;
    case P::EXPORT:
    case P::DERIVATIVE:
    case P::EXTERN:
    case P::MUT:
      return typeAt(i + 1) == P::FN;
    case P::TEST:
      return typeAt(i + 1) == P::STRING;
    default:
      return false;
    }
  }

  void unclosed(const Open &open, size_t before) {
    result_.closeBefore[open.token] = before;
    Brackets::Fault fault{open.token, cat("`", spelling(open.type), "` is never closed")};
    fault.code = Code::UnclosedBracket;
    if (isCloser(typeAt(before)) && typeAt(before) != closerOf(open.type)) {
      fault.other = before;
      fault.otherText = cat("`", spelling(closerOf(open.type)), "` is missing before this");
    }
    result_.faults.push_back(std::move(fault));
  }

  void closeParens(size_t i) {
    while (!stack_.empty() && stack_.back().type != P::LBRACE) {
      unclosed(stack_.back(), i);
      stack_.pop_back();
    }
  }

  // A string without an end has swallowed what would have closed them.
  void dropParens(size_t before) {
    for (; !stack_.empty() && stack_.back().type != P::LBRACE; stack_.pop_back())
      result_.closeBefore[stack_.back().token] = before;
  }

  // Blocks that stand deeper than what begins here are over, whatever the braces say.
  void closeByIndentation(size_t i, bool isBrace) {
    auto over = [&](const Open &open) { return isBrace ? open.indent > indent_ : open.indent >= indent_; };
    while (!stack_.empty() && over(stack_.back())) {
      unclosed(stack_.back(), i);
      stack_.pop_back();
    }
  }

  void closeAll(size_t eof) {
    result_.openAtEnd = !stack_.empty();
    for (; !stack_.empty(); stack_.pop_back()) {
      result_.braceOpenAtEnd |= stack_.back().type == P::LBRACE;
      unclosed(stack_.back(), eof);
    }
  }

  void close(size_t i, size_t type) {
    size_t depth = stack_.size();
    while (depth > 0 && closerOf(stack_[depth - 1].type) != type) {
      if (stack_[depth - 1].type == P::LBRACE) { // a parenthesis does not close across a brace
        depth = 0;
        break;
      }
      --depth;
    }
    if (depth > 0) {
      for (; stack_.size() > depth; stack_.pop_back())
        unclosed(stack_.back(), i);
      stack_.pop_back();
      return;
    }
    if (stack_.empty() || stack_.back().type == P::LBRACE) {
      result_.drop[i] = true;
      result_.faults.push_back({i, cat("`", spelling(type), "` closes nothing")});
      return;
    }
    const Open &open = stack_.back();
    result_.retype[i] = closerOf(open.type);
    result_.faults.push_back({i, cat("expected `", spelling(closerOf(open.type)), "`, found `", spelling(type), "`"),
                              open.token, "opened here"});
    stack_.pop_back();
  }

  const Tokens &tokens_;
  bool useIndentation_;
  size_t indent_ = 0;
  std::vector<Open> stack_;
  Brackets result_;
};

Brackets matchBrackets(const Tokens &tokens) {
  Brackets strict = BracketMatcher(tokens, false).run();
  // Only a file that lacks a brace is judged by its indentation.
  return strict.braceOpenAtEnd ? BracketMatcher(tokens, true).run() : std::move(strict);
}

// ------------------------------------------------------------------------------------------------------- the height

// An upper bound of the height of the syntax tree, from tokens alone, so that nothing later recurses too deep.
class HeightMeter {
public:
  // Returns whether the limit is passed with this token.
  bool exceeds(size_t type) {
    if (isOpener(type)) {
      stack_.push_back({});
    } else if (isCloser(type)) {
      if (stack_.size() > 1) {
        int inner = std::max(stack_.back().highest, stack_.back().height);
        stack_.pop_back();
        stack_.back().height = std::max(stack_.back().height, inner) + 1;
      }
    } else if (isLineEnd(type) || type == P::COMMA) {
      stack_.back().highest = std::max(stack_.back().highest, stack_.back().height);
      stack_.back().height = 0;
    } else if (continuesAfter(type) || type == P::FN || type == P::IF) {
      ++stack_.back().height;
    }
    return stack_.back().height > kMaxHeight;
  }

private:
  struct Level {
    int height = 0, highest = 0;
  };
  std::vector<Level> stack_ = {{}};
};

// ------------------------------------------------------------------------------------------------------- the filter

const char *helpForCharacter(std::string_view c) {
  if (c == "!")
    return "`not x` negates";
  if (c == "|")
    return "`or` is the logical operator, `bitwise_or(a, b)` that of bits, `|>` passes a value on, `fn(x) = x * 2.0` "
           "is a function without a name";
  if (c == "^")
    return "`**` is the power, `bitwise_xor(a, b)` compares bits";
  if (c == "?")
    return "`if c { a } else { b }` is an expression";
  if (c == "'")
    return "strings are written with double quotes";
  if (c == "~")
    return "`not x` negates, `bitwise_not(x)` each bit";
  return "";
}

class Filter {
public:
  Filter(Tokens raw, const SourceText &text, Diagnostics &diagnostics)
      : raw_(std::move(raw)), text_(text), diagnostics_(diagnostics) {}

  Layout run(int depth) {
    Brackets brackets = matchBrackets(raw_);
    if (depth > kMaxInterpolations || brackets.tooDeep) {
      tooDeep(brackets.tooDeep.value_or(0));
      return std::move(out_);
    }
    if (auto at = text_.invalidByte()) {
      // What else it is not would be noise.
      report(Code::SyntaxError, {text_.file(), *at, *at + 1}, "the file is not valid UTF-8 here");
      out_.tokens.push_back(std::move(raw_.back())); // the end alone
      return std::move(out_);
    }
    for (const Brackets::Fault &fault : brackets.faults) {
      Diagnostic &d = report(fault.code, text_.span(raw_[fault.token].get()), fault.message);
      if (fault.other != SIZE_MAX)
        d.label(text_.span(raw_[fault.other].get()), fault.otherText);
    }
    out_.tokens.reserve(raw_.size() + raw_.size() / 8);
    for (size_t i = 0; i < raw_.size() && !out_.tooDeep; ++i)
      take(i, brackets);
    return std::move(out_);
  }

private:
  struct Open {
    size_t type;
    size_t closeBefore;
  };

  Diagnostic &report(Code code, Span span, std::string message) {
    out_.faults.push_back(span.begin);
    return diagnostics_.error(code, span, std::move(message));
  }

  void tooDeep(size_t i) {
    report(Code::NestedTooDeep, text_.span(raw_[i].get()), "this nests deeper than the compiler accepts")
        .withHelp("give parts of the expression names with `let`");
    out_.tooDeep = true;
    out_.tokens.clear();
    out_.tokens.push_back(std::move(raw_.back())); // the end alone
  }

  void take(size_t i, const Brackets &brackets) {
    size_t type = raw_[i]->getType();
    if (type == P::COMMENT) {
      std::string_view comment = text_.textOf(raw_[i].get());
      out_.comments.push_back({text_.span(raw_[i].get()), std::string(comment)});
      return;
    }
    if (type == P::NEWLINE || type == P::SEMICOLON) {
      meter_.exceeds(openParens() ? size_t(P::NAME) : type);
      (type == P::NEWLINE ? newline_ : semicolon_) = true;
      return;
    }
    if (brackets.drop[i]) {
      dropped_ = true;
      return;
    }
    if (type == P::OTHER) {
      dropped_ = true;
      unexpectedCharacter(i);
      return;
    }
    if (size_t better = brackets.retype[i]) {
      type = better;
      static_cast<antlr4::CommonToken *>(raw_[i].get())->setType(type);
    }
    if (meter_.exceeds(type)) {
      tooDeep(i);
      return;
    }
    endLine(type);
    while (!stack_.empty() && stack_.back().closeBefore == i && stack_.back().closeBefore != 0)
      closeTop();
    if (type == P::RBRACE || type == Token::EOF)
      endStatement();
    if (type == P::BAD_NUMBER)
      badNumber(i);
    if (type == P::BAD_STRING)
      badString(i);
    if (type == P::FOREIGN_STRING)
      foreignString(i);
    if (isOpener(type))
      stack_.push_back({type, brackets.closeBefore[i]});
    else if (isCloser(type) && !stack_.empty())
      stack_.pop_back();
    emit(std::move(raw_[i]));
  }

  bool openParens() const { return !stack_.empty() && stack_.back().type != P::LBRACE && !stack_.back().closeBefore; }

  // Decides whether the line that ended before a token of type `next` ended a statement.
  void endLine(size_t next) {
    bool newline = newline_, semicolon = semicolon_;
    newline_ = semicolon_ = false;
    if (!newline && !semicolon)
      return;
    // A line does not go on behind what could not be read.
    bool star =
        last_ == P::STAR && out_.tokens.size() > 1 && out_.tokens[out_.tokens.size() - 2]->getType() == P::IMPORT;
    bool continues = (continuesAfter(last_) && !star && !dropped_) || continuesBefore(next);
    if (!semicolon && (openParens() || continues))
      return;
    while (!stack_.empty() && stack_.back().type != P::LBRACE && stack_.back().closeBefore)
      closeTop();
    if (semicolon || !openParens())
      endStatement();
  }

  void endStatement() {
    if (!out_.tokens.empty() && last_ != P::NEWLINE && last_ != P::LBRACE)
      emitSynthetic(P::NEWLINE);
  }

  void closeTop() {
    size_t closer = closerOf(stack_.back().type);
    if (closer == P::RBRACE)
      endStatement();
    emitSynthetic(closer);
    stack_.pop_back();
  }

  // A token of no width behind the last one.
  void emitSynthetic(size_t type) {
    size_t at = out_.tokens.empty() ? 0 : out_.tokens.back()->getStopIndex() + 1;
    auto token = std::make_unique<antlr4::CommonToken>(type);
    token->setStartIndex(at);
    token->setStopIndex(at - 1);
    emit(std::move(token));
  }

  void emit(std::unique_ptr<Token> token) {
    last_ = token->getType();
    dropped_ = false;
    out_.tokens.push_back(std::move(token));
  }

  void unexpectedCharacter(size_t i) {
    Span span = text_.span(raw_[i].get());
    std::string_view c = text_.textOf(span);
    bool printable = static_cast<unsigned char>(c[0]) >= 0x20 && c[0] != 0x7F;
    report(Code::SyntaxError, span,
           printable ? cat("unexpected character `", c, "`")
                     : cat("unexpected control character ", static_cast<int>(static_cast<unsigned char>(c[0]))))
        .withHelp(helpForCharacter(c));
  }

  void badNumber(size_t i) {
    Span span = text_.span(raw_[i].get());
    std::string_view number = text_.textOf(span);
    Diagnostic &d = report(Code::BadNumber, span, cat("`", number, "` is not a number"));
    bool isBased = number.size() > 1 && number[0] == '0' && std::string_view("xXoObB").find(number[1]) != number.npos;
    d.withHelp(isBased ? "`0x` is followed by 0 to 9 and a to f, `0o` by 0 to 7, `0b` by 0 and 1; `u8(0xff)` converts"
                       : "a number may end in its element type: f32, f64, bf16, i32, i64 or u8");
  }

  // As Python has them.
  void foreignString(size_t i) {
    Span span = text_.span(raw_[i].get());
    setType(i, P::BAD_NUMBER); // a value of which no more is said
    if (text_.textOf(span)[0] == '\'')
      report(Code::SyntaxError, span, "a text stands in double quotes");
    else
      report(Code::SyntaxError, {span.file, span.begin, span.begin + 3}, "a text stands on one line, between `\"`")
          .withHelp("`\\n` is the end of a line in it; `read_text(path)` gives a file's");
  }

  void setType(size_t i, size_t type) { static_cast<antlr4::CommonToken *>(raw_[i].get())->setType(type); }

  void badString(size_t i) {
    Span span = text_.span(raw_[i].get());
    setType(i, P::STRING);
    std::string_view written = text_.textOf(span);
    StringNesting string;
    uint32_t brace = 0; // where the outermost one is open
    for (size_t at = 1; at < written.size();) {
      const bool outside = !string.insideBraces();
      const size_t begun = at;
      at += string.take(static_cast<unsigned char>(written[at]), at + 1 < written.size() ? written[at + 1] : '\n');
      if (outside && string.insideBraces())
        brace = static_cast<uint32_t>(begun);
    }
    if (string.insideBraces())
      report(Code::BadString, {span.file, span.begin + brace, span.begin + brace + 1},
             "this `{` in a string is not closed before the end of the line")
          .withHelp("`{x}` shows a value; `{{` stands for a brace");
    else
      report(Code::BadString, {span.file, span.begin, span.begin + 1}, "this string has no end")
          .withHelp("close the string with `\"` on its own line; `{{` stands for a brace in it");
  }

  Tokens raw_;
  const SourceText &text_;
  Diagnostics &diagnostics_;
  Layout out_;
  HeightMeter meter_;
  std::vector<Open> stack_;
  size_t last_ = P::NEWLINE;
  bool newline_ = false, semicolon_ = false;
  bool dropped_ = false; // something behind last_ was left out
};

} // namespace

Layout layOut(Tokens raw, const SourceText &text, Diagnostics &diagnostics, int depth) {
  return Filter(std::move(raw), text, diagnostics).run(depth);
}

bool endsOpen(const Tokens &raw) {
  if (BracketMatcher(raw, false).run().openAtEnd)
    return true;
  for (auto it = raw.rbegin(); it != raw.rend(); ++it) {
    size_t type = (*it)->getType();
    if (type != Token::EOF && type != P::NEWLINE && type != P::COMMENT)
      return continuesAfter(type);
  }
  return false;
}

} // namespace dl::syntax
