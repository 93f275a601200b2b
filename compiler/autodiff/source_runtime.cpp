// Functions of the runtime as the library names them, and texts. A text is a tensor of bytes in the dialect: what the
// runtime makes as one, and what only chooses among texts, is written as a str, everything else as a tensor.
#include "compiler/autodiff/source_printer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/JSON.h"

using namespace mlir;

namespace dl::autodiff {

// ---------------------------------------------------------------------------------------------------------- texts
static bool isBytes(Type type) { return ir::rankOf(type) == 1 && ir::elementOf(type).isInteger(8); }

static bool isStr(Attribute declared) {
  auto type = dyn_cast_or_null<StringAttr>(declared);
  return type && type.getValue() == "str";
}

std::optional<std::string> textLiteral(Attribute value) {
  auto dense = dyn_cast_or_null<DenseElementsAttr>(value);
  if (!dense || !isBytes(dense.getType()))
    return std::nullopt;
  std::string plain, text = "\"";
  for (const APInt &byte : dense.getValues<APInt>()) {
    char c = char(byte.getZExtValue());
    bool shows = (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) || c == '\n' || c == '\t';
    if (!shows)
      return std::nullopt;
    plain += c;
    if (c == '"' || c == '\\' || c == '{' || c == '}')
      text += '\\';
    text += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  }
  return llvm::json::isUTF8(plain) ? std::optional(text + "\"") : std::nullopt;
}

namespace {

// Values that are texts unless one of those they come from is not.
class Texts {
public:
  Texts(ModuleOp module, llvm::function_ref<Value(Value)> peel) : module_(module), peel_(peel) {}

  bool of(Value value) {
    value = peel_(value);
    if (!seen_.insert(value).second)
      return true;
    if (auto arg = dyn_cast<BlockArgument>(value))
      return ofArgument(arg);
    auto result = cast<OpResult>(value);
    unsigned i = result.getResultNumber();
    return llvm::TypeSwitch<Operation *, bool>(result.getOwner())
        .Case([&](scf::ForOp loop) { return both(loop.getInitArgs()[i], loop.getYieldedValues()[i]); })
        .Case([&](scf::WhileOp loop) { return of(loop.getConditionOp().getArgs()[i]); })
        .Case(
            [&](scf::IfOp branch) { return both(branch.thenYield().getOperand(i), branch.elseYield().getOperand(i)); })
        .Case([&](arith::SelectOp select) { return both(select.getTrueValue(), select.getFalseValue()); })
        .Case([&](func::CallOp call) {
          auto callee = module_.lookupSymbol<func::FuncOp>(call.getCallee());
          return callee && isStr(callee.getResultAttr(i, "dl.type"));
        })
        .Case([&](ir::ExternOp call) {
          // Others give the bytes of a list's texts, with their ends.
          return call.getCallee() != "dl_rt_str_bytes" && call->getNumResults() == 1;
        })
        .Case([&](tensor::EmptyOp empty) { return true; }) // a placeholder
        .Default([&](Operation *op) {
          Attribute constant;
          return matchPattern(op, m_Constant(&constant)) && textLiteral(constant);
        });
  }

private:
  bool both(Value a, Value b) { return of(a) && of(b); }

  bool ofArgument(BlockArgument arg) {
    unsigned i = arg.getArgNumber();
    Operation *parent = arg.getOwner()->getParentOp();
    if (auto function = dyn_cast<func::FuncOp>(parent))
      return isStr(function.getArgAttr(i, "dl.type"));
    if (auto loop = dyn_cast<scf::ForOp>(parent))
      return i > 0 && both(loop.getInitArgs()[i - 1], loop.getYieldedValues()[i - 1]);
    auto loop = dyn_cast<scf::WhileOp>(parent);
    if (!loop)
      return false;
    return arg.getOwner() == loop.getAfterBody() ? of(loop.getConditionOp().getArgs()[i])
                                                 : both(loop.getInits()[i], loop.getYieldOp().getResults()[i]);
  }

