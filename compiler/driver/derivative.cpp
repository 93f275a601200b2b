#include "compiler/driver/derivative.h"

#include "compiler/driver/mlir_errors.h"
#include "compiler/driver/source_comments.h"

#include "compiler/autodiff/print_source.h"
#include "compiler/irgen/spans.h"
#include "compiler/syntax/parse.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

namespace dl::driver {
namespace {

constexpr const char *kDifferentiable =
    "floating-point numbers and tensors can, and of modules the params that are trained";

// The flat arguments of a function by the names of the parameters and their parts.
class Parameters {
public:
  explicit Parameters(mlir::func::FuncOp function) {
    if (auto declared = function->getAttrOfType<mlir::ArrayAttr>("dl.parameters"))
      for (auto name : declared.getAsRange<mlir::StringAttr>())
        names.push_back(name.str());
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto attribute = function.getArgAttrOfType<mlir::StringAttr>(i, "dl.name");
      paths.push_back(attribute ? attribute.str() : std::to_string(i));
      differentiable.push_back(llvm::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(function.getArgumentTypes()[i])) &&
                               !function.getArgAttr(i, "dl.state"));
    }
  }

  // `0`: the name of the parameter with that number; all else as it is.
  std::string named(const std::string &wrt) const {
    unsigned number;
    bool isNumber = !llvm::StringRef(wrt).getAsInteger(10, number);
    return isNumber && number < names.size() ? names[number] : wrt;
  }

  bool isDeclared(const std::string &name) const { return llvm::is_contained(names, name); }

  // The arguments that belong to a parameter or a part of one.
  std::vector<int64_t> partsOf(const std::string &path) const {
    std::vector<int64_t> parts;
    for (size_t i = 0; i < paths.size(); ++i)
      if (paths[i] == path || paths[i].starts_with(path + "."))
        parts.push_back(static_cast<int64_t>(i));
    return parts;
  }

  bool isDifferentiable(int64_t i) const { return differentiable[i]; }

  std::optional<std::string> firstDifferentiable() const {
    for (const std::string &name : names)
      for (int64_t i : partsOf(name))
        if (isDifferentiable(i))
          return name;
    return std::nullopt;
  }

  // What may stand after the prefix: the names of all parameters, or of the parts that can be differentiated by.
  std::vector<std::string> namesAfter(const std::string &prefix) const {
    llvm::SetVector<llvm::StringRef> found;
    if (prefix.empty())
      return names;
    for (int64_t i : partsOf(prefix))
      if (isDifferentiable(i) && paths[i].size() > prefix.size())
        found.insert(llvm::StringRef(paths[i]).drop_front(prefix.size() + 1).split('.').first);
    std::vector<std::string> texts;
    for (llvm::StringRef name : found)
      texts.push_back(name.str());
    return texts;
  }

private:
  std::vector<std::string> paths, names; // of the arguments, of the declared parameters
  std::vector<bool> differentiable;      // the arguments
};

std::string listOf(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "`" : ", `") + name + "`";
  return text;
}

// The flat arguments that a wish for `path` means. An error when there are none.
std::vector<int64_t> resolve(const Parameters &parameters, const std::string &path, const std::string &function,
                             Span place, Diagnostics &diagnostics) {
  // The first step that leads nowhere.
  for (size_t end = path.find('.');; end = path.find('.', end + 1)) {
    std::string upTo = path.substr(0, end);
    if (parameters.partsOf(upTo).empty() && !parameters.isDeclared(upTo)) {
      size_t dot = upTo.rfind('.');
      bool isPart = dot != std::string::npos;
      std::string owner = isPart ? upTo.substr(0, dot) : "", name = isPart ? upTo.substr(dot + 1) : upTo;
      std::vector<std::string> names = parameters.namesAfter(owner);
      Diagnostic &error = diagnostics.error(Code::BadGradient, place,
                                            "`" + (isPart ? owner : function) + "` has no " +
                                                (isPart ? "part" : "parameter") + " `" + name + "`");
      if (std::string near = didYouMean(name, names); !near.empty())
        error.withHelp("did you mean `" + near + "`?");
      else if (!names.empty())
        error.withHelp("there " + std::string(names.size() == 1 ? "is " : "are ") + listOf(names) +
                       (isPart ? "" : ", which may also be called by their numbers from 0"));
      return {};
    }
    if (end == std::string::npos)
      break;
  }
  std::vector<int64_t> flat;
  for (int64_t i : parameters.partsOf(path))
    if (parameters.isDifferentiable(i))
      flat.push_back(i);
  if (flat.empty())
    diagnostics.error(Code::BadGradient, place, "`" + path + "` holds nothing that can be differentiated by")
        .withHelp(kDifferentiable);
  return flat;
}

