// What the checker knows about values, names and functions while it works. Not part of the typed tree.
#pragma once

#include "compiler/sema/typed.h"
#include "compiler/syntax/ast.h"

#include <map>
#include <set>
#include <unordered_map>

namespace dl::sema {

struct Scope;
struct Frame;
struct Binding;
struct Place;

using DimKey = std::function<std::string(const Dim &)>;
using DimMap = std::function<Dim(const Dim &)>;

// What is known of a value when the program is compiled, beside its type.
struct Known {
  std::optional<Dim> dim; // i64 scalar
  std::optional<bool> boolean;
  std::optional<double> number; // float
  std::optional<std::string> text;
  bool literal = false;     // a number as written: takes the element type that its context asks for
  std::vector<Known> items; // tuple

  bool isConstant() const { return (dim && dim->isConst()) || boolean || number || text; }
};
// `i64 = N + 1`: the type, and the value where it is known.
std::string typeText(const Type &type, const Known &known);
std::string knownKey(const Known &k, const DimKey &dimKey);
Known mapKnown(const Known &k, const DimMap &map);

// A checked expression. `type` is null when an error has been reported; `expr` is never null otherwise.
struct Value {
  Type type;
  Expr *expr = nullptr;
  Known known;
  Span span;
  Binding *binding = nullptr;                      // the name that was read, for messages
  Scope *space = nullptr;                          // an imported file
  std::shared_ptr<const std::vector<Value>> parts; // a tuple as written
  bool isRows = false; // a comprehension, which is a list of its rows where one is asked for
  std::shared_ptr<const std::vector<Value>> items; // a bracket literal: what it was made of

  bool bad() const { return !type; }
};
// A number that is known, of any type.
std::optional<double> numberOf(const Value &v);

// A `var xs = []`, whose elements are what is appended to it. The first check of what follows finds that out, and is
// of no use from there on.
struct Growing {
  enum { Unknown, List, Tuple } kind = Unknown; // a tuple where the elements' types differ
  Type item;                                    // List
  bool changed = false;                         // this check has found out more
  bool tried = false;                           // something is appended, be it wrong
  bool differs = false;                         // two elements have different types
  uint32_t firstInside = 0;                     // sizes from here on are made behind the declaration
};

// What a name stands for.
struct Binding {
  enum Kind { Local, Constant, Function, Module, Member, Space } kind = Local;
  std::string name;
  Span span;                    // the declaration
  Span origin;                  // the expression that gave the value, for messages
  Frame *frame = nullptr;       // Local, Member: the function whose variable it is
  Variable *variable = nullptr; // Local
  Type type;                    // Local, Constant
  Known known;                  // Local (immutable), Constant
  bool isMutable = false;
  bool isMutParam = false;
  bool resizable = false;                  // Local: declared with `_` sizes, which change by assignment
  std::shared_ptr<const Place> place;      // Local: the name stands for this part of another variable
  std::shared_ptr<Growing> growing;        // Local
  int depth = 0;                           // Local: nesting in run-time control flow at the declaration
  const ast::FnDecl *fn = nullptr;         // Function
  const ast::ModuleDecl *module = nullptr; // Module
  Scope *env = nullptr;                    // Function, Module: where it was declared; Space: the file's scope
  Binding *self = nullptr;                 // Member: the module that it is a part of
};

struct Scope {
  Scope *parent = nullptr;
  Frame *frame = nullptr;
  bool isFile = false;
  bool isLibrary = false; // File: part of the standard library
  std::string path;       // File
  std::unordered_map<std::string, Binding *> names;

