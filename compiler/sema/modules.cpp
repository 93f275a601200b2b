// Modules: construction, fields, training mode.
#include "compiler/sema/checker.h"
#include "compiler/sema/free_names.h"

namespace dl::sema {

Value Checker::fieldValue(const Value &module, uint32_t index, Span span) {
  const Field &f = module.type->module->fields[index];
  if (f.dim) {
    Value v = dimValue(*f.dim, span);
    return v;
  }
  auto get = [&](uint32_t k) {
    Value v;
    v.type = module.type->module->fields[k].type;
    v.span = span;
    if (module.expr->kind == ExprKind::Tuple && isTrivial(module)) {
      v.expr = module.expr->args[k];
      return opened(v);
    }
    v.expr = make(ExprKind::Get, v.type, span);
    v.expr->args = {module.expr};
    v.expr->index = k;
    return opened(v);
  };
  if (frame_->noGrad == 0 && hasGradient(*module.type->module, index))
    return leafOf(get(index), get(index + 2), span);
  return get(index);
}

// Whether a value has nothing that must be kept when the program runs.
static bool isCompileTime(const Type &type, const Known &known) {
  switch (type->kind) {
  case TypeKind::None:
  case TypeKind::ElemType:
    return true;
  case TypeKind::Str:
    return known.text.has_value();
  case TypeKind::Tensor:
    return (known.dim && known.dim->isConst()) || known.boolean.has_value();
  case TypeKind::Tuple:
    for (size_t i = 0; i < type->items.size(); ++i)
      if (i >= known.items.size() || !isCompileTime(type->items[i], known.items[i]))
        return false;
    return true;
  case TypeKind::Function:
    return type->function->captureTypes.empty();
  default:
    return false;
  }
}

// The hyper-parameters become constants or fields, then every member is evaluated in order and sees those before it.
BlockResult Checker::constructModule(const Target &target, Scope *scope, const std::vector<Binding *> &hyper) {
  const ast::ModuleDecl *decl = target.module;
  BlockResult result;
  auto m = std::make_shared<ModuleInstance>();
  auto d = std::make_shared<ModuleDetails>();
  m->decl = decl;
  d->env = target.env;
  std::set<std::string> assigned, memberNames;
  for (const ast::MemberDecl &member : decl->members) {
    if (member.kind == ast::MemberDecl::Fn && member.fn) {
      if (member.fn->isMut)
        collectAssigned(member.fn, assigned);
      continue;
    }
    memberNames.insert(member.name);
  }
  Value module = unit(target.span);
  module.expr = make(ExprKind::Tuple, nullptr, target.span);
  bool failed = false;
  std::string shown;
  // `grows`: a list whose length may change.
  auto add = [&](Field::Kind kind, const std::string &name, const Value &v, bool keep, bool grows) {
    ModuleDetails::Member member;
    if (!keep && isCompileTime(v.type, v.known)) {
      member.type = v.type;
      member.known = v.known;
      member.known.literal = false;
      m->constants.emplace_back(name, knownKey(v.known, [](const Dim &dim) { return dim.str(); }));
    } else {
      member.field = int(m->fields.size());
      Field f;
      f.kind = kind;
      f.name = name;
      f.type = grows && isList(v.type) ? listType(Dim::open(), v.type->items[0]) : v.type;
      // A field that a method may change serves in no size.
      if (isInt(v.type) && !keep)
        f.dim = v.known.dim;
      m->fields.push_back(std::move(f));
      module.expr->args.push_back(v.expr);
      if (kind == Field::Param)
        addCompanions(*m, module, target.span);
    }
    d->members[name] = std::move(member);
  };
  for (Binding *b : hyper) {
    if (!b->type) {
      failed = true;
      continue;
    }
    Value v = readBinding(b, b->span);
    if (v.bad()) {
      failed = true;
      continue;
    }
    std::string text = v.known.dim ? v.known.dim->str() : v.known.boolean ? (*v.known.boolean ? "true" : "false") : v.type->kind == TypeKind::Module ? str(v.type) : "";
    bool isDefault = v.known.boolean.has_value();
    if (!text.empty() && !isDefault)
      shown += (shown.empty() ? "" : ", ") + text;
    if (v.type->kind == TypeKind::Tuple) {
      bool modules = !v.type->items.empty();
      for (const Type &t : v.type->items)
        modules &= t->kind == TypeKind::Module;
      for (size_t i = 0; modules && i < v.type->items.size(); ++i)
        shown += (shown.empty() ? "" : ", ") + str(v.type->items[i]);
    }
    if (!memberNames.count(b->name)) // a member of the same name takes its place
      add(Field::Let, b->name, v, assigned.count(b->name) != 0, false);
  }
  m->name = decl->name + "(" + shown + ")";
  for (const ast::MemberDecl &member : decl->members) {
    if (member.kind == ast::MemberDecl::Fn)
      continue;
    if (d->members.count(member.name)) {
      error(Code::Redefinition, member.span, "`" + member.name + "` is defined twice in `" + decl->name + "`");
      failed = true;
      continue;
    }
    Value v = checkExpr(member.value);
    if (!v.bad() && member.type) {
      if (!matchType(member.type, v, scope, "`" + member.name + "`"))
        v = bad(member.span);
    }
    if (!v.bad() && v.type->kind == TypeKind::Unit) {
      error(Code::TypeMismatch, member.value->span, "this gives no value");
      v = bad(member.span);
    }
    if (v.bad()) {
      failed = true;
      Binding *b = newBinding(Binding::Local, member.name, member.span);
      declare(scope_, b);
      continue;
    }
    if (member.type || member.kind != ast::MemberDecl::Let) {
      v.known.literal = false;
      if (v.type->kind == TypeKind::Tensor && isFloat(v.type->elem))
        v.known.number.reset();
    }
    Field::Kind kind = member.kind == ast::MemberDecl::Param ? Field::Param : member.kind == ast::MemberDecl::Buffer ? Field::Buffer : Field::Let;
    if (kind == Field::Param && v.type->kind == TypeKind::Tensor && !isFloat(v.type->elem)) {
      error(Code::TypeMismatch, member.value->span, "a `param` is trained, so it holds floating-point numbers, not " + describe(v)).withHelp("`buffer` holds state that is not trained");
      failed = true;
    }
    bool keep = assigned.count(member.name) || member.name == "training" || (kind == Field::Buffer && v.type->kind != TypeKind::None);
    v.known.literal = false;
    if (keep && isInt(v.type))
      v.known = {};
    v.span = member.value->span;
    // The other members read it from a variable.
    Restore<int> mode(frame_->noGrad, 0);
    if (keep && isInt(v.type)) {
      Variable *variable = makeVariable(member.name, v.type, member.span, false);
      Stmt *let = makeStmt(StmtKind::Let, member.span);
      let->variable = variable;
      let->value = v.expr;
      emit(let);
      Binding *b = newBinding(Binding::Local, member.name, member.span);
      b->type = v.type;
      b->variable = variable;
      b->isMutable = true; // so that it is not taken for a size
      declare(scope_, b);
    } else {
      declareLocal(member.name, v, member.span, false);
    }
    Value read = readName(member.name, member.span);
    if (read.bad()) {
      failed = true;
      continue;
    }
    add(kind, member.name, read, keep, kind != Field::Param && member.type && member.type->kind == ast::TypeKind::List);
  }
  if (failed) {
    result.value = bad(target.span);
    return result;
  }
  m->details = d;
  module.type = moduleType(m);
  module.expr->type = module.type;
  result.value = module;
  return result;
}

// Sets every member called `training`, as PyTorch's train() and eval() do.
Value Checker::setTraining(const Value &value, bool training, Span span) {
  if (isList(value.type))
    return setListTraining(value, training, span);
  size_t count = value.type->kind == TypeKind::Module  ? value.type->module->fields.size()
                 : value.type->kind == TypeKind::Tuple ? value.type->items.size()
                                                       : 0;
  Value out = value;
  for (uint32_t i = 0; i < count; ++i) {
    bool isFlag = false;
    Type type;
    if (value.type->kind == TypeKind::Module) {
      const Field &f = value.type->module->fields[i];
      type = f.type;
      isFlag = f.name == "training" && isScalar(type) && type->elem == Elem::Bool;
    } else {
      type = value.type->items[i];
    }
    std::function<bool(const Type &)> contains = [&](const Type &t) {
      if (t->kind == TypeKind::Module) {
        for (const Field &f : t->module->fields)
          if (f.name == "training" || contains(f.type))
            return true;
      } else if (t->kind == TypeKind::Tuple || isList(t)) {
        for (const Type &item : t->items)
          if (contains(item))
            return true;
      }
      return false;
    };
    if (isFlag)
      out = withPart(out, i, boolValue(training, span), span);
    else if (contains(type))
      out = withPart(out, i, setTraining(part(value, i, span), training, span), span);
  }
  return out;
}

} // namespace dl::sema
