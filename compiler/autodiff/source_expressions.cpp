#include "compiler/autodiff/dims.h"
#include "compiler/autodiff/source_printer.h"

#include "compiler/ops/modes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace dl::autodiff {

// --------------------------------------------------------------------------------------------------------- pieces
static std::string within(const Text &text, Level minimum) {
  return text.level < minimum ? "(" + text.text + ")" : text.text;
}

Text SourcePrinter::infix(const Text &a, StringRef op, const Text &b, Level level) {
  bool chains = level == Level::Sum || level == Level::Product || level == Level::And || level == Level::Or;
  Level above = Level(int(level) + 1);
  return {within(a, chains ? level : above) + " " + op.str() + " " + within(b, above), level};
}

Text SourcePrinter::infix(Value a, StringRef op, Value b, Level level) {
  return infix(expression(a), op, expression(b), level);
}

Text SourcePrinter::call(StringRef name, ArrayRef<std::string> args) {
  return {name.str() + "(" + llvm::join(args, ", ") + ")"};
}

static std::string numbers(ArrayRef<int64_t> values) {
  if (values.size() == 1)
    return std::to_string(values[0]);
  std::string text;
  for (int64_t value : values)
    text += (text.empty() ? "" : ", ") + std::to_string(value);
  return "(" + text + ")";
}

// A pair for height and width, as one number where both agree; nothing for the default.
static void addPair(SmallVectorImpl<std::string> &args, StringRef name, ArrayRef<int64_t> pair,
                    ArrayRef<int64_t> fallback) {
  bool square = llvm::all_equal(pair);
  if (pair != fallback && !(square && fallback.size() == 1 && pair[0] == fallback[0]))
    args.push_back(name.str() + "=" + (square ? std::to_string(pair[0]) : numbers(pair)));
}
static std::string windowSize(ArrayRef<int64_t> pair) {
  return llvm::all_equal(pair) ? std::to_string(pair[0]) : numbers(pair);
}

static Text tensorLiteral(DenseElementsAttr value) {
  std::vector<std::string> items;
  for (Attribute item : value.getValues<Attribute>())
    items.push_back(number(item, false).text);
  // Innermost dimension first, each step wraps runs of one dimension.
  for (int64_t size : llvm::reverse(value.getType().getShape())) {
    std::vector<std::string> wrapped;
    for (size_t i = 0; size > 0 && i < items.size(); i += size)
      wrapped.push_back("[" + llvm::join(items.begin() + i, items.begin() + i + size, ", ") + "]");
    items = std::move(wrapped);
  }
  return {items[0]};
}

// --------------------------------------------------------------------------------------------------- elementwise
Text SourcePrinter::broadcastWithin(ir::BroadcastOp op) {
  if (ir::rankOf(op.getInput().getType()) == 0)
    return expression(op.getInput());
  // Dimensions of size 1 that were taken away to be stretched again.
  Value input = peel(op.getInput());
  if (auto reshape = names_.count(input) ? ir::ReshapeOp() : input.getDefiningOp<ir::ReshapeOp>()) {
    Value before = reshape.getInput();
    int64_t first = op.getDims().front(), rank = ir::rankOf(op.getType()), own = 0;
    bool fits = ir::rankOf(before.getType()) == rank - first;
    for (int64_t d = first; d < rank && fits; ++d)
      fits = llvm::is_contained(op.getDims(), d) ? sameSize(before, d - first, input, own++)
                                                 : ir::shapeOf(before.getType())[d - first] == 1;
    if (fits)
      return expression(before);
  }
  std::string items;
  bool hasNew = false;
  for (int64_t d = op.getDims().front(), rank = ir::rankOf(op.getType()); d < rank; ++d) {
    bool isNew = !llvm::is_contained(op.getDims(), d);
    hasNew |= isNew;
    items += std::string(items.empty() ? "" : ", ") + (isNew ? "new" : ":");
  }
  return hasNew ? Text{at(op.getInput(), Level::Primary) + "[" + items + "]"} : expression(op.getInput());
}

