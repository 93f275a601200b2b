#include "compiler/autodiff/source_printer.h"

#include "compiler/autodiff/dims.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace dl::autodiff {

// ------------------------------------------------------------------------------------------------------- branches
// Where only one branch has something to keep, the other gives an empty tensor in its place; the branches of an `if`
// have one type in dl, so it is written with the shape of what is kept.
std::string SourcePrinter::branchValue(Value value, Value other, Value result) {
  Value empty = value;
  while (auto cast = empty.getDefiningOp<tensor::CastOp>())
    empty = cast.getSource();
  auto type = dyn_cast<RankedTensorType>(empty.getType());
  bool isPlaceholder = type && llvm::is_contained(type.getShape(), 0) &&
                       (empty.getDefiningOp<tensor::EmptyOp>() || ir::constantValue(empty));
  bool text = isText(result);
  if (!isPlaceholder || text)
    return as(text, value).text;
  Value kept = peel(other);
  std::string shape;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    Dim size = traceDim(kept, d);
    auto argument = dyn_cast_or_null<BlockArgument>(size.tensor);
    bool known = size.constant || (argument && argument.getOwner() == &function_.getBody().front());
    if (!known)
      return expression(value).text;
    shape += (d ? ", " : "") + (size.constant ? std::to_string(*size.constant) : sizeText(kept, d));
  }
  shape = "(" + shape + (type.getRank() == 1 ? ",)" : ")");
  Type elem = type.getElementType();
  return elem.isInteger(1) ? "full(" + shape + ", false)"
                           : "zeros(" + shape + (elem.isF32() ? ")" : ", dtype=" + elementName(elem) + ")");
}

// The declared type of a variable whose sizes change by assignment.
static std::string openType(RankedTensorType type) { return ": " + typeText(type, StringAttr()); }

bool SourcePrinter::sizesDiffer(scf::IfOp op) const {
  for (OpResult result : op.getResults()) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (isText(result))
      continue;
    for (int64_t dim = 0; type && dim < type.getRank(); ++dim) {
      Dim first = traceDim(peel(op.thenYield().getOperand(result.getResultNumber())), dim);
      Dim second = traceDim(peel(op.elseYield().getOperand(result.getResultNumber())), dim);
      if (type.isDynamicDim(dim) && first != second)
        return true;
    }
  }
  return false;
}

std::string SourcePrinter::unset(Value value) const {
  if (isText(value))
    return " = \"\"";
  Type type = value.getType();
  Type elem = ir::elementOf(type);
  std::string zero = elem.isInteger(1) ? "false" : number(Builder(type.getContext()).getZeroAttr(elem), false).text;
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return " = " + zero;
  std::string sizes;
  for (int64_t size : tensor.getShape())
    sizes += std::to_string(ShapedType::isDynamic(size) ? 0 : size) + ",";
  return (tensor.hasStaticShape() ? "" : openType(tensor)) + " = full((" + sizes + "), " + zero + ")";
}

static bool mentions(const std::string &text, const std::string &name) {
  auto isPart = [](char c) { return c == '_' || isalnum(static_cast<unsigned char>(c)) || (c & 0x80); };
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    bool before = at > 0 && isPart(text[at - 1]),
         after = at + name.size() < text.size() && isPart(text[at + name.size()]);
    if (!before && !after)
      return true;
  }
  return false;
}

