// Names: scopes, reading, captures, patterns.
#include "compiler/sema/checker.h"
#include "compiler/sema/free_names.h"
#include "compiler/sema/habits.h"

#include <algorithm>
#include <limits>
#include <numbers>

namespace dl::sema {

Scope *Checker::newScope(Scope *parent) {
  Scope &s = scopes_.emplace_back();
  s.parent = parent;
  s.frame = frame_;
  return &s;
}

Binding *Checker::newBinding(Binding::Kind kind, const std::string &name, Span span) {
  Binding &b = bindings_.emplace_back();
  b.kind = kind;
  b.name = name;
  b.span = span;
  b.frame = frame_;
  return &b;
}

void Checker::declare(Scope *scope, Binding *binding) {
  if (binding->name != "_")
    scope->names[binding->name] = binding;
}

Binding *Checker::lookup(const std::string &name, Scope *scope) const {
  for (; scope; scope = scope->parent)
    if (Binding *b = scope->find(name))
      return b;
  return nullptr;
}

Binding *Checker::lookupCallable(const std::string &name, Scope *scope) const {
  for (; scope; scope = scope->parent) {
    Binding *b = scope->find(name);
    if (!b)
      continue;
    bool callable = b->kind == Binding::Function || b->kind == Binding::Module;
    if (b->type && !callable)
      callable = b->type->kind == TypeKind::Function || b->type->kind == TypeKind::ElemType ||
                 (b->type->kind == TypeKind::Module && methodNamed(*b->type->module, "forward"));
    if (callable)
      return b;
  }
  return nullptr;
}

Binding *Checker::localOf(Binding *b) const {
  if (b->frame == frame_)
    return b;
  auto it = frame_->captures.find(b);
  return it == frame_->captures.end() ? nullptr : it->second;
}

// Whether a statement with an error of syntax in it has the name, or imports all of a file: then it may be defined
// there.
static bool mayBeUnread(const std::string &name, Span span, const Diagnostics &diagnostics,
                        const SourceManager &sources) {
  auto isPart = [](char c) { return c == '_' || isalnum(static_cast<unsigned char>(c)) || (c & 0x80); };
  for (const Diagnostic &d : diagnostics.all()) {
    if (d.code != Code::SyntaxError || d.span.file != span.file)
      continue;
    // A line that ends in an operator goes on.
    for (int number = sources.lineColumn(d.span.file, d.span.begin).line, more = true; more; ++number) {
      std::string_view line = sources.lineText(d.span.file, number);
      if (sources.text(d.span) == "*" && line.find("import") != std::string_view::npos)
        return true;
      for (size_t at = line.find(name); at != std::string_view::npos; at = line.find(name, at + 1)) {
        size_t end = at + name.size();
        if ((at == 0 || !isPart(line[at - 1])) && (end == line.size() || !isPart(line[end])))
          return true;
      }
      size_t last = line.find_last_not_of(" \t\r");
      more =
          last != std::string_view::npos && std::string_view(":=+-*/%@,.").find(line[last]) != std::string_view::npos;
    }
  }
  return false;
}

Diagnostic *Checker::unknownName(const std::string &name, Span span, bool assigned) {
  if (mayBeUnread(name, span, *reported_, sources_))
    return nullptr;
  std::vector<std::string> candidates;
  for (Scope *s = scope_; s; s = s->parent)
    for (const auto &[candidate, binding] : s->names)
      if (!assigned || binding->kind == Binding::Local)
        candidates.push_back(candidate);
  Diagnostic &d = error(Code::UnknownName, span, "`" + name + "` is not defined");
  std::string near = didYouMean(name, candidates);
  if (std::string habit = habitHelp(name); !habit.empty())
    d.withHelp(habit);
  else if (!near.empty())
    d.withHelp("did you mean `" + near + "`?");
  return &d;
}

// Numbers that have a name wherever nothing else has it. Like a number that is written out they take the type of what
// they meet.
static std::optional<double> constantNamed(std::string_view name) {
  if (name == "pi")
    return std::numbers::pi;
  if (name == "inf")
    return std::numeric_limits<double>::infinity();
  if (name == "nan")
    return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

Value Checker::readName(const std::string &name, Span span) {
  Binding *b = lookup(name, scope_);
  if (!b) {
    if (std::optional<double> constant = constantNamed(name))
      return floatValue(*constant, Elem::F32, span, true);
    unknownName(name, span);
    return bad(span);
  }
  return readBinding(b, span);
}

// Whether what is being checked runs as a part of a `test` block.
bool Checker::inTest() const {
  const Frame *root = frame_;
  while (root->caller)
    root = root->caller;
  return root->isTest;
}

Value Checker::readBinding(Binding *b, Span span) { return paramValue(readVariable(b, span), span); }

Value Checker::paramValue(const Value &whole, Span span) {
  if (whole.bad() || !isParameter(whole.type))
    return whole;
  Value value = part(whole, 0, span);
  value.binding = whole.binding;
  return value;
}

Value Checker::readVariable(Binding *b, Span span) {
  switch (b->kind) {
  case Binding::Constant:
    if (!b->type)
      return bad(span);
    {
      Value v = constantOf(b->type, b->known, span);
      v.binding = b;
      return v;
    }
  case Binding::Space: {
    auto node = std::make_shared<TypeNode>();
    node->kind = TypeKind::Module_;
    Value v = unit(span);
    v.type = node;
    v.expr->type = node;
    v.space = b->env;
    return v;
  }
  case Binding::Function:
  case Binding::Module:
    return functionOf(b, span);
  case Binding::Member: {
    if (auto captured = frame_->captures.find(b); captured != frame_->captures.end())
      return readBinding(captured->second, span);
    if (Binding *self = b->self; !localOf(self) && self->type) {
      // A function inside a method does not carry the module along for what is known when compiled.
      const auto &members = details(*self->type->module).members;
      if (auto member = members.find(b->name); member != members.end() && member->second.field < 0) {
        Value v = constantOf(member->second.type, member->second.known, span);
        v.binding = b;
        return v;
      }
    }
    Value self = readBinding(b->self, span);
    if (self.bad())
      return self;
    std::optional<Value> v = memberOf(self, b->name, span);
    if (!v)
      return bad(span);
    v->binding = b;
    return *v;
  }
  case Binding::Local:
    break;
  }
  if (!b->type) {
    ++unknownReads_;
    return bad(span);
  }
  // What is known and mentions no run-time size needs no variable, so it is the same in every function.
  if (!b->isMutable && b->known.isConstant() && b->type->kind != TypeKind::Tuple) {
    Value v = constantOf(b->type, b->known, span);
    v.binding = b;
    return v;
  }
  Binding *local = localOf(b);
  if (!local && inTest()) {
    error(Code::UnknownName, span,
          "a test sees the functions, modules and constants of its file; `" + b->name +
              "` is computed when the script runs")
        .label(b->span, "it is defined here")
        .withHelp("compute it inside of the test");
    return bad(span);
  }
  if (!local) {
    error(Code::UnknownName, span, "`" + b->name + "` has no value yet where this function is used")
        .label(b->span, "it is defined here")
        .withHelp(b->type && b->type->kind == TypeKind::Function
                      ? "a function that calls itself, or one that is defined below, is declared with `fn " + b->name +
                            "(…)`"
                      : "pass it as an argument, or define it before the function is used");
    return bad(span);
  }
  if (!local->type)
    return bad(span);
  if (local->place) {
    Value v = readPlace(*local->place, span);
    v.binding = local;
    return v;
  }
  Value v;
  v.type = local->type;
  v.span = span;
  v.binding = local;
  if (!local->isMutable && local->known.dim && isInt(local->type)) {
    v = dimValue(*local->known.dim, span);
    v.known = local->known;
    v.binding = local;
    return v;
  }
  v.known = local->isMutable ? Known{} : local->known;
  v.expr = make(ExprKind::Var, v.type, span);
  v.expr->variable = local->variable;
  if (local->resizable) {
    // The sizes change by assignment: every read has sizes of its own.
    v.type = mapDims(local->type, [&](const Dim &d) { return d.isConst() ? d : Dim::fresh(local->name + "_size"); });
    v.expr->type = v.type;
    Variable *snapshot = makeVariable(local->name, v.type, span, false);
    Stmt *let = makeStmt(StmtKind::Let, span);
    let->variable = snapshot;
    let->value = v.expr;
    emit(let);
    v.expr = make(ExprKind::Var, v.type, span);
    v.expr->variable = snapshot;
  }
  return opened(v);
}

// A function value, with the run-time values that its body reads from outside.
Value Checker::functionOf(Binding *b, Span span) {
  FunctionDetails d;
  d.env = b->env;
  if (b->kind == Binding::Module) {
    d.kind = FunctionDetails::Constructor;
    d.module = b->module;
    return functionValue(std::move(d), b->name, {}, span);
  }
  if (!b->fn) { // a builtin
    d.kind = b->known.boolean ? FunctionDetails::Intrinsic : FunctionDetails::Builtin;
    d.name = b->name;
    return functionValue(std::move(d), b->name, {}, span);
  }
  d.kind = FunctionDetails::Declared;
  d.fn = b->fn;
  std::vector<Value> captures;
  for (Binding *outer : freeNames(b->fn, nullptr, b->env)) {
    d.captured.push_back(outer);
    captures.push_back(readBinding(outer, span));
    if (captures.back().bad())
      return bad(span);
  }
  return functionValue(std::move(d), b->name, std::move(captures), span);
}

// The run-time values of outer functions that a body may read, also through the functions that it calls. Names that
// have no value yet are left out: using one is then an error at the use.
std::vector<Binding *> Checker::freeNames(const ast::FnDecl *fn, const ast::Lambda *lambda, Scope *env) {
  std::vector<Binding *> out;
  std::set<const void *> visited;
  std::vector<std::pair<std::set<std::string>, Scope *>> work;
  auto visit = [&](const ast::FnDecl *f, const ast::Lambda *l, Scope *scope) {
    if (!visited.insert(f ? static_cast<const void *>(f) : l).second)
      return;
    std::set<std::string> names;
    collectNames(f, l, names);
    work.emplace_back(std::move(names), scope);
  };
  visit(fn, lambda, env);
  while (!work.empty()) {
    auto [names, scope] = std::move(work.back());
    work.pop_back();
    for (const std::string &name : names) {
      Binding *b = lookup(name, scope);
      if (!b)
        continue;
      if (b->kind == Binding::Function && b->fn) {
        visit(b->fn, nullptr, b->env);
        continue;
      }
      if (b->kind == Binding::Member) {
        // A field is captured alone; a method needs the whole module.
        Binding *self = localOf(b->self);
        if (!self && frame_->captures.count(b) && std::find(out.begin(), out.end(), b) == out.end())
          out.push_back(b); // captured by the function around this one
        if (!self || !self->type)
          continue;
        auto member = details(*self->type->module).members.find(name);
        if (member == details(*self->type->module).members.end())
          b = b->self;
        else if (member->second.field < 0 && member->second.tied.empty())
          continue;
        else {
          if (std::find(out.begin(), out.end(), b) == out.end())
            out.push_back(b);
          continue;
        }
      }
      if (b->kind != Binding::Local || !b->type)
        continue;
      if (!b->isMutable && b->known.isConstant() && b->type->kind != TypeKind::Tuple)
        continue;
      if (localOf(b) && std::find(out.begin(), out.end(), b) == out.end())
        out.push_back(b);
    }
  }
  return out;
}

Type Checker::withOpenLists(const Type &type) {
  if (isList(type))
    return listType(Dim::open(), type->items[0]);
  if (type->kind != TypeKind::Tuple)
    return type;
  std::vector<Type> items;
  for (const Type &item : type->items)
    items.push_back(withOpenLists(item));
  return items.empty() ? type : tupleType(std::move(items));
}

void Checker::declareLocal(const std::string &name, const Value &value, Span span, bool isMutable) {
  Binding *b = newBinding(Binding::Local, name, span);
  b->origin = value.span;
  b->type = value.type;
  if (isMutable && b->type)
    b->type = withOpenLists(b->type);
  b->known = isMutable ? Known{} : value.known;
  b->isMutable = isMutable;
  b->depth = frame_->depth;
  declare(scope_, b);
  if (value.bad())
    return;
  if (value.space) {
    b->kind = Binding::Space;
    b->env = value.space;
    return;
  }
  // Gradients change, whatever happens to the values.
  b->variable = makeVariable(name, b->type, span, isMutable || holdsParams(b->type));
  if (!isMutable && isInt(value.type)) {
    if (!b->known.dim)
      b->known.dim = Dim::fresh(name, false);
    b->variable->dim = b->known.dim;
  }
  Stmt *let = makeStmt(StmtKind::Let, span);
  let->variable = b->variable;
  let->value = value.expr;
  emit(let);
}

// The value as a tuple of as many as the names at `span`: a tuple itself, the elements of a list, the rows of a tensor.
Value Checker::unpacked(const Value &value, size_t count, Span span) {
  if (value.bad())
    return bad(span);
  const std::string takes = "this takes " + std::to_string(count) + " values, ";
  if (value.type->kind == TypeKind::Tuple) {
    if (value.type->items.size() == count)
      return value;
    error(Code::BadPattern, span, takes + "the tuple has " + std::to_string(value.type->items.size()))
        .label(value.span, str(value.type));
    return bad(span);
  }
  if (!isTensor(value.type) && !isList(value.type)) {
    error(Code::BadPattern, span, takes + "this is " + str(value.type)).label(value.span, str(value.type));
    return bad(span);
  }
  Value whole = opened(materialise(value, "unpacked"));
  if (!requireEqual(whole.type->dims[0], Dim(int64_t(count)), span, takes + "there are {0}")) {
    error(Code::BadPattern, span, takes + "there are " + whole.type->dims[0].str()).label(value.span, str(value.type));
    return bad(span);
  }
  std::vector<Value> items;
  for (size_t i = 0; i < count; ++i) {
    Value at = intValue(int64_t(i), span);
    items.push_back(opened(isList(whole.type) ? listAt(whole, at, span) : sliceAt(whole, at, span)));
  }
  return tupleValue(std::move(items), span);
}

void Checker::bindPattern(const ast::Pattern &pattern, const Value &value, bool isMutable) {
  if (!pattern.isTuple) {
    if (pattern.name == "_") {
      if (!value.bad() && !isTrivial(value)) {
        Stmt *eval = makeStmt(StmtKind::Eval, pattern.span);
        eval->value = value.expr;
        emit(eval);
      }
      return;
    }
    declareLocal(pattern.name, value, pattern.span, isMutable);
    return;
  }
  Value whole = unpacked(value, pattern.items.size(), pattern.span);
  if (!whole.bad())
    whole = materialise(whole, "tuple");
  for (size_t i = 0; i < pattern.items.size(); ++i) {
    Value item = whole.bad() ? bad(pattern.span) : part(whole, uint32_t(i), pattern.items[i].span);
    item.span = value.span;
    bindPattern(pattern.items[i], item, isMutable);
  }
}

} // namespace dl::sema
