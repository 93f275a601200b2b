#include "compiler/autodiff/print_source.h"

#include "compiler/autodiff/autodiff.h"
#include "compiler/autodiff/cleanup.h"
#include "compiler/autodiff/info.h"
#include "compiler/autodiff/prepare.h"
#include "compiler/autodiff/source_printer.h"
#include "compiler/autodiff/source_tidy.h"
#include "compiler/dialect/canonicalizer.h"
#include "compiler/dialect/location.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace dl::autodiff {

// @name(parameters, cotangents) = the results of `callee` and the gradients, by dl.vjp.
static func::FuncOp wrapper(func::FuncOp callee, ArrayRef<int64_t> wrt, StringRef name) {
  SmallVector<Type> inputs(callee.getArgumentTypes()), results(callee.getResultTypes());
  SmallVector<int64_t> floats;
  for (auto [i, type] : llvm::enumerate(callee.getResultTypes()))
    if (ir::isFloat(type))
      floats.push_back(int64_t(i));
  bool isScalar = callee.getNumResults() == 1 && floats.size() == 1 && ir::rankOf(callee.getResultTypes()[0]) == 0;
  if (!isScalar)
    for (int64_t i : floats)
      inputs.push_back(callee.getResultTypes()[i]);
  for (int64_t i : wrt)
    results.push_back(callee.getArgumentTypes()[i]);
  Location loc = callee.getLoc();
  auto function = func::FuncOp::create(loc, name, FunctionType::get(callee.getContext(), inputs, results));
  Builder attrs(callee.getContext());
  function->setAttr("dl.derivative_of", callee.getSymNameAttr());
  function->setAttr("dl.wrt", attrs.getDenseI64ArrayAttr(wrt));
  unsigned own = callee.getNumArguments();
  for (unsigned i = 0; i < own; ++i)
    function.setArgAttrs(i, callee.getArgAttrDict(i));
  for (unsigned i = 0; i < callee.getNumResults(); ++i)
    if (DictionaryAttr written = callee.getResultAttrDict(i))
      function.setResultAttrs(i, written);
  for (auto [k, i] : llvm::enumerate(wrt))
    if (Attribute type = callee.getArgAttr(i, "dl.type"))
      function.setResultAttr(callee.getNumResults() + k, "dl.type", type);
  for (unsigned i = own; i < inputs.size(); ++i) {
    std::string index = inputs.size() - own == 1 ? "" : std::to_string(i - own);
    function.setArgAttr(i, "dl.name", attrs.getStringAttr("dy" + index));
    if (Attribute type = callee.getResultAttr(floats[i - own], "dl.type"))
      function.setArgAttr(i, "dl.type", type);
  }

  Block *entry = function.addEntryBlock();
  OpBuilder b = OpBuilder::atBlockBegin(entry);
  SmallVector<Value> arguments(entry->args_begin(), entry->args_begin() + own);
  SmallVector<Value> cotangents(entry->args_begin() + own, entry->args_end());
  if (isScalar)
    cotangents.push_back(ir::scalarConstant(b, loc, callee.getResultTypes()[0], 1));
  auto vjp = b.create<ir::VjpOp>(loc, results, FlatSymbolRefAttr::get(callee.getSymNameAttr()), arguments, cotangents,
                                 b.getDenseI64ArrayAttr(wrt), /*unusedOk=*/b.getUnitAttr());
  b.create<func::ReturnOp>(loc, vjp->getResults());
  return function;
}

// @name(parameters, tangents) = the results of `callee` and their tangents, by dl.jvp.
static func::FuncOp forwardWrapper(func::FuncOp callee, ArrayRef<int64_t> wrt, StringRef name) {
  SmallVector<Type> inputs(callee.getArgumentTypes()), results(callee.getResultTypes());
  for (int64_t i : wrt)
    inputs.push_back(callee.getArgumentTypes()[i]);
  for (Type type : callee.getResultTypes())
    if (ir::isFloat(type))
      results.push_back(type);
  Location loc = callee.getLoc();
  auto function = func::FuncOp::create(loc, name, FunctionType::get(callee.getContext(), inputs, results));
  Builder attrs(callee.getContext());
  function->setAttr("dl.derivative_of", callee.getSymNameAttr());
  unsigned own = callee.getNumArguments(), next = callee.getNumResults();
  for (unsigned i = 0; i < own; ++i)
    function.setArgAttrs(i, callee.getArgAttrDict(i));
  for (auto [k, i] : llvm::enumerate(wrt)) {
    auto of = callee.getArgAttrOfType<StringAttr>(i, kNameAttr);
    function.setArgAttr(own + k, kNameAttr, attrs.getStringAttr("d" + (of ? of.str() : "x" + std::to_string(i))));
    if (Attribute type = callee.getArgAttr(i, "dl.type"))
      function.setArgAttr(own + k, "dl.type", type);
  }
  for (unsigned i = 0; i < callee.getNumResults(); ++i) {
    if (DictionaryAttr written = callee.getResultAttrDict(i))
      function.setResultAttrs(i, written);
    if (!ir::isFloat(callee.getResultTypes()[i]))
      continue;
    if (Attribute type = callee.getResultAttr(i, "dl.type"))
      function.setResultAttr(next, "dl.type", type);
    ++next;
  }
  Block *entry = function.addEntryBlock();
  OpBuilder b = OpBuilder::atBlockBegin(entry);
  ValueRange all = entry->getArguments();
  auto jvp = b.create<ir::JvpOp>(loc, results, FlatSymbolRefAttr::get(callee.getSymNameAttr()), all.take_front(own),
                                 all.drop_front(own), b.getDenseI64ArrayAttr(wrt));
  b.create<func::ReturnOp>(loc, jvp->getResults());
  return function;
}

