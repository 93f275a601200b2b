#include "compiler/autodiff/source_printer.h"

#include "compiler/autodiff/dims.h"
#include "compiler/autodiff/info.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace dl::autodiff {

void SourcePrinter::line(const std::string &text) {
  std::string indent(2 * depth_, ' ');
  bool isAtEnd = trailing_.size() == 1;
  if (!isAtEnd)
    above_.insert(above_.end(), trailing_.begin(), trailing_.end());
  for (const std::string &comment : above_)
    lines_.push_back(indent + comment);
  lines_.push_back(indent + text + (isAtEnd ? " " + trailing_[0] : ""));
  above_.clear();
  trailing_.clear();
}

void SourcePrinter::noteComments(Operation *op) {
  // Numbers and sizes are written wherever they are needed, and what is kept is made before its line is reached.
  if (!commentsAt_ || matchPattern(op, m_Constant()) || isa<tensor::EmptyOp, ir::BroadcastOp>(op) ||
      (op->getNumResults() == 1 && op->getResult(0).getType().isIndex()))
    return;
  Comments comments = commentsAt_(op->getLoc());
  if (comments.place.empty() || !said_.insert(comments.place).second)
    return;
  above_.insert(above_.end(), comments.above.begin(), comments.above.end());
  if (!comments.trailing.empty())
    trailing_.push_back(comments.trailing);
}

std::string SourcePrinter::functionName(StringRef symbol) const {
  auto it = functionNames_.find(symbol);
  std::string name;
  for (char c : it == functionNames_.end() ? symbol : StringRef(it->second))
    name += isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || (c & 0x80) ? c : '_';
  return name;
}

void SourcePrinter::unprintable(Operation *op, StringRef what) {
  if (!failed_)
    emitError(op->getLoc()) << "`" << (what.empty() ? op->getName().getStringRef() : what)
                            << "` cannot be written in dl";
  failed_ = true;
}

// ------------------------------------------------------------------------------------------------------ functions
std::string typeText(Type type, StringAttr written) {
  if (written)
    return written.str();
  std::string dims;
  for (int64_t size : ir::shapeOf(type))
    dims += (dims.empty() ? "" : ", ") + (ShapedType::isDynamic(size) ? "_" : std::to_string(size));
  return elementName(ir::elementOf(type)) + (dims.empty() ? "" : "[" + dims + "]");
}

std::string SourcePrinter::signature() {
  std::string results;
  SmallVector<std::string> params;
  for (auto [i, arg] : llvm::enumerate(function_.getArguments()))
    params.push_back(names_[arg] + ": " +
                     typeText(arg.getType(), function_.getArgAttrOfType<StringAttr>(i, "dl.type")));
  // A result type with an unknown size is left to the checker, which must be told that of a recursion.
  bool isRecursive =
      function_
          .walk([&](func::CallOp call) {
            return call.getCallee() == function_.getName() ? WalkResult::interrupt() : WalkResult::advance();
          })
          .wasInterrupted();
  bool known = true;
  for (auto [i, type] : llvm::enumerate(function_.getResultTypes())) {
    auto written = function_.getResultAttrOfType<StringAttr>(i, "dl.type");
    auto tensor = dyn_cast<RankedTensorType>(type);
    known &= written || !tensor || tensor.hasStaticShape() || isRecursive;
    results += (results.empty() ? "" : ", ") + typeText(type, written);
  }
  if (function_.getNumResults() != 1)
    results = "(" + results + ")";
  std::string name = functionName(function_.getName());
  std::string inLine = llvm::join(params, ", ");
  if (inLine.size() > 90)
    inLine = "\n  " + llvm::join(params, ",\n  ") + "\n";
  return "fn " + name + "(" + inLine + ")" + (known && function_.getNumResults() ? " -> " + results : "") + " {";
}