LogicalResult SourcePrinter::branch(scf::IfOp op, bool isTail) {
  Text condition = expression(op.getCondition());
  // Results that live on in a variable are assigned at the end of a branch; the others are given by it.
  SmallVector<std::string> targets(op.getNumResults());
  std::string pattern;
  SmallVector<unsigned> given;
  for (auto [i, result] : llvm::enumerate(op.getResults())) {
    for (Value yielded : {op.thenYield().getOperand(i), op.elseYield().getOperand(i)})
      if (targets[i].empty() && !isTail && taker(peel(yielded)) == op)
        targets[i] = names_[peel(yielded)];
    if (targets[i].empty()) {
      given.push_back(i);
      name(result, isTail ? "" : unique(wishFor(result)));
      pattern += (given.size() == 1 ? "" : ", ") + names_[result];
    } else {
      name(result, targets[i]);
      variables_.insert(result);
    }
  }
  // An `if` has one type: branches of other sizes assign to variables.
  bool assigns = sizesDiffer(op);
  if (assigns)
    for (unsigned i : given)
      line("var " + names_[op.getResult(i)] + unset(op.getResult(i)));
  std::string head;
  if (!given.empty() && !isTail && !assigns)
    head = "let " + (given.size() == 1 ? pattern : "(" + pattern + ")") + " = ";
  line(head + "if " + condition.text + " {");
  size_t headLine = lines_.size() - 1;
  for (Block *part : {op.thenBlock(), op.elseBlock()}) {
    if (!part)
      continue;
    size_t before = lines_.size();
    bool isElse = part == op.elseBlock();
    if (isElse) {
      line("} else {");
    }
    ++depth_;
    if (failed(block(*part)))
      return failure();
    Operation *yield = part->getTerminator(), *other = isElse           ? op.thenYield()
                                                       : op.elseBlock() ? op.elseYield()
                                                                        : nullptr;
    SmallVector<std::string> changed;
    SmallVector<Value> held, values;
    std::string text;
    for (auto [i, value] : llvm::enumerate(yield->getOperands())) {
      if (targets[i].empty() && assigns) {
        line(names_[op.getResult(i)] + " = " + as(isText(op.getResult(i)), value).text);
      } else if (targets[i].empty()) {
        text += (text.empty() ? "" : ", ") + branchValue(value, other->getOperand(i), op.getResult(i));
      } else {
        changed.push_back(targets[i]);
        held.push_back(op.getResult(i));
        values.push_back(value);
      }
    }
    // What is given may read a variable that is about to change.
    bool reads = llvm::any_of(changed, [&](const std::string &target) { return mentions(text, target); });
    if (reads && !assigns) {
      text.clear();
      for (unsigned i : given) {
        std::string early = unique("t");
        line("let " + early + " = " + branchValue(yield->getOperand(i), other->getOperand(i), op.getResult(i)));
        text += (text.empty() ? "" : ", ") + early;
      }
    }
    assign(changed, held, values);
    if (!given.empty() && !assigns)
      line(given.size() == 1 ? text : "(" + text + ")");
    --depth_;
    if (isElse && lines_.size() == before + 1) { // it does nothing
      lines_.pop_back();
    } else if (isElse && before == headLine + 1) { // only this one does something
      bool isNot = condition.level == Level::Not;
      std::string opposite =
          isNot ? condition.text.substr(4)
                : "not " + (condition.level < Level::Primary ? "(" + condition.text + ")" : condition.text);
      std::string &written = lines_[headLine];
      written.replace(written.find("if ") + 3, condition.text.size(), opposite);
      lines_.erase(lines_.begin() + before);
    }
  }
  line("}");
  return success();
}

// ---------------------------------------------------------------------------------------------------------- loops
std::string SourcePrinter::variable(Value init, Value carried, const std::string &wish, const std::string &type) {
  bool text = isText(carried);
  if (auto it = names_.find(init);
      type.empty() && it != names_.end() && variables_.contains(init) && init.hasOneUse() && isText(init) == text)
    return it->second;
  std::string target = unique(wish);
  line("var " + target + (text ? "" : type) + " = " + as(text, init).text);
  return target;
}

// That type when a value that a loop carries does not provably keep its sizes, else nothing.
static std::string openTypeOf(Value arg, Value init, Value yielded) {
  auto type = dyn_cast<RankedTensorType>(arg.getType());
  if (!type)
    return "";
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim))
      continue;
    Dim next = traceDim(yielded, dim);
    if (next != Dim{.tensor = arg, .dim = dim} && next != traceDim(init, dim))
      return openType(type);
  }
  return "";
}

void SourcePrinter::assign(ArrayRef<std::string> targets, ValueRange held, ValueRange values) {
  SmallVector<std::string> names, texts, lines;
  for (auto [target, holder, value] : llvm::zip_equal(targets, held, values)) {
    Value source = peel(value);
    std::string text = as(isText(holder), source).text;
    if (text == target)
      continue;
    std::string assignment = target + " = " + text;
    Operation *sum = source.getDefiningOp();
    if (isa_and_nonnull<ir::AddOp, arith::AddIOp>(sum) && !names_.count(source))
      for (auto [own, other] :
           {std::pair(sum->getOperand(0), sum->getOperand(1)), std::pair(sum->getOperand(1), sum->getOperand(0))})
        if (expression(own).text == target && !peel(other).getDefiningOp<ir::BroadcastOp>()) {
          assignment = target + " += " + expression(other).text;
          break;
        }
    names.push_back(target);
    texts.push_back(text);
    lines.push_back(assignment);
  }
  bool interferes = false;
  for (size_t i = 0; i < names.size(); ++i)
    for (size_t j = i + 1; j < names.size(); ++j)
      interferes |= mentions(texts[j], names[i]);
  if (interferes)
    line("(" + llvm::join(names, ", ") + ") = (" + llvm::join(texts, ", ") + ")");
  else
    for (const std::string &assignment : lines)
      line(assignment);
}

