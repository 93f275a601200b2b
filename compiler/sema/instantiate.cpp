// Instances of functions: one per declaration, argument types and compile-time arguments.
#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {
namespace {

// Renames the sizes of a call's arguments to the instance's own symbols: symbols that stand alone first; a compound
// size of such symbols keeps its form, any other becomes one symbol. `apart`: each size becomes one symbol.
class Canonical {
public:
  Canonical(const std::vector<Value> &values, const Frame &frame, bool apart) : frame_(frame) {
    std::vector<Dim> dims;
    auto collect = [&](const Dim &d) { dims.push_back(frame_.resolve(d)); };
    for (const Value &v : values) {
      forEachDim(v.type, collect);
      forEachKnownDim(v.known, collect);
    }
    for (const Dim &d : dims)
      if (apart ? !d.isConst() : d.isSymbol())
        add(d);
    for (const Dim &d : dims)
      if (!d.isConst() && !d.isSymbol() && !expressible(d))
        add(d);
  }

  std::string key(const Dim &dim) const {
    Dim d = frame_.resolve(dim);
    if (d.isConst())
      return d.key();
    auto it = index_.find(d.key());
    if (it != index_.end())
      return "s" + std::to_string(it->second);
    return d.key([&](uint32_t id) { return "s" + std::to_string(bySymbol_.at(id)); });
  }
  Dim rename(const Dim &dim, const std::vector<Dim> &symbols) const {
    Dim d = frame_.resolve(dim);
    if (d.isConst())
      return d;
    auto it = index_.find(d.key());
    if (it != index_.end())
      return symbols[it->second];
    return d.substitute([&](uint32_t id) -> std::optional<Dim> {
      auto s = bySymbol_.find(id);
      return s == bySymbol_.end() ? std::nullopt : std::optional(symbols[s->second]);
    });
  }
  const std::vector<Dim> &actuals() const { return actuals_; }

private:
  void add(const Dim &d) {
    if (!index_.emplace(d.key(), actuals_.size()).second)
      return;
    if (d.isSymbol())
      bySymbol_[d.symbolId()] = actuals_.size();
    actuals_.push_back(d);
  }
  bool expressible(const Dim &d) const {
    for (uint32_t s : d.symbols())
      if (!bySymbol_.count(s))
        return false;
    return true;
  }

  const Frame &frame_;
  std::vector<Dim> actuals_;
  std::map<std::string, size_t> index_;
  std::map<uint32_t, size_t> bySymbol_;
};

std::string keyOf(const Target &target, const std::vector<Value> &values, const std::vector<bool> &isMut,
                  const DimKey &dimKey) {
  std::string key = std::to_string(reinterpret_cast<uintptr_t>(target.identity())) + "@" +
                    std::to_string(reinterpret_cast<uintptr_t>(target.env));
  for (size_t i = 0; i < values.size(); ++i) {
    key += "|" + typeKey(values[i].type, dimKey) + knownKey(values[i].known, dimKey);
    if (i < target.captured.size())
      key += "#" + std::to_string(reinterpret_cast<uintptr_t>(target.captured[i]));
    if (isMut[i])
      key += "&";
  }
  return key;
}

// What is known of an argument in any call of a recursion. `constants`: the ints that were known, by what stands for
// them now.
void generalise(Known &known, const std::string &name, std::map<uint32_t, Dim> &constants) {
  const bool isInt = known.dim && known.dim->isConst();
  if (isInt) {
    Dim symbol = Dim::fresh(name, false);
    constants.emplace(symbol.symbolId(), *known.dim);
    known.dim = symbol;
  }
  if (isInt || known.number || known.text)
    known.literal = false;
  known.number.reset();
  known.text.reset();
  for (Known &item : known.items)
    generalise(item, name, constants);
}

} // namespace