void SourcePrinter::wish(Value value, const std::string &name) {
  value = peel(value);
  if (names_.count(value) || !wishes_.try_emplace(value, name).second)
    return;
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<ir::UpdateSliceOp, ir::AddSliceOp, ir::ScatterAddOp, ir::PutAlongAddOp>(op))
    wish(op->getOperand(0), name);
  if (auto sum = dyn_cast_or_null<ir::AddOp>(op)) {
    wish(sum.getX(), name);
    wish(sum.getY(), name);
  }
}

FailureOr<std::string> SourcePrinter::print() {
  Block &body = function_.getBody().front();
  Operation *end = body.getTerminator();
  // The gradients are the last results; the gradient of x is called dx.
  if (auto wrt = function_->getAttrOfType<DenseI64ArrayAttr>("dl.wrt")) {
    size_t first = end->getNumOperands() - wrt.size();
    for (auto [k, i] : llvm::enumerate(wrt.asArrayRef()))
      wish(end->getOperand(first + k), "d" + names_[function_.getArgument(i)]);
  }
  Operation *last = end->getPrevNode();
  auto lastBranch = dyn_cast_or_null<scf::IfOp>(last);
  // What a declared function gives may be tuples in tuples.
  auto lastCall = dyn_cast_or_null<func::CallOp>(last);
  bool isFlat = !lastCall || !isCalledByName(module_.lookupSymbol<func::FuncOp>(lastCall.getCallee()));
  if (isa_and_nonnull<scf::IfOp, func::CallOp>(last) && last->getNumResults() && isFlat &&
      llvm::equal(last->getResults(), end->getOperands()) && !(lastBranch && sizesDiffer(lastBranch)) &&
      llvm::all_of(last->getResults(),
                   [&](OpResult r) { return isText(r) == isTextResult(function_, r.getResultNumber()); }))
    tail_ = last;
  if (failed(block(body)))
    return failure();
  if (tail_)
    return failed_ ? FailureOr<std::string>(failure()) : signature() + "\n" + llvm::join(lines_, "\n") + "\n}\n";
  SmallVector<std::string> results;
  for (auto [i, value] : llvm::enumerate(end->getOperands()))
    results.push_back(as(isTextResult(function_, i), value).text);
  std::string values = llvm::join(results, ", ");
  constexpr size_t longestLine = 96;
  if (results.size() == 1) {
    line(values);
  } else if (values.size() <= longestLine && !results.empty()) {
    line("(" + values + ")");
  } else if (!results.empty()) { // one to a line
    line("(");
    for (auto [i, result] : llvm::enumerate(results))
      line("  " + result + (i + 1 == results.size() ? "" : ","));
    line(")");
  }
  if (failed_)
    return failure();
  return signature() + "\n" + llvm::join(lines_, "\n") + "\n}\n";
}

// ----------------------------------------------------------------------------------------------------- statements
LogicalResult SourcePrinter::block(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(statement(&op)) || failed_)
      return failure();
  return success();
}

// The text with its {i} replaced.
static std::string filled(StringRef text, ArrayRef<std::string> values) {
  std::string result;
  while (!text.empty()) {
    unsigned index;
    auto [number, rest] = text.drop_front().split('}');
    if (text[0] == '{' && !number.getAsInteger(10, index) && index < values.size()) {
      result += values[index];
      text = rest;
    } else {
      result += text[0];
      text = text.drop_front();
    }
  }
  return result;
}

void SourcePrinter::let(ValueRange results, const std::string &value, StringRef pattern) {
  SmallVector<std::string> names;
  for (Value result : results) {
    name(result, unique(wishFor(result)));
    names.push_back(names_[result]);
  }
  std::string flat = results.size() == 1 ? names[0] : "(" + llvm::join(names, ", ") + ")";
  line(results.empty() ? value : "let " + (pattern.empty() ? flat : filled(pattern, names)) + " = " + value);
}