Text SourcePrinter::elementwise(Operation *op) {
  // Operands that the operation itself stretches are written unstretched, as long as the others show the whole shape.
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(peel(operand));
  auto stretched = [&](Value v) { return names_.count(v) ? ir::BroadcastOp() : v.getDefiningOp<ir::BroadcastOp>(); };
  int64_t rank = ir::rankOf(op->getResult(0).getType());
  auto shows = [&](Value v, int64_t d) {
    ir::BroadcastOp broadcast = stretched(v);
    if (!broadcast)
      return true;
    auto it = llvm::find(broadcast.getDims(), d);
    if (it == broadcast.getDims().end())
      return false;
    int64_t size = ir::shapeOf(broadcast.getInput().getType())[it - broadcast.getDims().begin()];
    return size != 1 || broadcast.getType().getDimSize(d) == 1;
  };
  size_t whole = operands.size(); // the operand that is written out in full, if one has to be
  for (int64_t d = 0; d < rank; ++d)
    if (llvm::none_of(operands, [&](Value v) { return shows(v, d); }))
      whole = operands.size() - 1;
  // A literal takes its type from an operand that is none; the condition of a choice does not count.
  auto scalarConstant = [&](Value v) -> Attribute {
    if (ir::BroadcastOp broadcast = stretched(v))
      v = peel(broadcast.getInput());
    Attribute value;
    return !names_.count(v) && matchPattern(v, m_Constant(&value)) && !isa<ElementsAttr>(value) ? value : Attribute();
  };
  size_t first = isa<ir::SelectOp>(op) ? 1 : 0;
  bool typed = false;
  for (size_t i = first; i < operands.size(); ++i)
    typed |= i == whole || !scalarConstant(operands[i]);
  SmallVector<Text> texts;
  for (auto [i, operand] : llvm::enumerate(operands)) {
    if (i == whole)
      texts.push_back(expression(operand));
    else if (Attribute literal = scalarConstant(operand))
      texts.push_back(number(literal, typed && i >= first));
    else if (ir::BroadcastOp broadcast = stretched(operand))
      texts.push_back(broadcastWithin(broadcast));
    else
      texts.push_back(expression(operand));
  }

  auto binary = [&](StringRef sign, Level level) { return infix(texts[0], sign, texts[1], level); };
  auto logical = [&](StringRef sign, Level level) {
    // `true or x` is true, without the shape of x: what is known decides when it stands in front.
    if (rank > 0 && scalarConstant(operands[0]))
      std::swap(texts[0], texts[1]);
    return binary(sign, level);
  };
  StringRef mnemonic = op->getName().stripDialect();
  static constexpr StringLiteral comparisons[] = {"==", "!=", "<", "<=", ">", ">="};
  return llvm::TypeSwitch<Operation *, Text>(op)
      .Case<ir::AddOp>([&](auto) {
        // a + -b reads better as a - b.
        for (auto [a, b] : {std::pair(0, 1), std::pair(1, 0)})
          if (texts[b].level == Level::Sign && texts[b].text[0] == '-')
            return infix(texts[a], "-", Text{texts[b].text.substr(1), Level::Sign}, Level::Sum);
        return binary("+", Level::Sum);
      })
      .Case<ir::SubOp>([&](auto) { return binary("-", Level::Sum); })
      .Case<ir::MulOp>([&](auto) { return binary("*", Level::Product); })
      .Case<ir::DivOp>([&](auto) { return binary("/", Level::Product); })
      .Case<ir::FloorDivOp>([&](auto) { return binary("//", Level::Product); })
      .Case<ir::ModOp>([&](auto) { return binary("%", Level::Product); })
      .Case<ir::PowOp>([&](auto) {
        return Text{within(texts[0], Level::Primary) + " ** " + within(texts[1], Level::Primary), Level::Power};
      })
      .Case<ir::AndOp>([&](auto) { return logical("and", Level::And); })
      .Case<ir::OrOp>([&](auto) { return logical("or", Level::Or); })
      .Case<ir::NegOp>([&](auto) { return Text{"-" + within(texts[0], Level::Power), Level::Sign}; })
      .Case<ir::NotOp>([&](auto) { return Text{"not " + within(texts[0], Level::Primary), Level::Not}; })
      .Case([&](ir::CmpOp cmp) { return binary(comparisons[int(cmp.getKind())], Level::Compare); })
      .Case([&](ir::SelectOp select) {
        if (select->hasAttr(ops::kGuard))
          return call("zero_where", {texts[0].text, texts[2].text});
        return call("where", {texts[0].text, texts[1].text, texts[2].text});
      })
      .Case([&](ir::ConvertOp convert) {
        std::string elem = elementName(ir::elementOf(convert.getType()));
        return ir::rankOf(convert.getType()) == 0 ? call(elem, {texts[0].text})
                                                  : Text{within(texts[0], Level::Primary) + ".to(" + elem + ")"};
      })
      .Default([&](Operation *) {
        SmallVector<std::string> args;
        for (const Text &text : texts)
          args.push_back(text.text);
        return call(mnemonic, args);
      });
}