// As `dl fmt` lays it out.
std::optional<std::string> laidOut(const std::string &text, Diagnostics &diagnostics) {
  SourceManager sources;
  Diagnostics own(sources);
  ast::AstContext asts;
  ast::File file = parse(sources.add("derivative.dl", text), sources, asts, own);
  if (!own.hasErrors())
    return format(file, sources);
  Diagnostic &error = diagnostics.error(Code::InternalError, {}, "the printed derivative is no dl program");
  for (const Diagnostic &each : own.all())
    error.note(render(each, sources, false));
  return std::nullopt;
}

// The doc comment above a derivative.
std::string describe(const DerivativeWish &wish, const std::vector<std::string> &wrt) {
  std::string text = "## `" + wish.function + "` and its derivative with respect to " + listOf(wrt);
  if (wish.order > 1)
    text += ", of order " + std::to_string(wish.order);
  return text + (wish.forward ? ", along given directions (forward mode).\n" : ".\n");
}

// Of a function that is there.
std::optional<std::string> print(Lowering &lowering, const DerivativeWish &wish, Diagnostics &diagnostics,
                                 SourceComments &comments) {
  const SourceManager &sources = diagnostics.sources();
  const std::string &name = wish.function;
  mlir::func::FuncOp function = lowering.functionNamed(name);
  mlir::ModuleOp module = lowering.module();
  Parameters parameters(function);
  std::vector<std::string> wrt;
  llvm::SetVector<int64_t> flat;
  Span place = irgen::spanOf(function.getLoc(), sources);
  for (const std::string &each : wish.wrt)
    wrt.push_back(parameters.named(each));
  if (wrt.empty()) {
    std::optional<std::string> first = parameters.firstDifferentiable();
    if (!first) {
      diagnostics.error(Code::BadGradient, place, "`" + name + "` has no parameter that can be differentiated by")
          .withHelp(kDifferentiable);
      return std::nullopt;
    }
    wrt.push_back(*first);
  }
  for (const std::string &each : wrt) {
    std::vector<int64_t> parts = resolve(parameters, each, name, place, diagnostics);
    if (parts.empty())
      return std::nullopt;
    flat.insert(parts.begin(), parts.end());
  }
  // The derivative is named after the function: that one gets its name to itself.
  mlir::SymbolTable symbols(module);
  if (function.getName() != name) {
    if (mlir::Operation *other = symbols.lookup(name))
      (void)symbols.rename(other, name + "$other");
    (void)symbols.rename(function, name);
  }
  MlirErrors errors(module.getContext(), diagnostics, Code::NotDifferentiable);
  // Of a derivative, everything that it gives is differentiated by the same parameters again.
  mlir::FailureOr<mlir::func::FuncOp> derivative = function;
  for (int i = 0; i < wish.order && mlir::succeeded(derivative); ++i)
    derivative = autodiff::makeGradient(module, derivative->getName(), flat.getArrayRef(), wish.forward);
  if (mlir::succeeded(derivative)) {
    mlir::FailureOr<std::string> text = autodiff::printSource(
        *derivative, [&](mlir::Location location) { return comments.at(userSpan(location, sources)); },
        describe(wish, wrt), wish.onlyValues);
    if (mlir::succeeded(text))
      return laidOut(*text, diagnostics);
  }
  if (!diagnostics.hasErrors())
    diagnostics.error(Code::InternalError, {}, "the derivative could not be printed");
  return std::nullopt;
}

} // namespace

std::optional<std::string> printDerivative(Lowering &lowering, const DerivativeWish &wish, Diagnostics &diagnostics,
                                           const std::string &help) {
  if (!lowering.keepOnly({wish.function})) {
    diagnostics
        .error(Code::UnknownName, {}, "there is no function `" + wish.function + "` whose parameter types are known")
        .withHelp(help);
    return std::nullopt;
  }
  SourceComments comments(diagnostics.sources());
  return print(lowering, wish, diagnostics, comments);
}

std::vector<std::optional<std::string>> printDerivatives(Lowering &lowering, const std::vector<DerivativeWish> &wishes,
                                                         Diagnostics &diagnostics) {
  std::vector<std::string> names;
  for (const DerivativeWish &wish : wishes)
    names.push_back(wish.function);
  std::vector<std::optional<std::string>> texts(wishes.size());
  if (!lowering.keepOnly(names))
    return texts;
  SourceComments comments(diagnostics.sources());
  for (size_t i = 0; i < wishes.size(); ++i)
    texts[i] = print(lowering, wishes[i], diagnostics, comments);
  return texts;
}

} // namespace dl::driver