FailureOr<func::FuncOp> makeGradient(ModuleOp module, StringRef name, ArrayRef<int64_t> wrt, bool forward) {
  auto callee = module.lookupSymbol<func::FuncOp>(name);
  if (!callee || callee.isExternal())
    return module.emitError() << "there is no function `" << name << "`";
  for (int64_t i : wrt)
    if (i < 0 || i >= int64_t(callee.getNumArguments()) || !ir::isFloat(callee.getArgumentTypes()[i]))
      return callee.emitError() << "`" << name << "` has no parameter " << i << " to differentiate by";
  std::string wish = (name + (forward ? "_jvp" : "_grad")).str(), symbol = wish;
  for (int i = 1; module.lookupSymbol(symbol) || module.lookupSymbol(symbol + "_call"); ++i)
    symbol = wish + std::to_string(i);
  func::FuncOp call = (forward ? forwardWrapper : wrapper)(callee, wrt, symbol + "_call");
  module.push_back(call);
  PassManager differentiate(module.getContext());
  differentiate.addPass(createAutodiffPass());
  if (failed(differentiate.run(module)))
    return failure();

  func::FuncOp gradient = inlinedCopy(call, symbol);
  gradient->setAttrs(call->getAttrs());
  gradient.setName(symbol);
  call.erase();
  cutDeadValues(gradient);
  PassManager tidy(module.getContext(), func::FuncOp::getOperationName());
  tidy.addPass(ir::createCanonicalizer());
  tidy.addPass(createCSEPass());
  tidy.addPass(ir::createCanonicalizer());
  if (failed(tidy.run(gradient)))
    return failure();
  return gradient;
}

StringRef declaredName(func::FuncOp function) {
  auto title = function ? function->getAttrOfType<StringAttr>("dl.title") : StringAttr();
  bool isName = title && title.getValue() != "fn" && llvm::all_of(title.getValue(), [](char c) {
                  return isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80);
                });
  return isName ? title.getValue() : StringRef();
}

// How a declared function is called: a module's with the name of the module, which `imports` receives.
static std::string qualifiedName(func::FuncOp callee, func::FuncOp caller, std::set<std::string> &imports) {
  std::string title = declaredName(callee).str();
  std::optional<ir::SourcePlace> there = ir::decodeLocation(callee.getLoc()),
                                 here = ir::decodeLocation(caller.getLoc());
  if (!there || !here || there->file == here->file)
    return title;
  std::string module = llvm::sys::path::stem(there->file).str();
  if (module == "prelude")
    return title;
  imports.insert(module);
  return module + "." + title;
}

bool isCalledByName(func::FuncOp callee) {
  if (declaredName(callee).empty())
    return false;
  bool hasRule = callee->hasAttr(kDerivativeAttr) || callee->hasAttr(kForwardDerivativeAttr);
  return hasRule || (callee->hasAttr("dl.arguments") && callee->hasAttr("dl.pattern"));
}

// Adds what `function` calls, callees first, but for what has a declaration of the user's.
static void addGenerated(func::FuncOp function, llvm::SetVector<Operation *> &visited,
                         SmallVectorImpl<func::FuncOp> &out, llvm::StringMap<std::string> &names,
                         std::set<std::string> &imports) {
  if (!visited.insert(function))
    return;
  function.walk([&](func::CallOp call) {
    func::FuncOp callee = calleeOf(call);
    if (!callee || callee.isExternal())
      return;
    if (isCalledByName(callee))
      names[callee.getName()] = qualifiedName(callee, function, imports);
    else
      addGenerated(callee, visited, out, names, imports);
  });
  out.push_back(function);
}

// Beside a param stand its gradient and its token, which what is printed here has no use for.
static void dropCompanions(func::FuncOp function) {
  function.walk([](ir::LeafOp leaf) {
    leaf.replaceAllUsesWith(leaf.getInput());
    leaf.erase();
  });
  llvm::BitVector dropped(function.getNumArguments());
  for (unsigned i = 1; i < function.getNumArguments(); ++i) {
    auto name = function.getArgAttrOfType<StringAttr>(i, kNameAttr);
    if (!name || !name.getValue().ends_with(".token"))
      continue;
    if (function.getArgument(i - 1).use_empty() && function.getArgument(i).use_empty())
      dropped.set(i - 1, i + 1);
  }
  function.eraseArguments(dropped);
}

FailureOr<std::string> printSource(func::FuncOp function, const CommentsAt &commentsAt, const std::string &doc,
                                   bool onlyValues) {
  llvm::SetVector<Operation *> visited;
  SmallVector<func::FuncOp> functions;
  llvm::StringMap<std::string> names;
  std::set<std::string> imports;
  addGenerated(function, visited, functions, names, imports);
  // The others are parts of this derivative, so that those of two derivatives do not meet.
  for (size_t i = 0; i + 1 < functions.size(); ++i)
    names[functions[i].getName()] = function.getName().str() + "_inner" + (i ? std::to_string(i) : "");
  std::string text;
  for (func::FuncOp each : functions) {
    OwningOpRef<func::FuncOp> copy(each.clone());
    if (onlyValues && each == function)
      dropCompanions(*copy);
    tidyForPrinting(*copy);
    FailureOr<std::string> one =
        SourcePrinter(*copy, commentsAt, function->getParentOfType<ModuleOp>(), names, imports).print();
    if (failed(one))
      return failure();
    text += (text.empty() ? "" : "\n") + (each == function ? doc : "") + *one;
  }
  std::string head;
  for (const std::string &module : imports)
    head += "import " + module + "\n";
  return head + (head.empty() ? "" : "\n") + text;
}

} // namespace dl::autodiff