bool Checker::isDropped(const Value &v, bool isMut) const {
  if (isMut)
    return false;
  switch (v.type->kind) {
  case TypeKind::None:
  case TypeKind::Unit:
  case TypeKind::ElemType:
  case TypeKind::Module_:
    return true;
  case TypeKind::Tensor:
  case TypeKind::Str:
    return v.known.isConstant();
  default:
    return false;
  }
}

// What the declaration calls the sizes of its arguments, by the key of the caller's size.
std::map<std::string, std::string> Checker::symbolNames(const Target &target, const std::vector<Value> &values) const {
  std::map<std::string, std::string> names;
  size_t base = values.size() - target.params->size();
  for (size_t k = 0; k < target.params->size(); ++k) {
    const ast::Param &p = (*target.params)[k];
    const Value &v = values[base + k];
    if (isInt(v.type) && v.known.dim)
      names.emplace(frame_->resolve(*v.known.dim).key(), p.name);
    if (!p.type || p.type->kind != ast::TypeKind::Tensor || v.type->kind != TypeKind::Tensor ||
        p.type->dims.size() != v.type->dims.size())
      continue;
    for (size_t i = 0; i < p.type->dims.size(); ++i) {
      const ast::Dim &d = p.type->dims[i];
      if (d.kind == ast::Dim::Value && d.value && d.value->kind == ast::ExprKind::Name)
        names.emplace(frame_->resolve(v.type->dims[i]).key(), ast::as<const ast::Name>(d.value)->name);
    }
  }
  return names;
}

Checker::Prepared Checker::instantiate(const Target &target, std::vector<Value> &values, const std::vector<bool> &isMut,
                                       Span span) {
  constexpr int kMaxInstanceNesting = 250;
  constexpr size_t kMaxInstances = 20000;
  if (stopped_)
    return {};
  size_t base = values.size() - target.params->size();
  // A rule gives a gradient for each of its arguments, those that are known included.
  for (size_t i = base; target.fn && target.fn->isDerivative && i < values.size(); ++i)
    if (values[i].known.number) {
      values[i].known.number.reset();
      values[i].known.literal = false;
    }
  for (size_t i = 0; i < values.size(); ++i)
    if (isInt(values[i].type) && !values[i].known.dim && !isMut[i])
      values[i] = materialise(values[i], i < base ? "captured" : (*target.params)[i - base].name);
  // The key without constant numbers and texts, and without what sizes have to do with each other: a call inside an
  // instance of the same is a recursion, for which those are run-time values.
  std::vector<Value> general = values;
  std::map<uint32_t, Dim> constants;
  for (size_t i = base; i < general.size(); ++i)
    generalise(general[i].known, (*target.params)[i - base].name, constants);
  Canonical generalNames(general, *frame_, true);
  std::string generalKey = keyOf(target, general, isMut, [&](const Dim &d) { return generalNames.key(d); });
  // The type of a module depends on its ints: Tree(depth - 1) inside of Tree(depth) is no recursion.
  bool recursive = active_[generalKey] > 0 && !target.module;
  if (recursive) {
    for (size_t i = base; i < values.size(); ++i)
      values[i].known = general[i].known;
  }
  Canonical names(values, *frame_, recursive);
  std::string key = keyOf(target, values, isMut, [&](const Dim &d) { return names.key(d); });
  Prepared prepared;
  for (const Dim &d : names.actuals()) {
    auto it = d.isSymbol() ? constants.find(d.symbolId()) : constants.end();
    prepared.actuals.push_back(it == constants.end() ? d : it->second);
  }
  if (auto it = instanceByKey_.find(key); it != instanceByKey_.end()) {
    prepared.instance = it->second;
    if (it->second->inProgress && !it->second->hasDeclaredResult) {
      Diagnostic &d =
          error(Code::RecursionUnsupported, span,
                target.result ? "`" + target.name + "` calls itself, and what `" + sourceText(target.result->span) +
                                    "` is depends on what it gives"
                              : "`" + target.name + "` calls itself, so it must declare the type of its result");
      d.label(target.span, "defined here");
      d.withHelp(target.result ? "let it change a `mut` parameter of that type instead"
                               : "write `fn " + target.name + "(…) -> type`, or `-> ()` when it gives nothing");
      return {};
    }
    return prepared;
  }
  if (instanceNesting_ >= kMaxInstanceNesting || instances_.size() >= kMaxInstances) {
    error(Code::RecursionUnsupported, span,
          "`" + target.name + "` is specialised without end: every call has arguments of a new type")
        .withHelp("declare the parameter's sizes as run-time values, for example by passing them through a `var`");
    stopped_ = true;
    return {};
  }
  std::map<std::string, std::string> suggested = symbolNames(target, values);
  Instance &instance = instances_.emplace_back();
  for (const Dim &d : names.actuals()) {
    auto it = suggested.find(d.key());
    std::string name = it != suggested.end() ? it->second : d.isSymbol() ? d.symbolName() : "n";
    instance.symbols.push_back(Dim::fresh(name, d.nonNegative()));
  }
  instanceByKey_[key] = &instance;
  instantiated_.insert(target.identity());
  prepared.instance = &instance;
  std::vector<Value> own = values;
  auto rename = [&](const Dim &d) { return names.rename(d, instance.symbols); };
  for (size_t i = 0; i < own.size(); ++i) {
    own[i].type = mapDims(own[i].type, rename);
    own[i].known = mapKnown(own[i].known, rename);
    instance.passed.push_back(!isDropped(values[i], isMut[i]));
  }
  ++active_[generalKey];
  ++instanceNesting_;
  checkBody(instance, target, own, isMut, span);
  --instanceNesting_;
  --active_[generalKey];
  return prepared;
}