// What a carried value is called: as its gradient, as the user's variable, or by what flows into it.
static std::string carriedWish(Value yielded, const std::string &wish) {
  if (wish != "t" && wish != "n")
    return wish;
  if (Operation *op = yielded.getDefiningOp())
    if (auto written = op->getAttrOfType<StringAttr>("dl.var"))
      return written.str();
  return wish;
}

LogicalResult SourcePrinter::counted(scf::ForOp op) {
  std::string head = at(op.getLowerBound(), Level::Sum) + ".." + at(op.getUpperBound(), Level::Sum);
  if (getConstantIntValue(op.getStep()) != 1)
    head += " step " + at(op.getStep(), Level::Sum);
  SmallVector<std::string> targets;
  for (auto [init, arg, yielded, result] :
       llvm::zip_equal(op.getInits(), op.getRegionIterArgs(), op.getYieldedValues(), op.getResults())) {
    targets.push_back(variable(init, arg, carriedWish(yielded, wishFor(result)), openTypeOf(arg, init, yielded)));
    for (Value held : {Value(arg), Value(result)}) {
      name(held, targets.back());
      variables_.insert(held);
    }
  }
  auto index = op->getAttrOfType<StringAttr>("dl.index");
  name(op.getInductionVar(), unique(index ? index.str() : "i"));
  line("for " + names_[op.getInductionVar()] + " in " + head + " {");
  ++depth_;
  if (failed(block(*op.getBody())))
    return failure();
  assign(targets, op.getRegionIterArgs(), op.getYieldedValues());
  --depth_;
  line("}");
  return success();
}

LogicalResult SourcePrinter::repeated(scf::WhileOp op) {
  Block &before = *op.getBeforeBody(), &after = *op.getAfterBody();
  scf::ConditionOp condition = op.getConditionOp();
  SmallVector<std::string> targets;
  for (auto [init, arg, yielded] :
       llvm::zip_equal(op.getInits(), before.getArguments(), op.getYieldOp().getResults())) {
    targets.push_back(variable(init, arg, carriedWish(yielded, wishFor(arg)), openTypeOf(arg, init, yielded)));
    name(arg, targets.back());
    variables_.insert(arg);
  }
  // Each value that the condition passes on lives in the variable it comes from, or in one of its own.
  SmallVector<std::string> passedTargets;
  SmallVector<Value> passed;
  llvm::StringSet<> used;
  for (auto [value, result, arg] : llvm::zip_equal(condition.getArgs(), op.getResults(), after.getArguments())) {
    std::string target;
    auto carried = dyn_cast<BlockArgument>(value);
    if (carried && carried.getOwner() == &before && used.insert(names_[value]).second) {
      target = names_[value];
    } else {
      target = unique(wishFor(result));
      line("var " + target + unset(value)); // the first iteration gives it its value
      passedTargets.push_back(target);
      passed.push_back(value);
    }
    for (Value held : {Value(result), Value(arg)}) {
      name(held, target);
      variables_.insert(held);
    }
  }
  bool plain = passed.empty() && llvm::all_of(before.without_terminator(), [&](Operation &nested) {
                 return nested.getNumRegions() == 0 && isDeferred(&nested) && isMemoryEffectFree(&nested);
               });
  line("while " + (plain ? expression(condition.getCondition()).text : std::string("true")) + " {");
  ++depth_;
  if (!plain) {
    if (failed(block(before)))
      return failure();
    assign(passedTargets, passed, passed);
    line("if not (" + expression(condition.getCondition()).text + ") { break }");
  }
  if (failed(block(after)))
    return failure();
  assign(targets, before.getArguments(), op.getYieldOp().getResults());
  --depth_;
  line("}");
  return success();
}

} // namespace dl::autodiff