LogicalResult SourcePrinter::functionCall(func::CallOp op) {
  SmallVector<std::string> operands;
  auto callee = module_.lookupSymbol<func::FuncOp>(op.getCallee());
  for (auto [i, operand] : llvm::enumerate(op.getOperands()))
    operands.push_back(as(isTextArgument(callee, i), operand).text);
  std::string arguments = llvm::join(operands, ", ");
  StringRef pattern;
  if (isCalledByName(callee)) {
    auto written = callee->getAttrOfType<StringAttr>("dl.arguments"),
         taken = callee->getAttrOfType<StringAttr>("dl.pattern");
    if (!written || !taken) {
      if (!failed_)
        emitError(op.getLoc())
            << "a call of `" << declaredName(callee)
            << "` cannot be written in dl: it takes or gives more than numbers, tensors, and tuples and lists of "
               "them, or depends on captured values";
      failed_ = true;
      return failure();
    }
    arguments = filled(written.getValue(), operands);
    pattern = taken.getValue();
  }
  std::string text = call(functionName(op.getCallee()), {arguments}).text;
  if (op == tail_)
    line(text);
  else
    let(op->getResults(), text, pattern);
  return success();
}

template <typename Op> void SourcePrinter::store(Op op, StringRef sign) {
  Value input = op.getInput(), result = op.getResult();
  std::string value = expression(op.getValue()).text;
  std::string place =
      indices(input, op.getOffsets(), op.getValue().getType(), op.getValue(), {}, op.getSteps(), op.getDropped());
  std::string target;
  if (overwrites(op, input)) {
    target = names_[input];
  } else {
    std::string whole = expression(input).text;
    target = unique(wishFor(result));
    line("var " + target + " = " + whole);
  }
  name(result, target);
  variables_.insert(result);
  line(target + place + " " + sign.str() + " " + value);
}

LogicalResult SourcePrinter::statement(Operation *op) {
  noteComments(op);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return this->branch(branch, op == tail_);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return counted(loop);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return repeated(loop);
  if (isa<ir::PollOp>(op)) // loops of dl poll by themselves
    return success();
  if (auto assertion = dyn_cast<ir::AssertOp>(op)) {
    check(assertion);
    return success();
  }
  if (auto store = dyn_cast<ir::UpdateSliceOp>(op)) {
    this->store(store, "=");
    return success();
  }
  if (auto store = dyn_cast<ir::AddSliceOp>(op)) {
    this->store(store, "+=");
    return success();
  }
  if (op->use_empty() && isMemoryEffectFree(op))
    return success();
  if (auto function = dyn_cast<func::CallOp>(op))
    return functionCall(function);
  if (auto function = dyn_cast<ir::ExternOp>(op); function && !isDeferred(op)) {
    let(op->getResults(), runtimeCall(op, function.getCallee(), function.getInputs(), op->getResults()).text);
    return success();
  }
  if (auto kernel = dyn_cast<ir::KernelOp>(op)) {
    let(op->getResults(), runtimeCall(op, kernel.getCallee(), kernel.getInputs(), kernel.getDests()).text);
    return success();
  }
  constexpr size_t longest = 72; // of an expression inside another
  if (isDeferred(op) && (isInline(op) || op->getNumResults() != 1 || build(op->getResult(0)).text.size() <= longest))
    return success();
  for (OpResult result : op->getResults())
    if (!result.use_empty())
      let(ValueRange(result), build(result).text);
  return success();
}

void SourcePrinter::check(ir::AssertOp op) {
  std::string text;
  StringRef message = op.getMessage();
  while (!message.empty()) {
    unsigned index;
    size_t close = message.find('}');
    if (message[0] == '{' && close != StringRef::npos && !message.substr(1, close - 1).getAsInteger(10, index) &&
        index < op.getValues().size()) {
      text += "{" + own(op.getValues()[index]).text + "}";
      message = message.drop_front(close + 1);
      continue;
    }
    if (message[0] == '"' || message[0] == '\\' || message[0] == '{' || message[0] == '}')
      text += '\\';
    text += message[0];
    message = message.drop_front();
  }
  line("assert " + expression(op.getCondition()).text + ", \"" + text + "\"");
}

} // namespace dl::autodiff
