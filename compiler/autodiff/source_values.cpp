#include "compiler/autodiff/source_printer.h"

#include "compiler/autodiff/dims.h"
#include "compiler/autodiff/value_name.h"
#include "compiler/ops/registry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <cmath>

using namespace mlir;

namespace dl::autodiff {

std::string elementName(Type type) {
  if (type.isF32())
    return "f32";
  if (type.isF64())
    return "f64";
  if (type.isBF16())
    return "bf16";
  if (type.isInteger(1))
    return "bool";
  if (type.isInteger(8))
    return "u8";
  if (type.isInteger(32))
    return "i32";
  return "i64"; // also sizes
}

// ------------------------------------------------------------------------------------------------------- literals
// The shortest decimal that reads back as the same number of the same width.
static std::string shortest(double value, bool isDouble) {
  char buffer[40];
  if (value == std::trunc(value) && std::abs(value) < 1e9) {
    snprintf(buffer, sizeof buffer, "%.1f", value);
    return buffer;
  }
  for (int digits = 1; digits <= 17; ++digits) {
    snprintf(buffer, sizeof buffer, "%.*g", digits, value);
    double back = strtod(buffer, nullptr);
    if (isDouble ? back == value : float(back) == float(value))
      break;
  }
  std::string text = buffer;
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return text;
}

Text number(Attribute value, bool bare) {
  if (auto real = dyn_cast<FloatAttr>(value)) {
    Type type = real.getType();
    std::string suffix = bare || type.isF32() ? "" : elementName(type);
    double v = real.getValueAsDouble();
    if (!std::isfinite(v)) {
      const char *name = std::isnan(v) ? "nan" : "inf";
      std::string text = suffix.empty() ? name : suffix + "(" + name + ")";
      return std::isinf(v) && v < 0 ? Text{"-" + text, Level::Sign} : Text{text};
    }
    return {shortest(v, type.isF64()) + suffix, std::signbit(v) ? Level::Sign : Level::Primary};
  }
  auto whole = cast<IntegerAttr>(value);
  if (whole.getType().isInteger(1))
    return {whole.getValue().isZero() ? "false" : "true"};
  bool isByte = whole.getType().isInteger(8);
  int64_t v = isByte ? int64_t(whole.getValue().getZExtValue()) : whole.getInt();
  bool isInt = whole.getType().isIndex() || whole.getType().isInteger(64);
  return {std::to_string(v) + (bare || isInt ? "" : elementName(whole.getType())),
          v < 0 ? Level::Sign : Level::Primary};
}

// ---------------------------------------------------------------------------------------------------------- names
static bool isIdentifier(StringRef text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9'))
    return false;
  return llvm::all_of(text, [](char c) { return c == '_' || isalnum(static_cast<unsigned char>(c)) || (c & 0x80); });
}

static std::string asIdentifier(StringRef text) {
  std::string name;
  for (char c : text)
    name += c == '_' || isalnum(static_cast<unsigned char>(c)) || (c & 0x80) ? c : '_';
  return isIdentifier(name) ? name : "v" + name;
}

std::string SourcePrinter::unique(std::string wish) {
  wish = asIdentifier(wish);
  std::string name = wish;
  for (int i = 1; !taken_.insert(name).second; ++i)
    name = wish + std::to_string(i);
  return name;
}

std::string SourcePrinter::wishFor(Value value) const {
  if (auto it = wishes_.find(value); it != wishes_.end())
    return it->second;
  if (Operation *op = value.getDefiningOp()) {
    std::string name = op->getNumRegions() ? "" : givenName(value);
    if (!name.empty())
      return name;
    return isa<IndexType, IntegerType>(value.getType()) ? "n" : "t";
  }
  return "t";
}

SourcePrinter::SourcePrinter(func::FuncOp function, CommentsAt commentsAt, ModuleOp module,
                             const llvm::StringMap<std::string> &functions, std::set<std::string> &imports)
    : function_(function), commentsAt_(std::move(commentsAt)), module_(module), functionNames_(functions),
      imports_(imports) {
  for (StringRef word :
       {"and",    "assert", "break", "continue", "else",  "enable_grad", "false", "fn",  "for", "if",
        "import", "in",     "let",   "module",   "mut",   "no_grad",     "none",  "not", "or",  "return",
        "true",   "var",    "while", "f32",      "f64",   "bf16",        "i32",   "i64", "u8",  "bool",
        "int",    "str",    "list",  "error",    "print", "inf",         "nan"})
    taken_.insert(word);
  for (const ops::Row &row : ops::table())
    taken_.insert(StringRef(row.builtin.signature).take_until([](char c) { return c == '('; }).trim());
  for (auto [i, arg] : llvm::enumerate(function.getArguments())) {
    // Shape variables first: `f32[N, 784]` makes N the size of dimension 0.
    auto type = function.getArgAttrOfType<StringAttr>(i, "dl.type");
    if (!type)
      continue;
    StringRef dims = type.getValue().split('[').second.split(']').first;
    SmallVector<StringRef> parts;
    dims.split(parts, ',');
    for (auto [d, part] : llvm::enumerate(parts))
      if (StringRef dim = part.trim(); isIdentifier(dim) && dim != "_") {
        shapeNames_[{arg, int64_t(d)}] = dim.str();
        taken_.insert(dim);
      }
  }
  for (auto [i, arg] : llvm::enumerate(function.getArguments())) {
    auto given = function.getArgAttrOfType<StringAttr>(i, "dl.name");
    name(arg, unique(given ? given.str() : "x" + std::to_string(i)));
  }
}

// --------------------------------------------------------------------------------------------------------- values
Value SourcePrinter::standIn(Value value) const {
  Operation *op = value.getDefiningOp();
  if (!op)
    return {};
  auto isConstant = [](Value v, double wanted) { return ir::constantValue(v) == wanted; };
  if (isa<tensor::CastOp, arith::IndexCastOp>(op))
    return op->getOperand(0);
  if (isa<ir::AddOp, arith::AddIOp>(op)) {
    if (isConstant(op->getOperand(0), 0))
      return op->getOperand(1);
    if (isConstant(op->getOperand(1), 0))
      return op->getOperand(0);
  }
  if (isa<ir::SubOp, arith::SubIOp>(op) && isConstant(op->getOperand(1), 0))
    return op->getOperand(0);
  if (isa<ir::MulOp, arith::MulIOp>(op)) {
    if (isConstant(op->getOperand(0), 1))
      return op->getOperand(1);
    if (isConstant(op->getOperand(1), 1))
      return op->getOperand(0);
  }
  if (isa<ir::DivOp>(op) && isConstant(op->getOperand(1), 1))
    return op->getOperand(0);
  if (auto reshape = dyn_cast<ir::ReshapeOp>(op)) {
    // The value before any number of reshapes that has the shape already.
    for (Value input = reshape.getInput();;) {
      input = peel(input);
      int64_t rank = ir::rankOf(reshape.getType());
      bool same = rank == ir::rankOf(input.getType());
      for (int64_t d = 0; d < rank && same; ++d)
        same = sameSize(reshape, d, input, d);
      if (same)
        return input;
      auto earlier = names_.count(input) ? ir::ReshapeOp() : input.getDefiningOp<ir::ReshapeOp>();
      if (!earlier)
        break;
      input = earlier.getInput();
    }
  }
  // A size is never negative.
  if (isa<arith::MaxSIOp>(op) && isConstant(op->getOperand(1), 0) &&
      peel(op->getOperand(0)).getDefiningOp<tensor::DimOp>())
    return op->getOperand(0);
  return {};
}

bool SourcePrinter::sameSize(Value a, int64_t i, Value b, int64_t j) const {
  int64_t first = ir::shapeOf(a.getType())[i], second = ir::shapeOf(b.getType())[j];
  if (first == second && !ShapedType::isDynamic(first))
    return true;
  Dim left = traceDim(a, i), right = traceDim(b, j);
  if (left == right)
    return true;
  auto one = shapeNames_.find({left.tensor, left.dim}), other = shapeNames_.find({right.tensor, right.dim});
  return left.tensor && right.tensor && one != shapeNames_.end() && other != shapeNames_.end() &&
         one->second == other->second;
}

Value SourcePrinter::peel(Value value) const {
  while (!names_.count(value)) {
    Value other = standIn(value);
    if (!other)
      break;
    value = other;
  }
  return value;
}

// Where a kernel writes what it gives: not written at all.
static bool isDestination(Operation *op) {
  return isa<tensor::EmptyOp>(op) &&
         llvm::all_of(op->getUsers(), [](Operation *user) { return isa<ir::KernelOp>(user); });
}

bool SourcePrinter::isInline(Operation *op) const {
  return matchPattern(op, m_Constant()) || isDestination(op) || isa<tensor::DimOp, ir::BroadcastOp>(op) ||
         (op->getNumResults() == 1 && standIn(op->getResult(0)));
}

// Counts the places where the value will be written; one in another region counts as several, for it may run more
// often.
unsigned SourcePrinter::countUses(Value value, Block *block) const {
  unsigned count = 0;
  for (Operation *user : value.getUsers()) {
    if (user->getNumResults() == 1 && isInline(user) && !isa<tensor::DimOp>(user))
      count += countUses(user->getResult(0), block);
    else
      count += user->getBlock() == block ? 1 : 2;
  }
  return count;
}

static bool isStoreInto(Operation *op, Value value) {
  return isa<ir::UpdateSliceOp, ir::AddSliceOp>(op) && op->getOperand(0) == value &&
         llvm::count(op->getOperands(), value) == 1;
}

// A variable that holds `value` may change at `change`, in its block or in a branch that takes it over: all that reads
// it there does so before.
bool SourcePrinter::isLastUse(Operation *change, Value value) const {
  Block *block = change->getBlock();
  for (Operation *user : value.getUsers()) {
    Operation *there = block->findAncestorOpInBlock(*user);
    if (user == change || !there)
      continue;
    if (isInline(user) || there == change || !there->isBeforeInBlock(change))
      return false;
  }
  return true;
}

scf::IfOp SourcePrinter::taker(Value value) const {
  if (!variables_.contains(value))
    return {};
  scf::IfOp taker;
  for (OpOperand &use : value.getUses()) {
    auto branch = dyn_cast<scf::IfOp>(use.getOwner()->getParentOp());
    if (!branch || !isa<scf::YieldOp>(use.getOwner()) || branch->getBlock() != value.getParentBlock())
      continue;
    if (taker) // given twice
      return {};
    taker = branch;
    // Without types of its own the variable keeps the sizes that it has.
    unsigned i = use.getOperandNumber();
    if (isText(value) != isText(branch.getResult(i)))
      return {};
    Value other = (use.getOwner() == branch.thenYield() ? branch.elseYield() : branch.thenYield()).getOperand(i);
    if (!isa<BlockArgument>(value) && !isText(value))
      for (int64_t d = 0, rank = ir::rankOf(value.getType()); d < rank; ++d)
        if (!sameSize(value, d, other, d))
          return {};
    if (peel(other).getDefiningOp<tensor::EmptyOp>())
      return {};
  }
  if (!taker)
    return {};
  for (Operation *user : value.getUsers()) {
    Operation *there = taker->getBlock()->findAncestorOpInBlock(*user);
    if (!there || (there != taker && (isInline(user) || !there->isBeforeInBlock(taker))))
      return {};
  }
  return taker;
}

bool SourcePrinter::overwrites(Operation *store, Value value) const {
  if (!variables_.contains(value) || !isStoreInto(store, value) || isText(value))
    return false;
  Block *block = store->getBlock();
  bool isOwn = block == value.getParentBlock();
  if (!isOwn && (!isa<scf::IfOp>(block->getParentOp()) || taker(value) != block->getParentOp()))
    return false;
  return isLastUse(store, value);
}

bool SourcePrinter::isDeferred(Operation *op) const {
  if (isInline(op))
    return true;
  if (op->getNumRegions() != 0 || isa<ir::KernelOp, func::CallOp, ir::UpdateSliceOp, ir::AddSliceOp>(op))
    return false;
  if (isa<ir::ExternOp>(op) && (op->getNumResults() != 1 || !isMemoryEffectFree(op)))
    return false;
  // It has to read a variable before that changes.
  for (Value operand : op->getOperands()) {
    operand = peel(operand);
    if (!variables_.contains(operand))
      continue;
    for (Operation *user : operand.getUsers())
      if (user != op && user->getBlock() == op->getBlock() && overwrites(user, operand))
        return false;
    if (scf::IfOp branch = taker(operand); branch && branch->getBlock() == op->getBlock())
      return false;
  }
  return llvm::all_of(op->getResults(), [&](OpResult result) { return countUses(result, op->getBlock()) <= 1; });
}

Text SourcePrinter::own(Value value) {
  value = peel(value);
  if (auto it = names_.find(value); it != names_.end())
    return {it->second};
  if (auto result = dyn_cast<OpResult>(value))
    return build(result);
  return {"?"};
}

Text SourcePrinter::expression(Value value) { return as(/*text=*/false, value); }

std::string SourcePrinter::at(Value value, Level minimum) {
  Text text = expression(value);
  return text.level < minimum ? "(" + text.text + ")" : text.text;
}

std::string SourcePrinter::list(ValueRange values) {
  std::string text;
  for (Value value : values)
    text += (text.empty() ? "" : ", ") + expression(value).text;
  return text;
}

std::string SourcePrinter::sizeText(Value tensor, int64_t dim) {
  Value source = peel(tensor);
  for (Value v : {tensor, source})
    if (auto type = dyn_cast<RankedTensorType>(v.getType()); type && !type.isDynamicDim(dim))
      return std::to_string(type.getDimSize(dim));
  // Sizes come from where the tensor does, through loops that keep them.
  Dim traced = traceDim(source, dim);
  if (traced.constant)
    return std::to_string(*traced.constant);
  if (traced.index) {
    Value index = peel(traced.index);
    if (names_.count(index) || (index.getDefiningOp() && isInline(index.getDefiningOp())))
      return at(index, Level::Primary);
  }
  if (traced.tensor) {
    source = peel(traced.tensor);
    dim = traced.dim;
  }
  if (auto it = shapeNames_.find({source, dim}); it != shapeNames_.end())
    return it->second;
  return at(source, Level::Primary) + ".shape[" + std::to_string(dim) + "]";
}

std::string SourcePrinter::shapeText(Type type, ValueRange sizes) {
  std::string text;
  size_t next = 0;
  for (int64_t size : ir::shapeOf(type)) {
    text += text.empty() ? "" : ", ";
    text += ShapedType::isDynamic(size) ? expression(sizes[next++]).text : std::to_string(size);
  }
  return text;
}

std::string SourcePrinter::tuple(Type type, ValueRange sizes) {
  return "(" + shapeText(type, sizes) + (ir::rankOf(type) == 1 ? ",)" : ")");
}

} // namespace dl::autodiff
