#include "compiler/irgen/call_text.h"

#include "compiler/irgen/types.h"

namespace dl::irgen {

using sema::TypeKind;

namespace {

// Counts flat values as they are named.
class Placeholders {
public:
  std::string next() { return "{" + std::to_string(count++) + "}"; }

  // The items of a tuple, separated by commas; empty ones included.
  std::optional<std::string> items(const sema::Type &tuple, bool isPattern) {
    std::string text;
    for (const sema::Type &item : tuple->items) {
      std::optional<std::string> one = of(item, isPattern);
      if (!one)
        return std::nullopt;
      text += (text.empty() ? "" : ", ") + *one;
    }
    return text;
  }

  // A value of the type, or a pattern for one.
  std::optional<std::string> of(const sema::Type &type, bool isPattern) {
    if (type->kind == TypeKind::Tensor || type->kind == TypeKind::Str)
      return next();
    if (type->kind == TypeKind::Tuple) {
      std::optional<std::string> text = items(type, isPattern);
      return text ? std::optional("(" + *text + (type->items.size() == 1 ? ",)" : ")")) : std::nullopt;
    }
    // A list of numbers or of tensors of one shape is one tensor.
    if (type->kind == TypeKind::List && !isPattern && type->items[0]->kind == TypeKind::Tensor &&
        countLeaves(type) == 1)
      return "list(" + next() + ")";
    return std::nullopt;
  }

private:
  int count = 0;
};

} // namespace

std::optional<std::string> argumentsText(const sema::Function &function) {
  Placeholders placeholders;
  std::string text;
  size_t passed = 0;
  for (const sema::Function::Declared &parameter : function.declared) {
    passed += parameter.variable != nullptr;
    std::optional<std::string> one = !parameter.variable    ? parameter.literal
                                     : parameter.isVariadic ? placeholders.items(parameter.variable->type, false)
                                                            : placeholders.of(parameter.variable->type, false);
    if (!one)
      return std::nullopt;
    text += (text.empty() || one->empty() ? "" : ", ") + *one;
  }
  bool isMut = false;
  for (bool each : function.isMut)
    isMut |= each;
  return passed == function.params.size() && !isMut ? std::optional(text) : std::nullopt;
}

std::optional<std::string> resultPattern(const sema::Function &function) {
  return function.result ? Placeholders().of(function.result, true) : std::nullopt;
}

} // namespace dl::irgen
