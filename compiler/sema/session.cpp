// Sessions: the same checker for every entry, with the variables of earlier entries as parameters of the next.
#include "compiler/sema/session.h"

#include "compiler/sema/checker.h"
#include "compiler/sema/large_stack.h"
#include "compiler/sema/session_history.h"
#include "compiler/sema/uses.h"

#include <algorithm>
#include <set>
#include <utility>

namespace dl::sema {
namespace {

using Settled = std::map<uint32_t, int64_t>;

// Walks the leaves of a value in the order in which they cross a border, and notes which symbols they settle.
class Settle {
public:
  Settle(const std::vector<Session::LeafValue> &leaves, Settled &settled) : leaves(leaves), settled(settled) {}

  void visit(const Type &type, const Known &known) {
    switch (type->kind) {
    case TypeKind::Tensor:
      if (type->dims.empty() && known.dim)
        note(*known.dim, leaves[next].integer);
      for (size_t i = 0; i < type->dims.size(); ++i)
        note(type->dims[i], leaves[next].sizes[i]);
      ++next;
      return;
    case TypeKind::Str:
      ++next;
      return;
    case TypeKind::List:
      for (const Part &part : storedParts(type))
        visit(part.type, {});
      return;
    case TypeKind::Tuple:
    case TypeKind::Record:
      for (size_t i = 0; i < type->items.size(); ++i)
        visit(type->items[i], i < known.items.size() ? known.items[i] : Known{});
      return;
    case TypeKind::Module:
      for (const Field &field : type->module->fields) {
        Known of;
        of.dim = field.dim;
        visit(field.type, of);
      }
      return;
    case TypeKind::Function:
      for (size_t i = 0; i < type->function->captureTypes.size(); ++i)
        visit(type->function->captureTypes[i], details(*type->function).capturedKnown[i]);
      return;
    default:
      return;
    }
  }

private:
  void note(const Dim &dim, int64_t value) {
    if (dim.isSymbol())
      settled.emplace(dim.symbolId(), value);
  }

