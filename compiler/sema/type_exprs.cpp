// Types as written: sizes in signatures, matching of arguments, annotations.
#include "compiler/sema/checker.h"
#include "compiler/sema/habits.h"

namespace dl::sema {

static std::string helpForType(const std::string &name) {
  std::string habit = habitHelp(name);
  return habit.empty() ? "element types are f32, f64, bf16, i32, i64, u8 and bool" : habit;
}

// A name in a shape means a size of the signature, of the functions and modules around it; names of a whole file do not
// serve, so that `f32[B]` binds B whatever the file calls B.
Binding *Checker::shapeName(const std::string &name, Scope *scope) const {
  for (; scope && !scope->isFile; scope = scope->parent)
    if (Binding *b = scope->find(name))
      return b;
  return nullptr;
}

void Checker::bindShapeName(const std::string &name, const Dim &dim, Span span, Scope *scope) {
  Binding *b = newBinding(Binding::Local, name, span);
  b->type = scalarType(Elem::I64);
  b->known.dim = dim;
  declare(scope, b);
}

void Checker::bindElemName(const std::string &name, const Type &type, Span span, Scope *scope) {
  Binding *b = newBinding(Binding::Constant, name, span);
  b->type = type;
  declare(scope, b);
}

// The size that an expression in a shape means; nothing when a name in it has no size (yet).
std::optional<Dim> Checker::evalDim(const ast::Expr *expr, Scope *scope) {
  if (!expr)
    return std::nullopt;
  switch (expr->kind) {
  case ast::ExprKind::Int:
    return Dim(ast::as<const ast::IntLit>(expr)->value);
  case ast::ExprKind::Name: {
    const std::string &name = ast::as<const ast::Name>(expr)->name;
    Binding *b = shapeName(name, scope);
    noteUse(expr->span, b);
    if (!b)
      return std::nullopt;
    if (b->kind == Binding::Member) {
      Value v = readBinding(b, expr->span);
      return v.bad() ? std::nullopt : v.known.dim;
    }
    if (b->kind == Binding::Local && !b->known.isConstant()) {
      Binding *local = localOf(b);
      return local && !local->isMutable ? local->known.dim : std::nullopt;
    }
    return b->known.dim;
  }
  case ast::ExprKind::Unary: {
    const ast::Unary *u = ast::as<const ast::Unary>(expr);
    std::optional<Dim> d = evalDim(u->operand, scope);
    if (!d || u->op == ast::UnaryOp::Not)
      return std::nullopt;
    return u->op == ast::UnaryOp::Neg ? Dim(int64_t(0)) - *d : *d;
  }
  case ast::ExprKind::Binary: {
    const ast::Binary *b = ast::as<const ast::Binary>(expr);
    std::optional<Dim> x = evalDim(b->lhs, scope), y = evalDim(b->rhs, scope);
    if (!x || !y)
      return std::nullopt;
    bool zero = y->isConst() && y->constant() == 0;
    switch (b->op) {
    case ast::BinaryOp::Add:
      return *x + *y;
    case ast::BinaryOp::Sub:
      return *x - *y;
    case ast::BinaryOp::Mul:
      return *x * *y;
    case ast::BinaryOp::FloorDiv:
    case ast::BinaryOp::Mod:
      if (zero) {
        error(Code::BadDimension, b->span, "integer division by zero");
        return std::nullopt;
      }
      return b->op == ast::BinaryOp::Mod ? Dim::mod(*x, *y) : Dim::floorDiv(*x, *y);
    case ast::BinaryOp::Pow: {
      if (!y->isConst() || y->constant() < 0 || y->constant() > 16)
        return std::nullopt;
      Dim p(int64_t(1));
      for (int64_t i = 0; i < y->constant(); ++i)
        p = p * *x;
      return p;
    }
    default:
      return std::nullopt;
    }
  }
  case ast::ExprKind::Call: {
    const ast::Call *c = ast::as<const ast::Call>(expr);
    if (c->callee->kind != ast::ExprKind::Name || c->args.size() != 2)
      return std::nullopt;
    const std::string &name = ast::as<const ast::Name>(c->callee)->name;
    std::optional<Dim> x = evalDim(c->args[0].value, scope), y = evalDim(c->args[1].value, scope);
    if (!x || !y || (name != "min" && name != "max"))
      return std::nullopt;
    return name == "min" ? Dim::min(*x, *y) : Dim::max(*x, *y);
  }
  default:
    return std::nullopt;
  }
}

// The sizes of an argument beside what the type says of them. `onPack` gets those that a `*S` stands for.
using OnSize = std::function<void(const ast::Dim &, const Dim &)>;
using OnPack = std::function<void(const ast::Dim &, std::vector<Dim>)>;
static void forEachSize(const ast::TypeExpr *type, const Type &actual, const OnSize &onSize, const OnPack &onPack) {
  if (!type || !actual)
    return;
  if (type->kind == ast::TypeKind::Tuple && actual->kind == TypeKind::Tuple) {
    for (size_t i = 0; i < type->items.size() && i < actual->items.size(); ++i)
      forEachSize(type->items[i], actual->items[i], onSize, onPack);
    return;
  }
  if (type->kind == ast::TypeKind::List && isList(actual)) {
    forEachSize(type->items[0], actual->items[0], onSize, onPack);
    return;
  }
  if (type->kind != ast::TypeKind::Tensor || actual->kind != TypeKind::Tensor)
    return;
  int pack = -1;
  for (size_t i = 0; i < type->dims.size(); ++i)
    if (type->dims[i].kind == ast::Dim::Pack)
      pack = int(i);
  size_t fixed = type->dims.size() - (pack >= 0 ? 1 : 0);
  if (pack < 0 ? actual->dims.size() != fixed : actual->dims.size() < fixed)
    return; // reported by matchType
  size_t extra = actual->dims.size() - fixed;
  auto at = actual->dims.begin();
  for (size_t i = 0; i < type->dims.size(); ++i) {
    const ast::Dim &d = type->dims[i];
    if (int(i) == pack) {
      onPack(d, std::vector<Dim>(at, at + long(extra)));
      at += long(extra);
      continue;
    }
    if (d.kind == ast::Dim::Value && d.value)
      onSize(d, *at);
    ++at;
  }
}

// Binds the names that stand alone in the type's shapes to the sizes of an argument.
void Checker::bindSignatureDims(const ast::TypeExpr *type, const Type &actual, Scope *scope) {
  forEachSize(
      type, actual,
      [&](const ast::Dim &d, const Dim &size) {
        if (d.value->kind != ast::ExprKind::Name || size.isOpen())
          return;
        const std::string &name = ast::as<const ast::Name>(d.value)->name;
        if (!shapeName(name, scope))
          bindShapeName(name, size, d.span, scope);
      },
      [&](const ast::Dim &d, const std::vector<Dim> &sizes) {
        std::string name = "*" + d.name;
        if (d.name.empty() || d.name == "_" || shapeName(name, scope))
          return;
        Binding *b = newBinding(Binding::Local, name, d.span);
        b->type = tupleType(std::vector<Type>(sizes.size(), scalarType(Elem::I64)));
        for (const Dim &size : sizes) {
          Known item;
          item.dim = size;
          b->known.items.push_back(item);
        }
        declare(scope, b);
      });
}

// The size as a multiple of one name that has no value yet, and what is added: 2 * N + 1.
std::optional<Checker::Linear> Checker::linearDim(const ast::Expr *expr, Scope *scope) {
  if (std::optional<Dim> known = evalDim(expr, scope))
    return Linear{nullptr, Dim(int64_t(0)), *known};
  if (expr->kind == ast::ExprKind::Name)
    return Linear{ast::as<const ast::Name>(expr), Dim(int64_t(1)), Dim(int64_t(0))};
  if (expr->kind != ast::ExprKind::Binary)
    return std::nullopt;
  const ast::Binary *b = ast::as<const ast::Binary>(expr);
  std::optional<Linear> x = linearDim(b->lhs, scope), y = linearDim(b->rhs, scope);
  if (!x || !y || (x->name && y->name && x->name->name != y->name->name))
    return std::nullopt;
  const ast::Name *name = x->name ? x->name : y->name;
  switch (b->op) {
  case ast::BinaryOp::Add:
    return Linear{name, x->factor + y->factor, x->rest + y->rest};
  case ast::BinaryOp::Sub:
    return Linear{name, x->factor - y->factor, x->rest - y->rest};
  case ast::BinaryOp::Mul:
    if (x->name && y->name)
      return std::nullopt;
    return x->name ? Linear{name, x->factor * y->rest, x->rest * y->rest}
                   : Linear{name, y->factor * x->rest, y->rest * x->rest};
  default:
    return std::nullopt;
  }
}

std::optional<Dim> Checker::solve(const Linear &form, const Dim &size) {
  if (!form.name || form.factor == Dim(int64_t(0)))
    return std::nullopt;
  return Dim::floorDiv(size - form.rest, form.factor);
}

// Binds the names that stand in sums and multiples only: N by `f32[2 * N]`. That the size is such a multiple is known
// inside, and compared by matchType() outside.
void Checker::solveSignatureDims(const ast::TypeExpr *type, const Type &actual, Scope *scope, bool isInside) {
  forEachSize(
      type, actual,
      [&](const ast::Dim &d, const Dim &size) {
        if (d.value->kind == ast::ExprKind::Name || size.isOpen() || evalDim(d.value, scope))
          return;
        std::optional<Linear> form = linearDim(d.value, scope);
        std::optional<Dim> solved = form ? solve(*form, size) : std::nullopt;
        if (!solved || (solved->isConst() && solved->constant() < 0))
          return;
        bindShapeName(form->name->name, *solved, d.span, scope);
        if (isInside)
          assumeEqual(size, *evalDim(d.value, scope));
      },
      [](const ast::Dim &, const std::vector<Dim> &) {});
}

// Gives new sizes to the names in sums and multiples, where a type is looked at without a value.
void Checker::bindFreshNames(const ast::TypeExpr *type, Scope *scope) {
  for (const ast::TypeExpr *item : type->items)
    bindFreshNames(item, scope);
  if (type->kind != ast::TypeKind::Tensor)
    return;
  for (const ast::Dim &d : type->dims) {
    if (d.kind != ast::Dim::Value || !d.value || d.value->kind == ast::ExprKind::Name)
      continue;
    std::optional<Linear> form = linearDim(d.value, scope);
    if (form && form->name)
      bindShapeName(form->name->name, Dim::fresh(form->name->name), d.span, scope);
  }
}

// The sizes of a tensor type as written, with what is not known left open.
static std::string textOf(const ast::TypeExpr *type, const SourceManager &sources) {
  return type->span.valid() ? std::string(sources.text(type->span)) : type->name;
}

// The element type that a type's name means: a keyword, or a parameter of the function or the module around that was
// given one, as in `fn f(n: int, dtype) -> dtype[n]`.
std::optional<Elem> Checker::elemOf(const std::string &name, Scope *scope) {
  if (std::optional<Elem> elem = elemNamed(name))
    return elem;
  Binding *b = shapeName(name, scope);
  if (!b)
    return std::nullopt;
  const Type type = b->kind == Binding::Member ? readBinding(b, b->span).type : b->type;
  return type && type->kind == TypeKind::ElemType ? std::optional(type->elem) : std::nullopt;
}

// The module that a type's name means, `Node` or `nn.Linear`.
Binding *Checker::namedModule(const std::string &name, Scope *scope) const {
  std::string rest = name;
  Binding *b = nullptr;
  for (Scope *at = scope; at;) {
    size_t dot = rest.find('.');
    b = lookup(rest.substr(0, dot), at);
    if (dot == std::string::npos || !b)
      break;
    rest = rest.substr(dot + 1);
    at = b->kind == Binding::Space ? b->env : nullptr;
    b = nullptr;
  }
  return b && b->kind == Binding::Module ? b : nullptr;
}

// Makes the value fit the annotation: literals adapt, sizes are compared with what the names are bound to.
bool Checker::matchType(const ast::TypeExpr *type, Value &value, Scope *scope, const std::string &what) {
  if (value.bad())
    return false;
  switch (type->kind) {
  case ast::TypeKind::Function:
    if (value.type->kind == TypeKind::Function || value.type->kind == TypeKind::Module)
      return true;
    return typeMismatch(value, "a function", value.span, what);
  case ast::TypeKind::List:
    return matchList(type, value, scope, what);
  case ast::TypeKind::Tuple: {
    if (value.type->kind != TypeKind::Tuple || value.type->items.size() != type->items.size())
      return typeMismatch(value, textOf(type, sources_), value.span, what);
    if (value.parts) {
      std::vector<Value> items = *value.parts;
      for (size_t i = 0; i < items.size(); ++i)
        if (!matchType(type->items[i], items[i], scope, what + ": item " + std::to_string(i)))
          return false;
      value = tupleValue(std::move(items), value.span);
      return true;
    }
    Value whole = materialise(value, "tuple");
    std::vector<Value> items;
    bool same = true;
    for (uint32_t i = 0; i < type->items.size(); ++i) {
      Value item = value.expr->kind == ExprKind::Tuple && value.expr->args[i]->kind == ExprKind::Constant &&
                           i < value.known.items.size()
                       ? constantOf(value.type->items[i], value.known.items[i], value.span)
                       : part(whole, i, value.span);
      Type before = item.type;
      if (!matchType(type->items[i], item, scope, what + ": item " + std::to_string(i)))
        return false;
      same &= before == item.type;
      items.push_back(item);
    }
    if (!same)
      value = tupleValue(std::move(items), value.span);
    else
      value = whole;
    return true;
  }
  case ast::TypeKind::Named: {
    if (std::optional<Elem> elem = elemOf(type->name, scope)) {
      Value v = value;
      if (!conform(v, scalarType(*elem), value.span, what))
        return false;
      value = v;
      return true;
    }
    if (type->name == "str")
      return value.type->kind == TypeKind::Str || typeMismatch(value, "str", value.span, what);
    if (type->name == "_" || type->name == "any")
      return true;
    Binding *b = namedModule(type->name, scope);
    noteUse(type->span, b);
    if (!b) {
      error(Code::UnknownName, type->span, "`" + type->name + "` is no type").withHelp(helpForType(type->name));
      return false;
    }
    if (value.type->kind == TypeKind::Module && value.type->module->decl == b->module)
      return true;
    return typeMismatch(value, type->name, value.span, what);
  }
  case ast::TypeKind::Tensor:
    break;
  }
  std::optional<Elem> elem = elemOf(type->name, scope);
  if (!elem) {
    error(Code::UnknownName, type->span, "`" + type->name + "` is no element type").withHelp(helpForType(type->name));
    return false;
  }
  // With the element type that a parameter stands for.
  auto wanted = [&] {
    std::string text = textOf(type, sources_);
    return text.starts_with(type->name) ? std::string(elemName(*elem)) + text.substr(type->name.size()) : text;
  };
  if (value.type->kind != TypeKind::Tensor)
    return typeMismatch(value, wanted(), value.span, what);
  if (value.type->elem != *elem) {
    Value v = value;
    if (!conform(v, tensorType(*elem, value.type->dims), value.span, what))
      return false;
    value = v;
  }
  size_t packs = 0;
  for (const ast::Dim &d : type->dims)
    packs += d.kind == ast::Dim::Pack;
  if (packs > 1) {
    error(Code::RankMismatch, type->span, "a shape has at most one `*` part");
    return false;
  }
  size_t fixed = type->dims.size() - packs, rank = value.type->dims.size();
  if (packs ? rank < fixed : rank != fixed) {
    error(Code::RankMismatch, value.span,
          what + " is " + describe(value) + ", expected " + wanted() + ": " + (packs ? "at least " : "") +
              std::to_string(fixed) + (fixed == 1 ? " dimension" : " dimensions") + ", not " + std::to_string(rank))
        .label(type->span, "declared here");
    return false;
  }
  auto mustEqual = [&](const Dim &have, const Dim &want, size_t position, const ast::Dim &declared) {
    std::string text = what + " is " + str(value.type) + ", expected " + wanted() + ": size ";
    std::string written =
        declared.value && declared.value->kind == ast::ExprKind::Binary ? sourceText(declared.span) : "";
    std::string form = written.empty() || written == want.str() ? "" : written + " = ";
    std::string relation = " of dimension " + std::to_string(position) + " is not " + form;
    if (requireEqual(have, want, value.span, text + "{0}" + relation + "{1}"))
      return true;
    error(Code::ShapeMismatch, value.span,
          what + " is " + describe(value) + ", expected " + wanted() + ": size " + have.str() + relation + want.str())
        .label(declared.span, "declared here");
    return false;
  };
  size_t extra = rank - fixed, k = 0;
  for (const ast::Dim &d : type->dims) {
    if (d.kind == ast::Dim::Pack) {
      Binding *b = shapeName("*" + d.name, scope);
      if (b && b->known.items.size() != extra) {
        error(Code::RankMismatch, value.span,
              what + " is " + describe(value) + ": `*" + d.name + "` stands for " +
                  std::to_string(b->known.items.size()) + " dimensions, not " + std::to_string(extra));
        return false;
      }
      for (size_t j = 0; b && j < extra; ++j)
        if (!mustEqual(value.type->dims[k + j], *b->known.items[j].dim, k + j, d))
          return false;
      k += extra;
      continue;
    }
    bool any = d.kind == ast::Dim::Any ||
               (d.value && d.value->kind == ast::ExprKind::Name && ast::as<const ast::Name>(d.value)->name == "_");
    if (!any) {
      std::optional<Dim> want = evalDim(d.value, scope);
      std::optional<Linear> form = want ? std::nullopt : linearDim(d.value, scope);
      std::optional<Dim> solved = form ? solve(*form, value.type->dims[k]) : std::nullopt;
      if (solved && solved->isConst() && solved->constant() < 0) {
        error(Code::ShapeMismatch, value.span,
              what + " is " + describe(value) + ", expected " + wanted() + ": `" + form->name->name +
                  "` would be negative")
            .label(d.span, "declared here");
        return false;
      }
      if (!want) {
        error(Code::UnboundShapeVariable, d.span,
              "the size `" + sourceText(d.span) + "` mentions a name without a value here")
            .withHelp("a shape variable is bound where it stands alone, as in `f32[N]`");
        return false;
      }
      if (value.type->dims[k].isOpen()) {
        error(Code::ShapeMismatch, value.span,
              what + " is " + str(value.type) + ", whose first size differs from one to the next, expected " + wanted())
            .label(d.span, "`_` takes any size");
        return false;
      }
      if (!mustEqual(value.type->dims[k], *want, k, d))
        return false;
    }
    ++k;
  }
  return true;
}

// The type that an annotation means, without a value. Names without a size become new sizes when `bindUnknown`.
std::optional<Type> Checker::resolveType(const ast::TypeExpr *type, Scope *scope, bool bindUnknown) {
  switch (type->kind) {
  case ast::TypeKind::Named: {
    if (std::optional<Elem> elem = elemOf(type->name, scope))
      return scalarType(*elem);
    if (type->name == "str")
      return strType();
    return std::nullopt;
  }
  case ast::TypeKind::List: {
    std::optional<Type> item = resolveItem(type->items[0], scope);
    return item ? std::optional(listType(bindUnknown ? Dim::fresh("n") : Dim::open(), *item)) : std::nullopt;
  }
  case ast::TypeKind::Tuple: {
    std::vector<Type> items;
    for (const ast::TypeExpr *item : type->items) {
      std::optional<Type> t = resolveType(item, scope, bindUnknown);
      if (!t)
        return std::nullopt;
      items.push_back(*t);
    }
    return items.empty() ? unitType() : tupleType(std::move(items));
  }
  case ast::TypeKind::Tensor: {
    std::optional<Elem> elem = elemOf(type->name, scope);
    if (!elem) {
      error(Code::UnknownName, type->span, "`" + type->name + "` is no element type").withHelp(helpForType(type->name));
      return std::nullopt;
    }
    std::vector<Dim> dims;
    for (const ast::Dim &d : type->dims) {
      if (d.kind == ast::Dim::Pack) {
        Binding *b = shapeName("*" + d.name, scope);
        if (!b)
          b = shapeName(d.name, scope); // a variadic parameter
        if (!b)
          return std::nullopt;
        // `*ndim` of an int: that many new sizes.
        if (bindUnknown && b->known.dim && b->known.dim->isConst())
          for (int64_t j = 0; j < b->known.dim->constant(); ++j)
            dims.push_back(Dim::fresh("n"));
        for (const Known &item : b->known.items)
          dims.push_back(item.dim.value_or(Dim()));
        continue;
      }
      bool isName = d.value && d.value->kind == ast::ExprKind::Name;
      std::string name = isName ? ast::as<const ast::Name>(d.value)->name : "";
      if (d.kind == ast::Dim::Any || name == "_") {
        if (!bindUnknown)
          return std::nullopt;
        dims.push_back(Dim::fresh("n"));
        continue;
      }
      std::optional<Dim> size = evalDim(d.value, scope);
      if (!size && isName && bindUnknown) {
        size = Dim::fresh(name);
        bindShapeName(name, *size, d.span, scope);
      }
      if (!size) {
        if (bindUnknown)
          error(Code::UnboundShapeVariable, d.span,
                "the size `" + sourceText(d.span) + "` mentions a name without a value here")
              .withHelp("a shape variable is bound where it stands alone, as in `f32[N]`");
        return std::nullopt;
      }
      dims.push_back(*size);
    }
    return tensorType(*elem, std::move(dims));
  }
  default:
    return std::nullopt;
  }
}

} // namespace dl::sema