// --------------------------------------------------------------------------------------------------------- shapes
Text SourcePrinter::broadcast(ir::BroadcastOp op) {
  Type elem = ir::elementOf(op.getType());
  if (ir::rankOf(op.getInput().getType()) == 0) {
    std::optional<double> constant = ir::constantValue(op.getInput());
    if (constant && (*constant == 0 || *constant == 1) && !elem.isInteger(1)) {
      std::string dtype = elem.isF32() ? "" : ", dtype=" + elementName(elem);
      std::string shape = dtype.empty() ? shapeText(op.getType(), op.getSizes()) : tuple(op.getType(), op.getSizes());
      return {(*constant == 0 ? "zeros(" : "ones(") + shape + dtype + ")"};
    }
    return call("full", {tuple(op.getType(), op.getSizes()), expression(op.getInput()).text});
  }
  return call("expand", {broadcastWithin(op).text, tuple(op.getType(), op.getSizes())});
}

std::string SourcePrinter::indices(Value input, ValueRange offsets, Type part, Value like, ValueRange sizes,
                                   ArrayRef<int64_t> steps, ArrayRef<int64_t> dropped) {
  std::string items;
  size_t kept = 0, nextSize = 0;
  for (auto [d, offset] : llvm::enumerate(offsets)) {
    items += items.empty() ? "" : ", ";
    if (llvm::is_contained(dropped, int64_t(d))) {
      items += expression(offset).text;
      continue;
    }
    int64_t size = ir::shapeOf(part)[kept];
    std::string length = !ShapedType::isDynamic(size) ? std::to_string(size)
                         : like                       ? sizeText(like, int64_t(kept))
                                                      : within(expression(sizes[nextSize++]), Level::Primary);
    ++kept;
    std::optional<int64_t> begin = getConstantIntValue(offset);
    int64_t step = steps[d];
    if (begin == 0 && step == 1 && length == sizeText(input, int64_t(d))) {
      items += ":";
      continue;
    }
    std::string from = begin == 0 ? "" : at(offset, Level::Sum), to;
    if (begin && !ShapedType::isDynamic(size))
      to = std::to_string(*begin + (size - 1) * step + 1);
    else if (step == 1)
      to = (begin == 0 ? "" : from + " + ") + length;
    else
      to = (begin == 0 ? "" : from + " + ") + "(" + length + " - 1) * " + std::to_string(step) + " + 1";
    items += from + ":" + to + (step == 1 ? "" : ":" + std::to_string(step));
  }
  StringRef text = items; // what is not said is all
  while (text.consume_back(", :"))
    ;
  return "[" + text.str() + "]";
}

Text SourcePrinter::transpose(ir::TransposeOp op) {
  ArrayRef<int64_t> perm = op.getPerm();
  std::string input = at(op.getInput(), Level::Primary);
  SmallVector<int64_t> moved;
  for (auto [i, from] : llvm::enumerate(perm))
    if (int64_t(i) != from)
      moved.push_back(int64_t(i));
  if (moved.empty())
    return {input};
  if (perm.size() == 2)
    return {input + ".T"};
  if (moved.size() == 2)
    return call("transpose", {input, std::to_string(moved[0]), std::to_string(moved[1])});
  return call("permute", {input, numbers(perm)});
}

