// The typed tree: what irgen walks. Everything is resolved: names are variables, overloads and generics are function
// instances, sugar (methods, pipes, operators on modules, interpolation, iteration) is gone, and every size is known
// symbolically. Nodes live as long as their Program.
//
// How values are represented at run time (irgen flattens in this order):
//   scalar -> one scalar; tensor -> one tensor; str -> one u8 tensor of rank 1; tuple, record -> its items in order;
//   list -> storedParts() in types.h; module -> its fields in order; Function -> the values it captures, in order;
//   Unit, None, ElemType, name space -> nothing.
#pragma once

#include "compiler/sema/types.h"
#include "compiler/syntax/source.h"

#include <deque>
#include <functional>
#include <variant>

namespace dl::ast {
struct FnDecl;
struct ModuleDecl;
struct Lambda;
} // namespace dl::ast

namespace dl::sema {

struct Expr;
struct Function;

// ---------------------------------------------------------------------------------------------------- variables
struct Variable {
  uint32_t id = 0;
  std::string name;
  Type type;
  bool isMutable = false;
  Span span;
  // For an immutable `int`: its symbolic value, so that it serves in shapes (irgen binds the symbols that it mentions).
  std::optional<Dim> dim;
};

// A field of a module instance. Order: constructor parameters that need run-time storage, then members as declared.
struct Field {
  enum Kind { Param, Buffer, Let } kind;
  std::string name;
  Type type;
  std::optional<Dim> dim; // an i64 field that serves in the sizes of others: its symbolic value
  bool frozen = false;    // Param: requires_grad_(false), left out of gradients and of what optimisers change
};
struct ModuleInstance {
  std::string name; // `nn.Linear`, for messages: with hyper-parameters in str()
  const ast::ModuleDecl *decl = nullptr;
  std::vector<Field> fields;
  // Compile-time constructor arguments and members that have no field (ints, bools, functions, none), by name.
  std::vector<std::pair<std::string, std::string>> constants; // printed form, for messages and equality of instances
  std::shared_ptr<void> details;                              // the checker's own
};
struct FunctionValue {
  std::string name;
  std::vector<Type> captureTypes; // types of the captured run-time values, in order
  std::shared_ptr<void> details;  // the checker's own
};

// ---------------------------------------------------------------------------------------------------- expressions
enum class ExprKind {
  Constant,    // scalar or str literal:          literal
  TensorConst, // dense literal of numbers:       numbers (row-major), type gives the shape
  DimValue,    // a size as an i64:               dim
  Var,         // read a variable:                variable
  Op, // a builtin op:                   name, args (run-time operands), attrs (compile-time arguments); type = result
  Extern, // a function of the runtime:      name ("dl_rt_…"), args; isKernel: results of known size, allocated by the
          // caller
  Call,   // a function instance:            function, args (all parameters, captures first); mutArgs below
  Tuple,  // tuple/record/module/function value from parts: args in field order
  Get,    // part `index` of a tuple/record/module: args[0], index
  With,   // args[0] with part `index` replaced by args[1] (functional update)
  If,     // condition args[0], thenBody, elseBody (both present when type is not Unit)
  Block,  // body: statements and a value
  Slice,  // args[0] indexed by `slices`;    ranks of Single items are dropped; scalar when all are
  UpdateSlice, // args[0] with the slice replaced by args[1] (already broadcast to the slice's type)
  Grad,        // differentiate `function` at args: see GradInfo
  Unreachable  // after error(…): any type
};

struct Literal {
  std::variant<int64_t, double, bool, std::string> value;
};

// Compile-time arguments of an op.
using Attr = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, Elem>;
using Attrs = std::vector<std::pair<std::string, Attr>>;

struct SliceItem {
  enum Kind { Single, Range, Full, New } kind;
  // Single: index (i64 scalar; irgen adds the size when negative and checks the bounds).
  // Range: begin and length are sizes of which sema knows the form; `begin` is an i64 expression that is already
  // clamped and non-negative, `length` is the result's size, step >= 1 (or negative: irgen flips).
  Expr *index = nullptr;
  Expr *begin = nullptr;
  Dim length;
  int64_t step = 1;
  Span span;
};

// value_and_grad(f)(args…): results are (value, gradient). `wrt` lists flat positions among the function's flattened
// parameters whose gradient is wanted, in the order of the flattened gradient type.
struct GradInfo {
  enum Kind { Vjp, Jvp } kind = Vjp;
  std::vector<uint32_t> wrt;
  bool wantValue = true;    // type is (value, gradient), else gradient alone
  bool allowUnused = false; // Vjp: zeros for parameters that the result does not depend on, instead of an error
  // Vjp: args after the function's own are the cotangents of its flattened float results; none for a scalar result (1
  // is meant). Jvp: args after the function's own are the tangents of the wrt parameters; type is (value, tangent of
  // value).
  uint32_t numArgs = 0; // how many of `args` are the function's own
};

// Ops on params, by names that no builtin has: `param.token` (of what, in whose place; attrs frozen, computed and
// again, which is frozen no more), `param.leaf` (value, token), `param.backward` (y, weight when the attr says so, then
// all tokens, then all gradients so far; gives the new gradients as a tuple), `param.graph` (value; attr what).
inline constexpr std::string_view kImperative = "param.";

struct Body;

struct Expr {
  ExprKind kind;
  Type type;
  Span span;
  std::optional<Dim> dim;       // an i64 scalar whose symbolic value is known
  Literal literal;              // Constant
  std::vector<double> numbers;  // TensorConst (exact for i64 up to 2^53)
  Variable *variable = nullptr; // Var
  std::string name;             // Op, Extern
  std::vector<Expr *> args;
  Attrs attrs;                     // Op
  bool isKernel = false;           // Extern
  bool isPure = true;              // Extern: no effect, may be removed
  Function *function = nullptr;    // Call, Grad
  std::vector<Variable *> mutArgs; // Call: variables that receive the callee's mut parameters, in their order
  uint32_t index = 0;              // Get, With
  Body *thenBody = nullptr, *elseBody = nullptr; // If; thenBody also for Block
  std::vector<SliceItem> slices;                 // Slice, UpdateSlice
  GradInfo grad;                                 // Grad
};

// ------------------------------------------------------------------------------------------------------ statements
enum class StmtKind {
  Let,    // variable = value (declares it)
  Assign, // variable = value (the whole variable; parts are written with With and UpdateSlice)
  Eval,   // value, for its effect
  While,  // condition, body
  For,    // variable (i64, immutable in the body) over begin, end, step
  Break,
  Continue,
  Return,    // value may be null
  Assert,    // condition; message (a str expression) is evaluated only on failure
  CheckEqual // sizes lhs == rhs, unknown when compiled: a run-time check with `text` as its message
};
struct Stmt {
  StmtKind kind;
  Span span;
  Variable *variable = nullptr;
  Expr *value = nullptr;                                  // Let, Assign, Eval, Return
  Expr *condition = nullptr;                              // While, Assert
  Expr *message = nullptr;                                // Assert
  Expr *begin = nullptr, *end = nullptr, *step = nullptr; // For
  Body *body = nullptr;                                   // While, For
  Dim lhs, rhs;                                           // CheckEqual
  std::string text;                                       // CheckEqual: with {0} and {1} for the two values
  bool pollInterrupt = true;                              // loops
};
struct Body {
  std::vector<Stmt *> stmts;
  Expr *value = nullptr; // null when Unit
};

// ------------------------------------------------------------------------------------------------------- functions
// An instance of a function for given argument types. Its result type is over symbols of its parameters' types (and
// fresh ones); irgen binds every symbol that is a bare dimension or a bare int of a parameter at entry.
struct Function {
  // A declared parameter, for calls of the function as text: the variable of one that exists at run time, else what an
  // instance with its value is called with, where that can be written.
  struct Declared {
    std::string name;
    const Variable *variable = nullptr;
    std::optional<std::string> literal;
    bool isVariadic = false;
  };
  std::string symbol; // unique in the program: `loss`, `nn.Linear.forward$2`
  std::string name;   // what the user calls it
  Span span;
  std::vector<Variable *> params; // captures first, then self, then the declared ones
  std::vector<bool> isMut;        // per parameter: its final value is returned after the result
  std::vector<std::string> paramNames;
  std::vector<Declared> declared;
  Type result;
  Body *body = nullptr;
  bool isExport = false;
  bool isCheckpoint = false; // computed again in the reverse pass instead of kept
  // The user's own rules: take the parameters and the cotangents of the result, or the tangents of the parameters at
  // the flat positions derivativeBy; give the gradients of these, or the tangents of the result.
  const Function *derivative = nullptr, *forwardDerivative = nullptr;
  std::vector<int64_t> derivativeBy;
};

struct TestCase {
  std::string name;
  Function *function;
};

struct Program {
  std::vector<Function *> functions; // every instance; callees before callers where there is no recursion
  Function *main = nullptr;          // the statements of the script, in order
  std::vector<TestCase> tests;
  // owning pools
  std::deque<Function> functionPool;
  std::deque<Expr> exprPool;
  std::deque<Stmt> stmtPool;
  std::deque<Body> bodyPool;
  std::deque<Variable> variablePool;
};

// The typed tree as text, for `dl compile --emit=types` and tests.
std::string print(const Program &program);

} // namespace dl::sema