// Ints inside tuples and modules that sizes depend on but no tensor shows get a variable each.
void Checker::bindHiddenInts(const Binding &param, std::set<uint32_t> &bound) {
  std::function<void(const Value &)> visit = [&](const Value &v) {
    if (isInt(v.type)) {
      if (!v.known.dim || !v.known.dim->isSymbol() || !bound.insert(v.known.dim->symbolId()).second)
        return;
      Variable *variable = makeVariable(v.known.dim->symbolName(), v.type, param.span, false);
      variable->dim = v.known.dim;
      Stmt *let = makeStmt(StmtKind::Let, param.span);
      let->variable = variable;
      let->value = v.expr;
      emit(let);
      return;
    }
    size_t count = v.type->kind == TypeKind::Module     ? v.type->module->fields.size()
                   : v.type->kind == TypeKind::Function ? v.type->function->captureTypes.size()
                   : v.type->kind == TypeKind::Tuple    ? v.type->items.size()
                                                        : 0;
    for (uint32_t i = 0; i < count; ++i) {
      Value item;
      item.expr = make(ExprKind::Get, nullptr, param.span);
      item.expr->args = {v.expr};
      item.expr->index = i;
      if (v.type->kind == TypeKind::Module) {
        item.type = v.type->module->fields[i].type;
        item.known.dim = v.type->module->fields[i].dim;
      } else if (v.type->kind == TypeKind::Function) {
        item.type = v.type->function->captureTypes[i];
        item.known = details(*v.type->function).capturedKnown[i];
      } else {
        item.type = v.type->items[i];
        item.known = i < v.known.items.size() ? v.known.items[i] : Known{};
      }
      item.expr->type = item.type;
      visit(item);
    }
  };
  if (!param.variable || param.variable->type->kind == TypeKind::Tensor)
    return;
  Value whole;
  whole.type = param.type;
  whole.known = param.known;
  whole.expr = make(ExprKind::Var, param.type, param.span);
  whole.expr->variable = param.variable;
  visit(whole);
}

// Binds the parameters' sizes to the names that the signature gives them.
void Checker::bindSignature(const Target &target, const std::vector<Value> &values, Scope *scope) {
  size_t base = values.size() - target.params->size();
  for (size_t k = 0; k < target.params->size(); ++k)
    if (!(*target.params)[k].isVariadic)
      bindSignatureDims((*target.params)[k].type, values[base + k].type, scope);
  for (size_t k = 0; k < target.params->size(); ++k)
    if (!(*target.params)[k].isVariadic)
      solveSignatureDims((*target.params)[k].type, values[base + k].type, scope, true);
}

