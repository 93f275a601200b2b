// What the checker finds out about places of a file, for editors and `dl check --types`.
#pragma once

#include "compiler/sema/types.h"
#include "compiler/syntax/source.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dl::sema {

// Something with a name that a place in the text can mean.
struct Symbol {
  enum Kind { Variable, Parameter, Size, Function, Method, Module, Field, Builtin, ElementType, File };
  Kind kind = Variable;
  std::string name;
  Span span;             // the declaration; not valid for what belongs to the language itself
  std::string signature; // as it is written, or with the type that was found: `let x: f32[3]`
  std::string doc;       // of `##` comments
};

// An expression or a declared name. A generic function gives one per instance.
struct TypedPlace {
  Span span;
  std::string type;     // f32[N, 3]; with the value where the checker knows it: i64 = N + 1
  std::string instance; // `layer(x: f32[64, 784], n: i64 = 3)`; empty in the statements of the script
};

struct Meaning {
  Span span; // of the name
  Symbol symbol;
};

// A request and its answer: everything is collected for one file only.
struct Facts {
  uint32_t file = 0;              // 0: the script itself
  std::optional<uint32_t> cursor; // the members of the value before the `.name` at this offset are listed too

  std::vector<TypedPlace> types;
  std::vector<Meaning> meanings;
  std::vector<Symbol> library;                       // names that every file has: the language's and the prelude's
  std::map<std::string, std::vector<Symbol>> spaces; // names in imported files, by what the import is called
  std::vector<Symbol> members;                       // at the cursor
  bool foundMembers = false;                         // the cursor was reached and the type was known
  bool membersAreFunctions = false;                  // x.f() may also call any function with x first
};

// How a function of the language that is no op is called, and what it does; empty texts for an unknown name.
struct IntrinsicText {
  std::string signature, doc;
};
IntrinsicText intrinsicText(const std::string &name);
// What may be called on a list.
std::vector<Symbol> listMethods();

} // namespace dl::sema