// Whether a dimension of size 1 has a size that the text does not show: that of `x[i:i + 1]`, of which the checker only
// knows that it is no more.
bool SourcePrinter::hidesSizeOne(Value value, int64_t dim) const {
  if (ShapedType::isDynamic(ir::shapeOf(value.getType())[dim]))
    return traceDim(value, dim).constant == 1;
  auto slice = peel(value).getDefiningOp<ir::SliceOp>();
  if (!slice)
    return false;
  int64_t from = dim;
  for (int64_t d : slice.getDropped()) // increasing
    from += d <= from;
  return !getConstantIntValue(slice.getOffsets()[from]) || hidesSizeOne(slice.getInput(), from);
}

// A part of a value. `max(x, dim=0)[1]` alone would be taken for a part of a pair.
std::string SourcePrinter::indexed(Value value, StringRef brackets) {
  std::string text = at(value, Level::Primary);
  StringRef start(text);
  bool isPair = (start.starts_with("max(") || start.starts_with("min(")) && (brackets == "[0]" || brackets == "[1]");
  return text + (isPair ? brackets.drop_back().str() + ", ...]" : brackets.str());
}

// `x[:, new]` and `x[:, 0]` for a reshape that only adds or only takes away dimensions of size 1.
std::optional<std::string> SourcePrinter::unitDims(ir::ReshapeOp op) {
  Value input = op.getInput(), longer = op.getResult(), shorter = input;
  bool adds = ir::rankOf(op.getType()) > ir::rankOf(input.getType());
  if (!adds)
    std::swap(longer, shorter);
  int64_t next = 0, rank = ir::rankOf(shorter.getType()), excess = ir::rankOf(longer.getType()) - rank;
  std::string items;
  for (auto [d, size] : llvm::enumerate(ir::shapeOf(longer.getType()))) {
    // Those go first that the checker does not see to be 1.
    bool isHidden = !adds && excess > 0 && hidesSizeOne(longer, int64_t(d));
    bool isKept = !isHidden && next < rank && sameSize(longer, int64_t(d), shorter, next);
    if (!isKept && !isHidden && size != 1)
      return std::nullopt;
    next += isKept;
    excess -= !isKept;
    items += std::string(d ? ", " : "") + (isKept ? ":" : adds ? "new" : "0");
  }
  if (next != rank)
    return std::nullopt;
  StringRef text = items;
  while (!adds && text.consume_back(", :"))
    ;
  return indexed(input, "[" + text.str() + "]");
}

// `v @ m`, where the product is written with the vector as a matrix of one row or column.
std::optional<Text> SourcePrinter::vectorProduct(ir::ReshapeOp op) {
  Value product = peel(op.getInput());
  auto matmul = names_.count(product) ? ir::MatMulOp() : product.getDefiningOp<ir::MatMulOp>();
  if (!matmul || ir::rankOf(op.getType()) != 1 || ir::rankOf(matmul.getType()) != 2)
    return std::nullopt;
  // The vector behind an operand that has size 1 along the dimension that stays.
  auto vectorOf = [&](Value side, bool isRow) -> Value {
    side = peel(side);
    auto reshape = names_.count(side) ? ir::ReshapeOp() : side.getDefiningOp<ir::ReshapeOp>();
    bool fits =
        reshape && ir::rankOf(reshape.getInput().getType()) == 1 && ir::shapeOf(reshape.getType())[isRow ? 0 : 1] == 1;
    return fits ? reshape.getInput() : Value();
  };
  auto matrix = [&](Value side, bool swapped) {
    return swapped ? Text{at(side, Level::Primary) + ".T"} : expression(side);
  };
  if (Value row = vectorOf(matmul.getA(), !matmul.getTransA()))
    return infix(expression(row), "@", matrix(matmul.getB(), matmul.getTransB()), Level::Product);
  if (Value column = vectorOf(matmul.getB(), matmul.getTransB()))
    return infix(matrix(matmul.getA(), matmul.getTransA()), "@", expression(column), Level::Product);
  return std::nullopt;
}

