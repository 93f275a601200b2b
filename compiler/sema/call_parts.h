// What calls and assignments are made of.
#pragma once

#include "compiler/sema/values.h"

namespace dl::sema {

// Something that can be assigned: a variable, or a part of one.
struct Place {
  struct Step {
    enum Kind { Part, Slices, Item, Chosen } kind = Part;
    uint32_t index = 0;            // Part; Chosen: the dimension
    uint32_t rank = 1;             // Chosen: how many dimensions it goes over
    std::vector<SliceItem> slices; // Slices
    Expr *position = nullptr;      // Item: of a list; Chosen: i64[n]
    Expr *mask = nullptr;          // Chosen: a mask of the whole tensor
    Type type;                     // of the value after this step
    Known known;
  };
  Binding *root = nullptr;
  std::vector<Step> steps;
  Span span;
};

// A list whose elements hold params, and the way to each of them through the parts that the list stores.
struct ParamList {
  Place place;
  std::vector<std::vector<uint32_t>> paths;
};
// All params inside a place.
struct ParamPlaces {
  std::vector<Place> single;
  std::vector<ParamList> lists;
  bool complete = true; // false: some have no place
  bool empty() const { return single.empty() && lists.empty(); }
};

// An argument of a call, evaluated.
struct Argument {
  std::string name; // "" when positional
  Value value;
  Span span;
  std::optional<Place> ref; // `&x`
  bool bracket = false;     // a bracket literal of values, still a tuple
  bool isSpread = false;    // `*x` of a list of modules, whose number the running program may know only
  Span nameSpan{};          // of a named one
};
inline Argument argumentOf(Value value, Span span) {
  Argument argument;
  argument.value = std::move(value);
  argument.span = span;
  return argument;
}

// A function to be instantiated: its declaration and the values that come with it.
struct Target {
  const ast::FnDecl *fn = nullptr;
  const ast::Lambda *lambda = nullptr;
  const ast::ModuleDecl *module = nullptr; // constructor
  Scope *env = nullptr;
  std::string name;
  const std::vector<ast::Param> *params = nullptr;
  const ast::TypeExpr *result = nullptr;
  const ast::Block *body = nullptr;
  Span span;
  std::vector<Binding *> captured;
  std::vector<Value> captures;
  std::optional<Value> self;
  bool selfMut = false;
  bool isCheckpoint = false; // a wrapper for checkpoint(f)
  bool isWrapper = false;    // calls `self`, a function value that is no declared function, with the parameters
  const void *identity() const {
    if (isWrapper)
      return params;
    return fn ? static_cast<const void *>(fn) : lambda ? static_cast<const void *>(lambda) : module;
  }
};

// The value of a block of statements.
struct BlockResult {
  Value value;           // Unit when there is none
  bool diverges = false; // control never reaches the end
};

} // namespace dl::sema
