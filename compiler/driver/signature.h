// What an exported function takes and gives, flattened as it crosses the boundary to a host.
#pragma once

#include "compiler/sema/typed.h"
#include "dl/abi.h"
#include "dl/dl.h"

#include <string>
#include <vector>

namespace dl::driver {

struct Leaf {
  Slot slot;
  std::vector<sema::Dim> dims;  // of a tensor
  std::optional<sema::Dim> dim; // an `int` that serves in shapes
};

struct Signature {
  std::string name;
  std::vector<Leaf> parameters;
  std::vector<Leaf> results; // and then the final values of `mut` parameters

  // Why these values cannot be its arguments, or an empty string.
  std::string mismatch(const dl_value *arguments, size_t count) const;
};

Signature signatureOf(const sema::Function &function);
// Of all exported functions, in the order of the program.
std::vector<Signature> exportsOf(const sema::Program &program);

// What a function's result must hold before the call: the type is set, the sizes and the memory are the function's.
dl_value emptyResult(const Slot &slot);

// Appends the leaves of a value of this type; `name` is what the value is called.
void flatten(const sema::Type &type, const std::string &name, std::vector<Leaf> &leaves);

} // namespace dl::driver