void Checker::declareResult(Instance &instance, const Target &target, Scope *scope) {
  if (!target.result) {
    if (isRecursiveProcedure(target)) {
      frame_->declared = instance.result = unitType();
      instance.hasDeclaredResult = true;
    }
    return;
  }
  Scope *result = newScope(scope);
  std::optional<Type> type = resolveType(target.result, result, true);
  if (!type) {
    frame_->declaredResult = target.result;
    frame_->signatureScope = scope;
    return;
  }
  // Sizes that only the result mentions are open: every return chooses its own.
  std::set<uint32_t> outer;
  auto note = [&](const Dim &d) {
    for (uint32_t s : d.symbols())
      outer.insert(s);
  };
  for (const Dim &d : instance.symbols)
    note(d);
  forEachDim(*type, [&](const Dim &d) {
    if (d.isSymbol() && !outer.count(d.symbolId()))
      frame_->open.insert(d.symbolId());
  });
  frame_->declared = *type;
  instance.result = *type;
  instance.hasDeclaredResult = true;
}

// A compile-time argument as it is written in a call, where it can be.
static std::optional<std::string> literalOf(const Type &type, const Known &known) {
  if (type->kind == TypeKind::None)
    return "none";
  if (type->kind == TypeKind::ElemType)
    return std::string(elemName(type->elem));
  if (known.boolean)
    return *known.boolean ? "true" : "false";
  if (known.dim && known.dim->isConst())
    return std::to_string(known.dim->constant());
  if (known.number) {
    char buffer[40];
    snprintf(buffer, sizeof buffer, "%.17g", *known.number);
    std::string text = buffer;
    if (text.find_first_of(".en") == std::string::npos)
      text += ".0";
    // A literal without a type takes it from what it is used with; of the others f32 goes without saying.
    bool isTyped = !known.literal && type->elem != Elem::F32;
    return isTyped ? text + std::string(elemName(type->elem)) : text;
  }
  if (!known.text)
    return std::nullopt;
  std::string text;
  for (char c : *known.text)
    text += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(std::string_view("\"\\{}").find(c) < 4 ? "\\" : "") + c;
  return "\"" + text + "\"";
}

// Makes the frame's parameters and binds the names of the signature. Precondition: `frame_` is the new frame.
Checker::Opened Checker::openBody(Instance &instance, const Target &target, const std::vector<Value> &values,
                                  const std::vector<bool> &isMut) {
  Frame &frame = *frame_;
  Function &function = *frame.function;
  for (Scope *s = target.env; s; s = s->parent)
    if (s->isFile) {
      frame.isLibrary = s->isLibrary;
      break;
    }
  function.name = target.name;
  int count = symbolCount_[target.name]++;
  function.symbol = count ? target.name + "$" + std::to_string(count) : target.name;
  function.span = target.span;
  function.body = frame.body = makeBody();

  Opened opened;
  size_t position = 0;
  std::set<uint32_t> bound;
  auto bindParam = [&](const std::string &name, Span at) {
    const Value &v = values[position];
    Binding *b = newBinding(Binding::Local, name, at);
    b->origin = v.span;
    b->type = v.type;
    b->known = v.known;
    b->isMutable = b->isMutParam = isMut[position];
    if (v.space) {
      b->kind = Binding::Space;
      b->env = v.space;
    }
    if (instance.passed[position]) {
      b->variable = makeVariable(name, v.type, at, b->isMutable);
      if (!b->isMutable && isInt(v.type))
        b->variable->dim = b->known.dim;
      function.params.push_back(b->variable);
      function.paramNames.push_back(name);
      function.isMut.push_back(b->isMutable);
      if (b->variable->dim && b->variable->dim->isSymbol())
        bound.insert(b->variable->dim->symbolId());
      if (v.type->kind == TypeKind::Tensor)
        for (const Dim &d : v.type->dims)
          if (d.isSymbol())
            bound.insert(d.symbolId());
    } else if (!v.space) {
      b->kind = Binding::Constant;
    }
    ++position;
    opened.all.push_back(b);
    return b;
  };
  for (Binding *outer : target.captured) {
    Binding *b = bindParam(outer->name, outer->span);
    b->isMutable = false;
    b->origin = outer->origin;
    frame.captures[outer] = b;
  }
  Scope *scope = target.env;
  if (target.self) {
    Binding *self = bindParam("self", target.span);
    if (!target.isWrapper)
      scope = memberScope(target.env, values[position - 1].type, self);
  }
  opened.scope = scope = newScope(scope);
  for (const ast::Param &p : *target.params) {
    const Value &given = values[position];
    Binding *b = bindParam(p.name, p.span);
    function.declared.push_back(
        {p.name, b->variable, b->variable ? std::nullopt : literalOf(given.type, given.known), p.isVariadic});
    declare(scope, b);
    opened.declared.push_back(b);
  }
  noteInstance(opened.declared);
  for (Binding *b : opened.all)
    if (b->variable && b->kind == Binding::Local)
      bindHiddenInts(*b, bound);
  bindSignature(target, values, scope);
  return opened;
}