Text SourcePrinter::reshape(ir::ReshapeOp op) {
  int64_t from = ir::rankOf(op.getInput().getType()), to = ir::rankOf(op.getType());
  if (from == 0)
    return to == 0 ? expression(op.getInput())
                   : call("full", {tuple(op.getType(), {}), expression(op.getInput()).text});
  Value input = peel(op.getInput());
  auto reduced = names_.count(input) ? ir::ReduceOp() : input.getDefiningOp<ir::ReduceOp>();
  if (reduced && to == ir::rankOf(reduced.getInput().getType()) && reduced.getDims().size() != size_t(to)) {
    bool keeps = true;
    for (int64_t d = 0; d < to; ++d)
      keeps &= llvm::is_contained(reduced.getDims(), d) ? ir::shapeOf(op.getType())[d] == 1
                                                        : sameSize(op, d, reduced.getInput(), d);
    if (keeps) {
      std::string text = reduce(reduced).text;
      return {text.substr(0, text.size() - 1) + ", keepdim=true)"};
    }
  }
  if (std::optional<Text> product = vectorProduct(op))
    return *product;
  if (std::optional<std::string> text = unitDims(op); text && to != 0)
    return {*text};
  if (to != 0)
    return call("reshape", {expression(op.getInput()).text, tuple(op.getType(), op.getSizes())});
  std::string zeros;
  for (int64_t i = 0; i < from; ++i)
    zeros += i ? ", 0" : "0";
  return {indexed(op.getInput(), "[" + zeros + "]")};
}

Text SourcePrinter::reduce(ir::ReduceOp op) {
  SmallVector<std::string> args{expression(op.getInput()).text};
  if (op.getDims().size() != size_t(ir::rankOf(op.getInput().getType())))
    args.push_back("dim=" + numbers(op.getDims()));
  else if (op.getDims().empty())
    return expression(op.getInput());
  return call(op.getTotal() ? "greatest" : ir::stringifyReduceKind(op.getKind()), args);
}

// Convolutions, pooling and their gradients.
Text SourcePrinter::window(OpResult result) {
  Operation *op = result.getOwner();
  SmallVector<std::string> args;
  auto convolution = [&](auto conv) {
    addPair(args, "stride", conv.getStride(), 1);
    addPair(args, "padding", conv.getPadding(), 0);
    addPair(args, "dilation", conv.getDilation(), 1);
    if (conv.getGroups() != 1)
      args.push_back("groups=" + std::to_string(conv.getGroups()));
  };
  auto flag = [&](StringRef name, bool value, bool fallback) {
    if (value != fallback)
      args.push_back(name.str() + (value ? "=true" : "=false"));
  };
  StringRef name = op->getName().stripDialect();
  if (auto conv = dyn_cast<ir::Conv2dOp>(op)) {
    args = {expression(conv.getX()).text, expression(conv.getW()).text};
    convolution(conv);
  } else if (auto conv = dyn_cast<ir::Conv2dGradInputOp>(op)) {
    args = {expression(conv.getDy()).text, expression(conv.getW()).text, tuple(conv.getType(), conv.getSizes())};
    convolution(conv);
  } else if (auto conv = dyn_cast<ir::Conv2dGradWeightOp>(op)) {
    args = {expression(conv.getDy()).text, expression(conv.getX()).text, tuple(conv.getType(), conv.getSizes())};
    convolution(conv);
  } else if (auto pool = dyn_cast<ir::MaxPool2dOp>(op)) {
    args = {expression(pool.getX()).text, windowSize(pool.getKernel())};
    addPair(args, "stride", pool.getStride(), pool.getKernel());
    addPair(args, "padding", pool.getPadding(), 0);
    addPair(args, "dilation", pool.getDilation(), 1);
    flag("ceil_mode", pool.getCeilMode(), false);
    if (result.getResultNumber() == 1)
      name = "max_pool2d_indices";
  } else if (auto pool = dyn_cast<ir::AvgPool2dOp>(op)) {
    args = {expression(pool.getX()).text, windowSize(pool.getKernel())};
    addPair(args, "stride", pool.getStride(), pool.getKernel());
    addPair(args, "padding", pool.getPadding(), 0);
    flag("count_include_pad", pool.getCountIncludePad(), true);
  } else if (auto pool = dyn_cast<ir::AvgPool2dGradOp>(op)) {
    args = {expression(pool.getDy()).text, tuple(pool.getType(), pool.getSizes()), windowSize(pool.getKernel())};
    addPair(args, "stride", pool.getStride(), pool.getKernel());
    addPair(args, "padding", pool.getPadding(), 0);
    flag("count_include_pad", pool.getCountIncludePad(), true);
  } else if (auto scatter = dyn_cast<ir::PoolScatterOp>(op)) {
    args = {expression(scatter.getDy()).text, expression(scatter.getIndices()).text,
            tuple(scatter.getType(), scatter.getSizes())};
  } else if (auto gather = dyn_cast<ir::PoolGatherOp>(op)) {
    args = {expression(gather.getX()).text, expression(gather.getIndices()).text};
  }
  return call(name, args);
}