  Binding *find(const std::string &name) const {
    auto it = names.find(name);
    return it == names.end() ? nullptr : it->second;
  }
};

struct FunctionDetails {
  enum Kind {
    Declared,
    Lambda,
    Method,
    Constructor,
    Builtin,
    Intrinsic,
    Grad,
    Pullback,
    Vmap,
    Checkpoint
  } kind = Declared;
  const ast::FnDecl *fn = nullptr;
  const ast::Lambda *lambda = nullptr;
  const ast::ModuleDecl *module = nullptr;
  Scope *env = nullptr;
  std::vector<Binding *> captured;  // Declared, Lambda: outer names, one per captured value
  std::vector<Known> capturedKnown; // what is known of each captured value
  std::string name;                 // Builtin, Intrinsic
  std::vector<int64_t> wrt; // Grad: argument positions; Vmap: the mapped dimension of each argument, or kUnmapped
  static constexpr int64_t kUnmapped = INT64_MIN;
  std::vector<std::string> wrtNames; // Grad: instead of positions, names of arguments or of members: "model.fc1"
  bool wantValue = false;            // Grad
  bool hasAux = false;               // Grad: the function gives (value, whatever else)
  bool allowUnused = false;          // Grad: zeros where the value does not depend on an argument
};

struct ModuleDetails {
  Scope *env = nullptr;
  struct Member {
    int field = -1; // index among the fields, or
    Type type;      // the type and value of a compile-time member
    Known known;
    std::vector<uint32_t> tied; // or the place of another member, by part, whose storage this one shares
  };
  std::map<std::string, Member> members; // hyper-parameters and members
  struct Hyper {
    std::string name;
    Type type;
    Known known;
  };
  std::vector<Hyper> hyper; // the hyper-parameters as they were given, for messages and print
};

inline FunctionDetails &details(const FunctionValue &f) { return *static_cast<FunctionDetails *>(f.details.get()); }
inline ModuleDetails &details(const ModuleInstance &m) { return *static_cast<ModuleDetails *>(m.details.get()); }

std::string moduleKey(const ModuleInstance &m, const DimKey &dimKey);
std::string functionKey(const FunctionValue &f, const DimKey &dimKey);
std::shared_ptr<const ModuleInstance> mapModuleDims(const ModuleInstance &m, const DimMap &map);
std::shared_ptr<const FunctionValue> mapFunctionDims(const FunctionValue &f, const DimMap &map);
void forEachModuleDim(const ModuleInstance &m, const std::function<void(const Dim &)> &visit);
void forEachFunctionDim(const FunctionValue &f, const std::function<void(const Dim &)> &visit);
void forEachKnownDim(const Known &k, const std::function<void(const Dim &)> &visit);

// A function that has been instantiated for certain arguments, or is being.
struct Instance {
  Function *function = nullptr;
  std::vector<Dim> symbols; // the instance's own symbol for the k-th size of the arguments
  Type result;              // null: not yet known, or wrong
  Known resultKnown;
  bool inProgress = true;
  bool hasDeclaredResult = false;
  bool stops = false;       // declares a result whose type only its body would tell, and never gives one
  std::vector<bool> passed; // which arguments exist at run time (captures and self included)
};

// A loop that is written out: each copy of its body is a loop of one iteration, which `continue` ends. `break` tells
// the copies after it not to run.
struct Leaving {
  Variable *left = nullptr; // whether they must not
  int depth = -1;           // of the copies in run-time control flow
  bool isCertain = false;   // one of them always leaves
};

// A function body that is being checked.
struct Frame {
  Function *function = nullptr;
  Frame *caller = nullptr;
  Span callSpan;
  bool isLibrary = false;
  bool isTest = false;                               // the block of a `test`
  bool isRule = false;                               // of a `derivative fn`
  std::unordered_map<Binding *, Binding *> captures; // outer name -> what stands for it here
  const ast::TypeExpr *declaredResult = nullptr;     // where it could not be resolved without a value
  Scope *signatureScope = nullptr;
  Type declared;           // the declared result
  std::set<uint32_t> open; // sizes in `declared` that every return chooses for itself
  Type result;             // of the returns so far
  bool returned = false;
  bool failed = false; // a result has a wrong type
  Known resultKnown;
  Body *body = nullptr;       // where statements go
  int depth = 0;              // run-time branches and loops around
  int loops = 0;              // run-time loops around
  Leaving *leaving = nullptr; // out of the innermost loop, which is written out
  int noGrad = 0;
  // What run-time checks have established: a symbol's value, and differences that are zero.
  std::map<uint32_t, Dim> equal;
  std::vector<Dim> zero;
  std::vector<std::shared_ptr<Growing>> growing; // from the outermost to the innermost
  std::map<const ast::Let *, Growing> settled;   // what has been found out of earlier ones
  bool isOutdated() const;
  Dim resolve(const Dim &d) const;
};

} // namespace dl::sema
