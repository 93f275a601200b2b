// The shape functions that builtin signatures apply: from the operands' shapes and the compile-time arguments to the
// result's shape. Sources: PyTorch's documentation of the op of the same name.
#pragma once

#include "compiler/sema/typed.h"
#include "compiler/syntax/diagnostics.h"

#include <map>

namespace dl::sema {

using Shape = std::vector<Dim>;

// What a shape function sees and says.
struct ShapeContext {
  std::string op;                      // for messages
  std::map<std::string, Shape> shapes; // packs and `shape` arguments, by name
  std::vector<Shape> list;             // the shapes of a `tensors` argument
  std::map<std::string, Attr> attrs;   // compile-time arguments; absent when none
  // Demands that two sizes are equal: checked now when provable, else when the program runs. False when provably
  // different (the caller then returns without a result).
  std::function<bool(const Dim &, const Dim &)> equal;
  // Filled in on failure.
  Code code = Code::ShapeMismatch;
  std::string message, help;
};

std::string str(const Shape &shape);

// The result's shape of function `name` applied to `args` (names in the context); nothing after a failure.
std::optional<Shape> applyShapeFunction(const std::string &name, const std::vector<std::string> &args,
                                        ShapeContext &context);
bool isShapeFunction(const std::string &name);

// NumPy's broadcasting, where only a literal 1 stretches.
std::optional<Shape> broadcastShapes(const Shape &a, const Shape &b, ShapeContext &context);

} // namespace dl::sema