// ------------------------------------------------------------------------------------------------------ operations
Text SourcePrinter::buildUpstream(Operation *op) {
  Attribute value;
  if (matchPattern(op, m_Constant(&value))) {
    if (auto dense = dyn_cast<DenseElementsAttr>(value)) {
      if (std::optional<std::string> text = textLiteral(value))
        return {*text};
      if (dense.getType().getNumElements() == 0) { // `[]` would be a list
        Type elem = dense.getElementType();
        std::string shape = tuple(dense.getType(), {});
        return elem.isInteger(1) ? call("full", {shape, "false"})
                                 : call("zeros", {shape, "dtype=" + elementName(elem)});
      }
      if (!dense.isSplat() || dense.getType().getNumElements() < 4)
        return tensorLiteral(dense);
      return call("full", {tuple(dense.getType(), {}), number(dense.getSplatValue<Attribute>(), false).text});
    }
    return number(value, false);
  }
  auto sign = [&](StringRef text, Level level) { return infix(op->getOperand(0), text, op->getOperand(1), level); };
  auto two = [&](StringRef name) {
    return call(name, {expression(op->getOperand(0)).text, expression(op->getOperand(1)).text});
  };
  auto one = [&](StringRef name) { return call(name, {expression(op->getOperand(0)).text}); };
  return llvm::TypeSwitch<Operation *, Text>(op)
      .Case([&](tensor::DimOp dim) { return Text{sizeText(dim.getSource(), *dim.getConstantIndex())}; })
      .Case([&](tensor::EmptyOp empty) {
        Type elem = ir::elementOf(empty.getType());
        if (elem.isInteger(1))
          return call("full", {tuple(empty.getType(), empty.getDynamicSizes()), "false"});
        std::string dtype = elem.isF32() ? "" : ", dtype=" + elementName(elem);
        return Text{"zeros(" + tuple(empty.getType(), empty.getDynamicSizes()) + dtype + ")"};
      })
      .Case<arith::AddIOp, arith::AddFOp>([&](auto) {
        Text other = expression(op->getOperand(1));
        if (other.level == Level::Sign && other.text[0] == '-')
          return infix(expression(op->getOperand(0)), "-", Text{other.text.substr(1), Level::Sign}, Level::Sum);
        return sign("+", Level::Sum);
      })
      .Case<arith::SubIOp, arith::SubFOp>([&](auto) { return sign("-", Level::Sum); })
      .Case<arith::MulIOp, arith::MulFOp>([&](auto) { return sign("*", Level::Product); })
      .Case<arith::DivFOp>([&](auto) { return sign("/", Level::Product); })
      .Case<arith::FloorDivSIOp, arith::DivSIOp, arith::DivUIOp>([&](auto) { return sign("//", Level::Product); })
      .Case<arith::RemSIOp, arith::RemUIOp>([&](auto) { return sign("%", Level::Product); })
      .Case<arith::CeilDivSIOp>([&](auto) {
        Value a = op->getOperand(0), b = op->getOperand(1);
        return Text{"(" + at(a, Level::Sum) + " + " + at(b, Level::Product) + " - 1) // " + at(b, Level::Sign),
                    Level::Product};
      })
      .Case<arith::MaxSIOp, arith::MaximumFOp>([&](auto) { return two("maximum"); })
      .Case<arith::MinSIOp, arith::MinimumFOp>([&](auto) { return two("minimum"); })
      .Case<arith::NegFOp>([&](auto) { return Text{"-" + at(op->getOperand(0), Level::Power), Level::Sign}; })
      .Case<arith::ExtFOp, arith::TruncFOp, arith::SIToFPOp, arith::UIToFPOp, arith::FPToSIOp, arith::ExtUIOp>(
          [&](auto) { return one(elementName(op->getResult(0).getType())); })
      .Case<arith::AndIOp>([&](auto) { return sign("and", Level::And); })
      .Case<arith::OrIOp>([&](auto) { return sign("or", Level::Or); })
      .Case<arith::XOrIOp>([&](auto) {
        if (ir::constantValue(op->getOperand(1)) == 1 || matchPattern(op->getOperand(1), m_One()))
          return Text{"not " + at(op->getOperand(0), Level::Primary), Level::Not};
        return sign("!=", Level::Compare);
      })
      .Case([&](arith::CmpIOp cmp) {
        switch (cmp.getPredicate()) {
        case arith::CmpIPredicate::eq:
          return sign("==", Level::Compare);
        case arith::CmpIPredicate::ne:
          return sign("!=", Level::Compare);
        case arith::CmpIPredicate::slt:
          return sign("<", Level::Compare);
        case arith::CmpIPredicate::sle:
          return sign("<=", Level::Compare);
        case arith::CmpIPredicate::sgt:
          return sign(">", Level::Compare);
        case arith::CmpIPredicate::sge:
          return sign(">=", Level::Compare);
        default:
          break;
        }
        // Unsigned: an index, which may be negative, against a size.
        bool turned =
            cmp.getPredicate() == arith::CmpIPredicate::ugt || cmp.getPredicate() == arith::CmpIPredicate::ule;
        bool inside =
            cmp.getPredicate() == arith::CmpIPredicate::ult || cmp.getPredicate() == arith::CmpIPredicate::ugt;
        std::string index = at(op->getOperand(turned), Level::Sum), size = at(op->getOperand(!turned), Level::Sum);
        return inside ? Text{"0 <= " + index + " and " + index + " < " + size, Level::And}
                      : Text{index + " < 0 or " + index + " >= " + size, Level::Or};
      })
      .Case([&](arith::SelectOp select) {
        bool text = isText(select);
        return Text{"if " + expression(select.getCondition()).text + " { " + as(text, select.getTrueValue()).text +
                        " } else { " + as(text, select.getFalseValue()).text + " }",
                    Level::Branch};
      })
      .Default([&](Operation *) {
        unprintable(op);
        return Text{"?"};
      });
}