void Checker::checkBody(Instance &instance, const Target &target, const std::vector<Value> &values,
                        const std::vector<bool> &isMut, Span span) {
  Frame &frame = frames_.emplace_back();
  frame.caller = frame_;
  frame.callSpan = span;
  Function &function = program_.functionPool.emplace_back();
  frame.function = instance.function = &function;
  function.isCheckpoint = target.isCheckpoint;
  Restore<Frame *> outerFrame(frame_, &frame);
  Restore<Scope *> outerScope(scope_, target.env);
  Opened opened = openBody(instance, target, values, isMut);
  declareResult(instance, target, opened.scope);
  scope_ = opened.scope;
  BlockResult result;
  Type rules;
  if (target.isWrapper) {
    std::vector<Argument> args;
    for (Binding *b : opened.declared)
      args.push_back(argumentOf(readBinding(b, span), span));
    result.value = callValue(readBinding(opened.all[0], span), std::move(args), span);
  } else if (target.module) {
    result = constructModule(target, opened.scope, opened.declared);
  } else {
    frame.isRule = target.fn && target.fn->isDerivative;
    result = checkBlock(target.body, newScope(opened.scope), true);
    if (frame.isRule) {
      rules = result.value.type;
      result.value = partOfRule(result, 0, target);
    }
  }
  finishFunction(instance, target, std::move(result));
  if (rules && instance.result)
    checkRules(instance, target, values, isMut, rules, span);
  program_.functions.push_back(&function);
}

void Checker::finishFunction(Instance &instance, const Target &target, BlockResult result) {
  Frame &frame = *frame_;
  Function &function = *frame.function;
  Value value = result.value;
  Span end = target.body && !target.body->stmts.empty() ? target.body->stmts.back()->span : target.span;
  instance.inProgress = false;
  bool declaresUnit = frame.declared && frame.declared->kind == TypeKind::Unit;
  if (!result.diverges && !value.bad()) {
    bool isUnit = value.type->kind == TypeKind::Unit;
    if (isUnit && (frame.declared || frame.declaredResult) && !declaresUnit) {
      error(Code::MissingReturn, end,
            "`" + target.name + "` must give " +
                (frame.declared ? str(frame.declared) : sourceText(target.result->span)) +
                ", but its body ends without a value")
          .label(target.result->span, "declared here");
      frame.failed = true;
    } else if (isUnit ? !isTrivial(value) : declaresUnit) {
      Stmt *eval = makeStmt(StmtKind::Eval, value.span);
      eval->value = value.expr;
      emit(eval);
      value = unit(value.span);
    }
    if (!frame.failed) {
      value = settleResult(value, value.span);
      function.body->value = value.expr;
    }
  }
  if (value.bad() && !result.diverges)
    frame.failed = true;
  Type type = frame.declared ? frame.declared : frame.result ? frame.result : unitType();
  bool isKnown = reported_->hasErrors();
  for (const Diagnostics *d : asides_)
    isKnown |= d->hasErrors();
  if (frame.failed && !isKnown)
    error(Code::InternalError, end, "the compiler cannot check `" + target.name + "`");
  if (frame.failed && !frame.declared) {
    instance.result = nullptr;
    function.result = unitType();
    return;
  }
  instance.result = type;
  instance.stops = result.diverges && frame.declaredResult && !frame.declared && !frame.result;
  function.result = type;
  if (!function.body->value && type->kind != TypeKind::Unit)
    function.body->value = make(ExprKind::Unreachable, type, target.span);
  if (type->kind == TypeKind::Unit)
    function.body->value = nullptr;
  if (!frame.returned && !result.diverges && !value.bad())
    instance.resultKnown = frame.resultKnown;
}