  ModuleOp module_;
  llvm::function_ref<Value(Value)> peel_;
  llvm::SmallDenseSet<Value> seen_;
};

} // namespace

bool SourcePrinter::isText(Value value) const {
  return isBytes(value.getType()) && !peel(value).getDefiningOp<tensor::EmptyOp>() &&
         Texts(module_, [&](Value v) { return peel(v); }).of(value);
}

bool SourcePrinter::isTextArgument(func::FuncOp callee, unsigned i) {
  return callee && isStr(callee.getArgAttr(i, "dl.type"));
}
bool SourcePrinter::isTextResult(func::FuncOp callee, unsigned i) {
  return callee && isStr(callee.getResultAttr(i, "dl.type"));
}

Text SourcePrinter::as(bool text, Value value) {
  if (!isBytes(value.getType()) || isText(value) == text)
    return own(value);
  if (peel(value).getDefiningOp<tensor::EmptyOp>())
    return {"\"\""};
  Text given = own(value);
  if (given.level < Level::Primary)
    given.text = "(" + given.text + ")";
  return {given.text + (text ? ".decode()" : ".encode()")};
}

std::string SourcePrinter::as(bool text, Value value, Level minimum) {
  Text given = as(text, value);
  return given.level < minimum ? "(" + given.text + ")" : given.text;
}

// `"{a}{b}"`: a string put together.
std::string SourcePrinter::interpolation(ValueRange parts) {
  std::string text;
  for (Value part : parts) {
    std::string each = as(true, part).text;
    bool isLiteral = each.size() > 1 && each.front() == '"' && each.back() == '"';
    text += isLiteral ? each.substr(1, each.size() - 2) : "{" + each + "}";
  }
  return "\"" + text + "\"";
}

// ------------------------------------------------------------------------------------------------------ functions
// What the library calls a function of the runtime.
static StringRef runtimeName(StringRef callee) {
  callee.consume_front("dl_rt_");
  return llvm::StringSwitch<StringRef>(callee)
      .Case("rng_get", "get_rng_state")
      .Case("rng_set", "set_rng_state")
      .Default(callee);
}

// A function of one text at least, as its method; nothing for others.
std::optional<Text> SourcePrinter::textCall(StringRef name, ValueRange inputs) {
  auto number = [&](unsigned i) { return ir::constantValue(inputs[i]); };
  auto method = [&](StringRef method, unsigned count) {
    Text text{as(true, inputs[0], Level::Primary) + "." + method.str() + "("};
    for (unsigned i = 1; i < count; ++i)
      text.text += (i == 1 ? "" : ", ") + as(true, inputs[i]).text;
    text.text += ")";
    return text;
  };
  // One of several methods, by the number that is passed.
  auto chosen = [&](unsigned i, ArrayRef<StringRef> methods, unsigned count) -> std::optional<Text> {
    std::optional<double> which = number(i);
    if (!which || *which < 0 || *which >= double(methods.size()))
      return std::nullopt;
    return method(methods[size_t(*which)], count);
  };
  if (name == "concat_str")
    return Text{interpolation(inputs)};
  if (name == "format" || name == "format_str") {
    std::string spec = inputs.size() > 1 ? as(true, inputs[1]).text : "\"\"";
    spec = spec.substr(1, spec.size() - 2);
    return Text{"\"{" + as(true, inputs[0]).text + (spec.empty() ? "" : ":" + spec) + "}\""};
  }
  if (name == "str_eq")
    return Text{as(true, inputs[0], Level::Sum) + " == " + as(true, inputs[1], Level::Sum), Level::Compare};
  if (name == "str_compare") {
    std::string a = as(true, inputs[0], Level::Sum), b = as(true, inputs[1], Level::Sum);
    return Text{"i64(" + a + " > " + b + ") - i64(" + a + " < " + b + ")", Level::Sum};
  }
  if (name == "str_repeat")
    return Text{as(true, inputs[0], Level::Product) + " * " + at(inputs[1], Level::Sign), Level::Product};
  if (name == "str_at")
    return Text{as(true, inputs[0], Level::Primary) + "[" + expression(inputs[1]).text + "]"};
  if (name == "str_slice") {
    std::optional<double> ends = number(4);
    if (!ends)
      return std::nullopt;
    std::string text = as(true, inputs[0], Level::Primary) + "[";
    text += int(*ends) & 1 ? expression(inputs[1]).text : "";
    text += ":";
    text += int(*ends) & 2 ? expression(inputs[2]).text : "";
    return Text{text + (number(3) == 1 ? "]" : ":" + expression(inputs[3]).text + "]")};
  }
  if (name == "str_find")
    return chosen(3, {"find", "rfind"}, number(3) == 1 ? 2 : 3);
  if (name == "str_has_end")
    return chosen(2, {"startswith", "endswith"}, 2);
  if (name == "str_strip")
    return chosen(2, {"", "lstrip", "rstrip", "strip"}, 2);
  if (name == "str_case")
    return chosen(1, {"lower", "upper", "capitalize", "title"}, 1);
  if (name == "str_is")
    return chosen(1, {"isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower"}, 1);
  if (name == "str_from_bytes")
    return as(true, inputs[0]);
  if (name == "str_join")
    return Text{as(true, inputs[0], Level::Primary) + ".join(pack_texts(" + list(inputs.drop_front()) + "))"};
  auto all = unsigned(inputs.size());
  StringRef named = llvm::StringSwitch<StringRef>(name)
                        .Case("str_count", "count")
                        .Case("str_quoted", "repr")
                        .Case("str_replace", "replace")
                        .Case("str_codes", "codes")
                        .Case("str_bytes", "encode")
                        .Default("");
  // The runtime gives the bytes of all and their ends.
  if (name == "str_split" || name == "str_lines")
    if (std::optional<Text> parts = name == "str_lines" ? method("lines", 1) : chosen(3, {"split", "rsplit"}, 3))
      return call("unpack_texts", {parts->text});
  if (!named.empty())
    return method(named, all);
  named = llvm::StringSwitch<StringRef>(name)
              .Case("str_len", "len")
              .Case("str_from_codes", "from_codes")
              .Cases("chr", "ord", name)
              .Case("parse_int", "i64")
              .Case("parse_float", "f64")
              .Default("");
  return named.empty() ? std::nullopt : std::optional(call(named, {as(true, inputs[0]).text}));
}

Text SourcePrinter::runtimeCall(Operation *op, StringRef callee, ValueRange inputs, ValueRange made) {
  StringRef name = runtimeName(callee);
  if (std::optional<Text> text = textCall(name, inputs))
    return *text;
  if (name == "nonzero") { // the library's function of that name gives a column
    bool isVector = ir::rankOf(inputs[0].getType()) == 1;
    std::string mask = at(inputs[0], Level::Primary);
    return {isVector ? "arange(" + sizeText(inputs[0], 0) + ")[" + expression(inputs[0]).text + "]"
                     : "arange(" + mask + ".numel())[" + mask + ".flatten()]"};
  }
  SmallVector<std::string> args;
  bool isUniform = llvm::StringSwitch<bool>(name) // of no arguments but shape and type
                       .Cases("rand", "randn", "standard_exponential", "standard_laplace", "standard_cauchy", true)
                       .Default(false);
  if (!isUniform)
    for (Value input : inputs)
      args.push_back(as(true, input).text);
  if (name == "multinomial") // the runtime takes the number last
    args = {args[0], args[2], "replacement=" + args[1]};
  if (isUniform || name == "randint") {
    for (int64_t d = 0, rank = ir::rankOf(made.front().getType()); d < rank; ++d)
      args.push_back(sizeText(made.front(), d));
    Type elem = ir::elementOf(made.front().getType());
    if (isUniform && !elem.isF32())
      args.push_back("dtype=" + elementName(elem));
  }
  // Others have names and arguments in the library that are not the runtime's.
  bool isKnown = llvm::StringSwitch<bool>(name)
                     .Cases("get_rng_state", "set_rng_state", "seed", "rand", "randn", "randint", "randperm", true)
                     .Case("ragged_rows", true)
                     .Cases("print", "error", "time", "sleep", "date", "env", true)
                     .Cases("read_text", "write_text", "append_text", "file_exists", "is_folder", true)
                     .Default(false);
  bool isOfModule = llvm::StringSwitch<bool>(name)
                        .Cases("standard_exponential", "standard_laplace", "standard_cauchy", "standard_gamma", true)
                        .Cases("gamma_sample_gradient", "bernoulli", "poisson", "binomial", "multinomial", true)
                        .Default(false);
  if (!isKnown && !isOfModule)
    unprintable(op, callee);
  if (!isOfModule)
    return call(name, args);
  imports_.insert("random");
  return call(("random." + name).str(), args);
}

} // namespace dl::autodiff