Text SourcePrinter::build(OpResult result) {
  Operation *op = result.getOwner();
  if (op->getName().getDialectNamespace() != ir::DlDialect::getDialectNamespace())
    return buildUpstream(op);
  return llvm::TypeSwitch<Operation *, Text>(op)
      .Case([&](ir::BroadcastOp o) { return broadcast(o); })
      .Case([&](ir::IotaOp o) {
        Type elem = ir::elementOf(o.getType());
        return Text{"arange(" + shapeText(o.getType(), o.getSizes()) + ")" +
                    (elem.isInteger(64) ? "" : ".to(" + elementName(elem) + ")")};
      })
      .Case([&](ir::ReshapeOp o) { return reshape(o); })
      .Case([&](ir::TransposeOp o) { return transpose(o); })
      .Case([&](ir::ReverseOp o) { return call("flip", {expression(o.getInput()).text, numbers(o.getDims())}); })
      .Case([&](ir::ConcatOp o) {
        return call("cat", {"(" + list(o.getInputs()) + (o.getInputs().size() == 1 ? ",)" : ")"),
                            "dim=" + std::to_string(o.getDim())});
      })
      .Case([&](ir::SliceOp o) {
        return Text{indexed(o.getInput(), indices(o.getInput(), o.getOffsets(), o.getType(), Value(), o.getSizes(),
                                                  o.getSteps(), o.getDropped()))};
      })
      .Case([&](ir::GatherOp o) {
        return Text{at(o.getInput(), Level::Primary) + "[" + expression(o.getIndices()).text + "]"};
      })
      .Case([&](ir::ScatterAddOp o) { return call("index_add", {list({o.getInput(), o.getIndices(), o.getValue()})}); })
      .Case([&](ir::TakeAlongOp o) {
        return call("gather",
                    {expression(o.getInput()).text, std::to_string(o.getDim()), expression(o.getIndices()).text});
      })
      .Case([&](ir::PutAlongAddOp o) {
        return call("scatter_add", {expression(o.getInput()).text, std::to_string(o.getDim()),
                                    expression(o.getIndices()).text, expression(o.getValue()).text});
      })
      .Case([&](ir::ReduceOp o) { return reduce(o); })
      .Case([&](ir::ArgReduceOp o) {
        return call(o.getKind() == ir::ReduceKind::max ? "argmax" : "argmin",
                    {expression(o.getInput()).text, "dim=" + std::to_string(o.getDim())});
      })
      .Case([&](ir::CumsumOp o) {
        return call("cumsum", {expression(o.getInput()).text, "dim=" + std::to_string(o.getDim()),
                               std::string("reverse=") + (o.getReverse() ? "true" : "false")});
      })
      .Case([&](ir::ArgsortOp o) {
        return call("argsort", {expression(o.getInput()).text, "dim=" + std::to_string(o.getDim()),
                                std::string("descending=") + (o.getDescending() ? "true" : "false")});
      })
      .Case([&](ir::SearchsortedOp o) {
        return call("searchsorted", {expression(o.getSorted()).text, expression(o.getValues()).text,
                                     std::string("right=") + (o.getRight() ? "true" : "false")});
      })
      .Case([&](ir::MatMulOp o) {
        auto side = [&](Value v, bool swapped) -> Text {
          if (!swapped)
            return expression(v);
          int64_t rank = ir::rankOf(v.getType());
          return rank == 2
                     ? Text{at(v, Level::Primary) + ".T"}
                     : call("transpose", {expression(v).text, std::to_string(rank - 2), std::to_string(rank - 1)});
        };
        return infix(side(o.getA(), o.getTransA()), "@", side(o.getB(), o.getTransB()), Level::Product);
      })
      .Case<ir::Conv2dOp, ir::Conv2dGradInputOp, ir::Conv2dGradWeightOp, ir::MaxPool2dOp, ir::AvgPool2dOp,
            ir::AvgPool2dGradOp, ir::PoolScatterOp, ir::PoolGatherOp>([&](auto) { return window(result); })
      .Case([&](ir::ExternOp o) { return runtimeCall(op, o.getCallee(), o.getInputs(), op->getResults()); })
      .Case([&](ir::LeafOp o) { return expression(o.getInput()); })
      .Case([&](ir::StopGradOp o) { return call("stop_grad", {expression(o.getInput()).text}); })
      .Default([&](Operation *) {
        if (op->getName().stripDialect().empty() || op->getNumResults() != 1 || op->getNumOperands() == 0 ||
            isa<ir::UpdateSliceOp, ir::AddSliceOp, ir::KernelOp, ir::VjpOp, ir::JvpOp>(op)) {
          unprintable(op);
          return Text{"?"};
        }
        return elementwise(op);
      });
}

} // namespace dl::autodiff