  const std::vector<Session::LeafValue> &leaves;
  Settled &settled;
  size_t next = 0;
};

// Whether all sizes in a type are numbers.
bool isSettled(const Type &type) {
  bool settled = true;
  mapDims(type, [&](const Dim &dim) {
    settled &= dim.isConst();
    return dim;
  });
  return settled;
}

bool isVariable(const Binding *b) { return b->kind == Binding::Local && b->variable && b->type; }

} // namespace

// What an entry that fails must leave as it was.
struct Session::Snapshot {
  std::unordered_map<std::string, Binding *> names;
  std::vector<std::pair<Binding *, Binding>> bindings;
  std::map<std::string, Instance *> instances;
  std::set<const void *> instantiated;
  std::map<std::string, Scope *> files;
  std::vector<Function *> instancesInOrder;
  Frame *frame;
};

Session::Session(SourceManager &sources, ast::AstContext &context, Diagnostics &diagnostics, Options options)
    : diagnostics_(diagnostics), options_(std::move(options)),
      checker_(std::make_unique<Checker>(sources, context, diagnostics, options_, program_)),
      history_(std::make_unique<History>()) {
  onLargeStack([this] {
    Checker &c = *checker_;
    Frame &frame = c.frames_.emplace_back();
    Function &function = program_.functionPool.emplace_back();
    function.name = function.symbol = "session";
    function.body = c.makeBody();
    frame.function = &function;
    frame.body = function.body;
    c.frame_ = &frame;
    c.imperative_ = true; // a later entry may differentiate
    c.symbolCount_["main"] = 1;
    c.declareBuiltins();
    c.loadFile("prelude", "", {});
    scope_ = c.newScope(c.preludeScope_ ? c.preludeScope_ : c.builtinScope_);
    scope_->isFile = true;
    c.scope_ = scope_;
  });
}

Session::~Session() = default;

bool Session::check(const ast::File &entry, bool printing) {
  printing_ = printing;
  return checkWith([&] { checkEntry(entry); });
}

bool Session::checkFunction(const std::string &name, bool instantiated) {
  return checkWith([&] {
    begin();
    Binding *function = scope_->find(name);
    if (instantiated && function && function->fn)
      checker_->instantiateForAllSizes(function->fn, function->env, Checker::Reason::Asked);
    giveVariables({});
    program_.main = checker_->frame_->function;
  });
}

bool Session::isFunction(const std::string &name) const {
  Binding *b = scope_->find(name);
  return b && b->kind == Binding::Function && b->fn;
}

// Does the work; what it leaves after an error is as before.
bool Session::checkWith(const std::function<void()> &work) {
  Checker &c = *checker_;
  before_ = std::make_unique<Snapshot>(
      Snapshot{scope_->names, {}, c.instanceByKey_, c.instantiated_, c.files_, instances_, c.frame_});
  for (const auto &[name, binding] : scope_->names)
    before_->bindings.emplace_back(binding, *binding);
  inputs_.clear();
  outputs_.clear();
  changed_.clear();
  lastType_.clear();
  lastValue_.reset();
  program_.functions = instances_;
  program_.tests.clear();
  if (!onLargeStack(work))
    diagnostics_.error(Code::InternalError, {}, "there is not enough memory to check the program");
  if (!diagnostics_.hasErrors())
    return true;
  discard();
  return false;
}

// A new main function, with the variables of the session as its parameters.
void Session::begin() {
  Checker &c = *checker_;
  Frame &frame = c.frames_.emplace_back();
  Function &main = program_.functionPool.emplace_back();
  main.name = main.symbol = "main";
  main.body = c.makeBody();
  frame.function = &main;
  frame.body = main.body;
  c.frame_ = &frame;
  c.scope_ = scope_;
  takeVariables();
}

void Session::checkEntry(const ast::File &entry) {
  Checker &c = *checker_;
  begin();
  Function &main = *c.frame_->function;
  // Imports are looked for beside a file that is loaded.
  if (entry.id)
    scope_->path = c.sources_.file(entry.id).path;

  // Unlike in a file, a name may be defined again.
  for (const ast::Stmt *s : entry.stmts) {
    if (s->kind == ast::StmtKind::Fn)
      scope_->names.erase(ast::as<const ast::FnDecl>(s)->name);
    if (s->kind == ast::StmtKind::Module)
      scope_->names.erase(ast::as<const ast::ModuleDecl>(s)->name);
  }
  c.hoist(entry.stmts, scope_);
  for (const ast::Stmt *s : entry.stmts)
    if (s->kind == ast::StmtKind::Import)
      c.checkImport(ast::as<const ast::Import>(s), scope_);
  for (const ast::Stmt *s : entry.stmts) {
    if (s == entry.stmts.back() && s->kind == ast::StmtKind::ExprStmt)
      printLast(*ast::as<const ast::ExprStmt>(s));
    else
      c.checkStmt(s);
  }
  giveVariables(entry.stmts.empty() ? Span{} : entry.stmts.back()->span);
  if (!diagnostics_.hasErrors())
    history_->reachBack(c, main, taken_, inputs_);
  program_.main = &main;
  c.checkUncalled(entry, scope_);
  // What earlier entries have defined is compiled again only where this one needs it.
  std::vector<Function *> needed = reachableFrom(&main);
  needed.pop_back(); // the entry itself
  instances_ = std::exchange(program_.functions, std::move(needed));
}

std::vector<Binding *> Session::variables() const {
  std::vector<Binding *> variables;
  for (const auto &[name, binding] : scope_->names)
    if (isVariable(binding))
      variables.push_back(binding);
  std::sort(variables.begin(), variables.end(),
            [](const Binding *a, const Binding *b) { return a->variable->id < b->variable->id; });
  return variables;
}

std::set<std::string> Session::live() const { return history_->live(variables()); }

// The variables of earlier entries become parameters of this one.
void Session::takeVariables() {
  Checker &c = *checker_;
  taken_ = variables();
  std::set<uint32_t> bound;
  for (Binding *b : taken_) {
    b->variable = c.makeVariable(b->name, b->type, b->span, b->isMutable || c.holdsParams(b->type));
    b->frame = c.frame_;
    b->depth = 0;
    if (!b->isMutable && isInt(b->type))
      b->variable->dim = b->known.dim;
    Function &main = *c.frame_->function;
    main.params.push_back(b->variable);
    main.paramNames.push_back(b->name);
    main.isMut.push_back(false);
    inputs_.push_back({history_->slotOf(b), b->type});
    if (b->variable->dim && b->variable->dim->isSymbol())
      bound.insert(b->variable->dim->symbolId());
    if (b->type->kind == TypeKind::Tensor)
      for (const Dim &d : b->type->dims)
        if (d.isSymbol())
          bound.insert(d.symbolId());
  }
  for (Binding *b : taken_)
    c.bindHiddenInts(*b, bound);
}

void Session::printLast(const ast::ExprStmt &stmt) {
  Checker &c = *checker_;
  Value value = c.checkExpr(stmt.value);
  if (value.bad() || value.expr->kind == ExprKind::Unreachable)
    return;
  lastType_ = typeText(value.type, value.known);
  if (stmt.value->kind == ast::ExprKind::Name)
    if (const Binding *b = c.lookup(ast::as<const ast::Name>(stmt.value)->name, scope_);
        b && (b->kind == Binding::Function || b->kind == Binding::Module)) {
      Symbol symbol = c.symbolOf(b);
      lastType_ = symbol.signature + (symbol.doc.empty() ? "" : "\n" + symbol.doc);
    }
  if (!printing_) {
    lastValue_ = std::make_unique<Value>(value);
    return;
  }
  Value printed = value;
  switch (value.type->kind) {
  case TypeKind::Unit:
    break;
  case TypeKind::Tensor:
  case TypeKind::Str:
  case TypeKind::Tuple:
  case TypeKind::Record:
  case TypeKind::List:
  case TypeKind::Module:
    printed = c.callIntrinsic("print", {Argument{"", value, stmt.span, std::nullopt, false}}, stmt.span);
    break;
  default: // what has no text of its own is shown by its type
    printed = c.callIntrinsic(
        "print", {Argument{"", c.strValue(str(value.type), stmt.span), stmt.span, std::nullopt, false}}, stmt.span);
  }
  if (printed.bad() || c.isTrivial(printed))
    return;
  Stmt *eval = c.makeStmt(StmtKind::Eval, stmt.span);
  eval->value = printed.expr;
  c.emit(eval);
}

// The variables that the entry declares or assigns are its result.
void Session::giveVariables(Span span) {
  Checker &c = *checker_;
  Function &main = *c.frame_->function;
  if (lastValue_) // mentions variables, too
    main.body->value = lastValue_->expr;
  Uses uses(main.body);
  std::set<const Variable *> parameters(main.params.begin(), main.params.end());
  for (const auto &[name, binding] : scope_->names)
    if (isVariable(binding) && (!parameters.count(binding->variable) || uses.assigned.count(binding->variable)))
      changed_.push_back(binding);
  std::sort(changed_.begin(), changed_.end(),
            [](const Binding *a, const Binding *b) { return a->variable->id < b->variable->id; });
  Expr *result = c.make(ExprKind::Tuple, nullptr, span);
  std::vector<Type> types;
  for (Binding *b : changed_) {
    Value value = c.readVariable(b, span);
    result->args.push_back(value.expr);
    types.push_back(value.type);
    outputs_.push_back({history_->nextSlot(b->name), value.type});
  }
  if (lastValue_) {
    result->args.push_back(lastValue_->expr);
    types.push_back(lastValue_->type);
  }
  result->type = tupleType(types);
  main.result = result->type;
  main.body->value = result;
  dropUnused(uses);
}

// A variable that the entry does not mention need not cross, unless its sizes may be what others are made of.
void Session::dropUnused(const Uses &uses) {
  Function &main = *checker_->frame_->function;
  size_t kept = 0;
  for (size_t i = 0; i < main.params.size(); ++i) {
    const Variable *variable = main.params[i];
    bool isOpen = !isSettled(variable->type) || (variable->dim && !variable->dim->isConst());
    if (!isOpen && !uses.read.count(variable) && !uses.assigned.count(variable))
      continue;
    main.params[kept] = main.params[i];
    main.paramNames[kept] = main.paramNames[i];
    main.isMut[kept] = main.isMut[i];
    taken_[kept] = taken_[i];
    inputs_[kept++] = inputs_[i];
  }
  main.params.resize(kept);
  main.paramNames.resize(kept);
  main.isMut.resize(kept);
  inputs_.resize(kept);
  taken_.resize(kept);
}

void Session::keep(const std::vector<LeafValue> &leaves, const RandomState &random) {
  history_->record(*checker_, *program_.main, taken_, inputs_, changed_, outputs_, random, variables());
  Settled settled;
  Settle settle(leaves, settled);
  for (size_t i = 0; i < changed_.size(); ++i)
    settle.visit(outputs_[i].type, changed_[i]->known);
  // The sizes of a variable declared with `_` stay open.
  for (Binding *b : changed_)
    if (b->resizable)
      for (const Dim &d : b->type->dims)
        for (uint32_t symbol : d.symbols())
          settled.erase(symbol);
  DimMap constants = [&](const Dim &dim) {
    return dim.substitute([&](uint32_t symbol) -> std::optional<Dim> {
      auto it = settled.find(symbol);
      return it == settled.end() ? std::nullopt : std::optional(Dim(it->second));
    });
  };
  for (const auto &[name, binding] : scope_->names)
    if (isVariable(binding)) {
      binding->type = mapDims(binding->type, constants);
      binding->known = mapKnown(binding->known, constants);
    }
}

void Session::discard() {
  Checker &c = *checker_;
  scope_->names = before_->names;
  for (const auto &[binding, value] : before_->bindings)
    *binding = value;
  c.instanceByKey_ = before_->instances;
  c.instantiated_ = before_->instantiated;
  c.files_ = before_->files;
  c.frame_ = before_->frame;
  c.scope_ = scope_;
  c.active_.clear();
  c.loading_.clear();
  c.nesting_ = c.instanceNesting_ = 0;
  c.stopped_ = false;
  instances_ = before_->instancesInOrder;
}

std::vector<std::string> Session::names() const {
  std::vector<std::string> names;
  for (const Scope *s = scope_; s; s = s->parent)
    for (const auto &[name, binding] : s->names)
      names.push_back(name);
  return names;
}

} // namespace dl::sema
