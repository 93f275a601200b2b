// Builtin signatures, parsed: "sum(x: T[*S], dim: ints = none) -> wide(T)[reduce(S, dim)]".
#pragma once

#include "compiler/sema/builtins.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dl::sema {

struct SigDim {
  enum Kind { Number, Variable, Pack, Call } kind;
  int64_t number = 0;            // Number
  std::string name;              // Variable, Pack, Call
  std::vector<std::string> args; // Call: names of packs and parameters
};
struct SigType {
  // Flag, Int and Ints (one or a tuple of them) are known when the program is compiled.
  enum Kind { Tensor, Flag, Int, Ints, Size, Shape, Tensors, ElemType, Str } kind = Tensor;
  std::string elem;  // Tensor: f32, a letter, or the name of a `dtype` parameter
  bool wide = false; // wide(T): i64 for integers and bools
  std::vector<SigDim> dims;
};
struct SigParam {
  std::string name;
  SigType type;
  std::optional<std::string> defaultText; // as written: none, false, 1, f32
};
struct Signature {
  std::string name;
  std::vector<SigParam> params;
  std::vector<SigType> results; // more than one: a tuple
  const Builtin *row = nullptr;
};

// Nothing when the text is no signature.
std::optional<Signature> parseSignature(std::string_view text);

// By name. A row whose signature does not parse is left out and its text added to `broken`.
std::map<std::string, Signature> parseSignatures(Builtins rows, std::vector<std::string> &broken);

} // namespace dl::sema