Value Checker::resultFor(const Prepared &prepared, const Target &target, Expr *call, bool emitted, Span span) {
  Instance &instance = *prepared.instance;
  if (!instance.result)
    return bad(span);
  std::map<uint32_t, Dim> map;
  for (size_t k = 0; k < instance.symbols.size(); ++k)
    map.emplace(instance.symbols[k].symbolId(), prepared.actuals[k]);
  std::map<uint32_t, std::string> innerNames;
  bool foreign = false;
  auto note = [&](const Dim &d) {
    for (const Dim::Term &t : d.terms())
      for (const Dim::Atom &a : t.atoms)
        if (a.kind == Dim::AtomKind::Symbol)
          innerNames.emplace(a.symbol, a.name);
  };
  forEachDim(instance.result, note);
  auto replace = [&](uint32_t id) -> std::optional<Dim> {
    auto it = map.find(id);
    if (it != map.end())
      return it->second;
    foreign = true;
    auto name = innerNames.find(id);
    return map.emplace(id, Dim::fresh(name == innerNames.end() ? "n" : name->second)).first->second;
  };
  // A size that mentions values of the callee is one new size to the caller.
  std::map<std::string, Dim> opaque;
  auto rename = [&](const Dim &d) {
    bool known = true;
    for (uint32_t s : d.symbols())
      known &= map.count(s) != 0;
    if (known || d.isSymbol())
      return d.substitute(replace);
    return opaque.emplace(d.key(), Dim::fresh("n")).first->second;
  };
  Value v;
  v.type = mapDims(instance.result, rename);
  v.span = span;
  // New sizes are known once the call has been made, which must be before anything that mentions them.
  bool newSizes = foreign || !opaque.empty();
  foreign = false;
  Known known = mapKnown(instance.resultKnown, [&](const Dim &d) { return d.substitute(replace); });
  if (foreign)
    known = {};
  call->type = v.type;
  v.expr = call;
  bool isUnit = v.type->kind == TypeKind::Unit;
  if (instance.stops) {
    Stmt *eval = makeStmt(StmtKind::Eval, span);
    eval->value = call;
    emit(eval);
    v.expr = make(ExprKind::Unreachable, unitType(), span);
    return v;
  }
  if (known.isConstant() && (v.type->kind == TypeKind::Tensor || v.type->kind == TypeKind::Str)) {
    Stmt *eval = makeStmt(StmtKind::Eval, span);
    eval->value = call;
    emit(eval);
    return constantOf(v.type, known, span);
  }
  if (v.type->kind != TypeKind::Tensor || known.dim)
    v.known = known;
  if (isInt(v.type) || ((emitted || newSizes) && !isUnit))
    return materialise(v, isInt(v.type) ? target.name : "result");
  if (emitted) {
    Stmt *eval = makeStmt(StmtKind::Eval, span);
    eval->value = call;
    emit(eval);
    return unit(span);
  }
  return v;
}

} // namespace dl::sema
