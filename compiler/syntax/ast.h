// The abstract syntax tree, as the user wrote it: nothing is resolved, nothing is desugared but operator precedence.
// Nodes live in an AstContext and are referred to by plain pointers; a tree is immutable once parsed.
#pragma once

#include "compiler/syntax/source.h"

#include <optional>
#include <string>
#include <vector>

namespace dl::ast {

struct Expr;
struct Stmt;
struct TypeExpr;
struct Block;
struct FnDecl;

// ---------------------------------------------------------------------------------------------- shapes and types
// A dimension in a type: an int expression, `_` (any one dimension) or `*S` (any number of them).
struct Dim {
  enum Kind { Value, Any, Pack } kind = Value;
  Expr *value = nullptr; // Value: Int, Name, Unary, Binary, call of min/max
  std::string name;      // Pack: the name after `*`
  Span span;
};

enum class TypeKind { Named, Tensor, Tuple, List, Function };

struct TypeExpr {
  TypeKind kind;
  Span span;
  std::string name;      // Named: f32, int, str, Classifier, nn.Linear (dotted); Tensor: the element type's name
  std::vector<Dim> dims; // Tensor
  std::vector<TypeExpr *> items; // Tuple: elements; List: one; Function: the parameters
  TypeExpr *result = nullptr;    // Function
};

// ---------------------------------------------------------------------------------------------------- expressions
enum class ExprKind {
  Int,
  Float,
  Bool,
  Str,
  None,
  Name,
  Unary,
  Binary,
  Compare,
  Logical,
  Call,
  Index,
  Member,
  Tuple,
  Bracket,
  Comprehension,
  If,
  Match,
  Block,
  Lambda,
  Ref,
  Spread,
  Pipe,
  NoGrad,
  Error
};

struct Expr {
  ExprKind kind;
  Span span;
};

struct IntLit : Expr {
  int64_t value;
  std::string suffix;
}; // suffix: "" or an element type, `2i32`
struct FloatLit : Expr {
  double value;
  std::string suffix;
}; // `2.0f64`
struct BoolLit : Expr {
  bool value;
};
struct NoneLit : Expr {};
struct ErrorExpr : Expr {}; // stands where parsing failed; already reported

// "text {expr:format} text": parts alternate between text and values.
struct StrPart {
  std::string text; // when value is null; escapes are resolved
  Expr *value = nullptr;
  std::string format; // after the colon, may be empty
};
struct StrLit : Expr {
  std::vector<StrPart> parts;
};

struct Name : Expr {
  std::string name;
};
enum class UnaryOp { Neg, Plus, Not };
struct Unary : Expr {
  UnaryOp op;
  Expr *operand;
};
enum class BinaryOp { Add, Sub, Mul, Div, FloorDiv, Mod, Pow, MatMul };
struct Binary : Expr {
  BinaryOp op;
  Expr *lhs, *rhs;
  Span opSpan;
};
enum class CompareOp { Eq, Ne, Lt, Le, Gt, Ge, In, NotIn };
struct Compare : Expr {
  CompareOp op;
  Expr *lhs, *rhs;
  Span opSpan;
}; // chains `a < b < c` are parsed as (a<b) and (b<c)
struct Logical : Expr {
  bool isAnd;
  Expr *lhs, *rhs;
  Span opSpan;
};

struct Arg {
  std::string name; // "" for a positional argument
  Expr *value;
  Span span;
};
struct Call : Expr {
  Expr *callee;
  std::vector<Arg> args;
};
// x |> f, x |> f(2): `callee` applied to `input` and then `args`.
struct Pipe : Expr {
  Expr *input;
  Expr *callee;
  std::vector<Arg> args;
  Span opSpan;
};

struct IndexItem {
  enum Kind { Single, Slice, Ellipsis, New } kind; // x[i], x[a:b:c], x[...], x[new]
  Expr *value = nullptr;                           // Single
  Expr *begin = nullptr, *end = nullptr, *step = nullptr;
  Span span;
};
struct Index : Expr {
  Expr *base;
  std::vector<IndexItem> items;
};
struct Member : Expr {
  Expr *base;
  std::string name;
  Span nameSpan;
};
struct Tuple : Expr {
  std::vector<Expr *> items;
};
struct Bracket : Expr {
  std::vector<Expr *> items;
}; // [a, b, c]

// A binding pattern: a name, `_`, or a tuple of patterns.
struct Pattern {
  Span span;
  std::string name; // "" for a tuple
  std::vector<Pattern> items;
  bool isTuple = false;
};

struct ForClause {
  Pattern pattern;
  Expr *begin = nullptr, *end = nullptr, *step = nullptr, *in = nullptr;
}; // `in` instead of begin..end
// [for i in 0..N, j in 0..M if cond: e], or as the only argument of a call sum(for k in 0..K: e) (reducing).
struct Comprehension : Expr {
  std::vector<ForClause> clauses;
  Expr *condition = nullptr;
  Expr *body;
  bool reducing = false;
};

struct If : Expr {
  Expr *condition;
  Block *thenBlock;
  Block *elseBlock = nullptr;
}; // `else if` nests inside elseBlock
// What an arm of a `match` takes: a literal, anything under a name (or `_`), or a tuple of patterns.
struct MatchPattern {
  Span span;
  Expr *literal = nullptr;
  std::string name; // when there is no literal and it is no tuple
  std::vector<MatchPattern> items;
  bool isTuple = false;
};
struct MatchArm {
  std::vector<MatchPattern> patterns; // joined by `or`
  Expr *guard = nullptr;              // a condition on what they stand for
  Block *body;
  Span span;
};
// match subject { 0: a, (x, none): b, n if n < 0: c, _: d }
struct Match : Expr {
  Expr *subject;
  std::vector<MatchArm> arms;
};
struct BlockExpr : Expr {
  Block *block;
}; // { … } as an expression
struct NoGrad : Expr {
  bool enable;
  Block *block;
}; // no_grad { … }, enable_grad { … }

struct Param {
  std::string name;
  Span span;
  TypeExpr *type = nullptr;
  Expr *defaultValue = nullptr;
  bool isMut = false;
  bool isVariadic = false; // `*layers`: takes the remaining positional arguments as a tuple
};
struct Lambda : Expr {
  std::vector<Param> params;
  TypeExpr *result = nullptr;
  Block *body;
};
struct Ref : Expr {
  Expr *operand;
}; // &x, at a call or in `for m in &ms`
struct Spread : Expr {
  Expr *operand;
}; // *x, an argument

// ------------------------------------------------------------------------------------------------------ statements
enum class StmtKind {
  Let,
  Assign,
  ExprStmt,
  While,
  For,
  Break,
  Continue,
  Return,
  Assert,
  Fn,
  Module,
  Import,
  Test,
  Error
};

struct Stmt {
  StmtKind kind;
  Span span;
};

struct Let : Stmt {
  bool isVar;
  Pattern pattern;
  TypeExpr *type = nullptr;
  Expr *value;
};
// target: Name, Index, Member, or Tuple of those. `op` is empty for `=`.
struct Assign : Stmt {
  Expr *target;
  std::optional<BinaryOp> op;
  Expr *value;
  Span opSpan;
};
struct ExprStmt : Stmt {
  Expr *value;
};
struct While : Stmt {
  Expr *condition;
  Block *body;
};
struct For : Stmt {
  Pattern pattern;
  Expr *begin = nullptr, *end = nullptr, *step = nullptr; // for i in begin..end step k
  Expr *in = nullptr;                                     // for x in e, for m in &ms (a Ref)
  Block *body;
};
struct Break : Stmt {};
struct Continue : Stmt {};
struct Return : Stmt {
  Expr *value = nullptr;
};
struct Assert : Stmt {
  Expr *condition;
  Expr *message = nullptr;
};
struct ErrorStmt : Stmt {};

// Statements, of which the last, when it is an ExprStmt, gives the block its value.
struct Block {
  Span span;
  std::vector<Stmt *> stmts;
};

struct FnDecl : Stmt {
  std::string name;
  Span nameSpan;
  std::string doc; // `##` comments above
  std::vector<Param> params;
  TypeExpr *result = nullptr;
  Block *body = nullptr; // `= expr` is a block of one expression; null for `extern fn`
  bool isExport = false, isMut = false, isDerivative = false;
  bool isExtern = false; // stdlib only: implemented by the runtime function of that name
};

struct MemberDecl {
  enum Kind { Param, Buffer, Let, Fn } kind;
  Span span;
  std::string name; // Param, Buffer, Let
  std::string doc;
  TypeExpr *type = nullptr;
  Expr *value = nullptr;
  FnDecl *fn = nullptr; // Fn
};
struct ModuleDecl : Stmt {
  std::string name;
  Span nameSpan;
  std::string doc;
  std::vector<ast::Param> params; // hyper-parameters
  std::vector<MemberDecl> members;
};

// import a.b, import a as b, from a import b as c, d
struct ImportName {
  std::string name, alias;
  Span span;
};
struct Import : Stmt {
  std::string module;
  std::string alias;
  std::vector<ImportName> names;
  bool isFrom = false;
  Span moduleSpan;
};
struct Test : Stmt {
  std::string name;
  Block *body;
};

struct Comment {
  Span span;
  std::string text;
}; // with the `#`; kept for the formatter and for derivatives

struct File {
  uint32_t id = 0;
  std::vector<Stmt *> stmts;
  std::vector<Comment> comments;
};

// Owns the nodes of any number of files.
class AstContext {
public:
  AstContext() = default;
  AstContext(const AstContext &) = delete;
  AstContext &operator=(const AstContext &) = delete;
  ~AstContext() {
    for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it)
      it->destroy(it->node);
  }

  template <typename T> T *make() {
    T *node = new T();
    nodes_.push_back({node, [](void *p) { delete static_cast<T *>(p); }});
    return node;
  }

private:
  struct Owned {
    void *node;
    void (*destroy)(void *);
  };
  std::vector<Owned> nodes_;
};

template <typename T, typename Base> T *as(Base *node) { return static_cast<T *>(node); }

// The tree as an S-expression, for `dl compile --emit=ast` and tests.
std::string print(const File &file);

} // namespace dl::ast
