// Assignment: to variables, to parts of them, and through `&`.
#include "compiler/sema/checker.h"

namespace dl::sema {

// Adds the steps to a module's member; false when it has no storage.
bool Checker::addMember(Place &place, const Type &module, const std::string &name) const {
  auto it = details(*module->module).members.find(name);
  if (it == details(*module->module).members.end() || (it->second.field < 0 && it->second.tied.empty()))
    return false;
  std::vector<uint32_t> path = it->second.tied;
  if (path.empty())
    path.push_back(uint32_t(it->second.field));
  Type at = module;
  for (uint32_t index : path) {
    Place::Step step;
    step.index = index;
    step.type = at = partsOfTree(at)[index].type;
    place.steps.push_back(step);
  }
  return true;
}

std::optional<Place> Checker::placeOf(const ast::Expr *expr, bool report) {
  auto fail = [&](const std::string &message) -> std::optional<Place> {
    if (report)
      error(Code::NotAssignable, expr->span, message);
    return std::nullopt;
  };
  switch (expr->kind) {
  case ast::ExprKind::Name: {
    const std::string &name = ast::as<const ast::Name>(expr)->name;
    Binding *b = lookup(name, scope_);
    noteUse(expr->span, b);
    if (!b) {
      if (report) {
        Diagnostic *d = unknownName(name, expr->span, /*assigned=*/true);
        if (d && d->help.empty())
          d->withHelp("`let " + name + " = …` defines it, `var " + name + " = …` one that may change");
        declare(scope_, newBinding(Binding::Local, name, expr->span)); // one report is enough
      }
      return std::nullopt;
    }
    Place place;
    place.span = expr->span;
    if (b->kind == Binding::Member) {
      Binding *self = localOf(b->self);
      if (!self || !self->type)
        return std::nullopt;
      place.root = self;
      if (!addMember(place, self->type, name))
        return fail("`" + name + "` cannot be assigned, it is known when the program is compiled");
      return place;
    }
    if (b->kind != Binding::Local) {
      if (report)
        error(Code::NotAssignable, expr->span, "`" + name + "` cannot be assigned")
            .label(b->span, "declared here")
            .withHelp(b->kind == Binding::Constant ? "`var " + name + " = " + name + "` makes a variable of it" : "");
      return std::nullopt;
    }
    if (!b->type)
      return std::nullopt;
    if (b->place && b->frame == frame_) {
      place = *b->place;
      place.span = expr->span;
      return place;
    }
    place.root = b;
    return place;
  }
  case ast::ExprKind::Member: {
    const ast::Member *m = ast::as<const ast::Member>(expr);
    std::optional<Place> place = placeOf(m->base, report);
    if (!place)
      return std::nullopt;
    Type type = place->steps.empty() ? place->root->type : place->steps.back().type;
    if (m->name == "grad")
      if (std::optional<Place> gradient = companionOf(*place, 1)) {
        gradient->span = expr->span;
        return gradient;
      }
    Place::Step step;
    if (type->kind == TypeKind::Module && details(*type->module).members.count(m->name)) {
      if (!addMember(*place, type, m->name))
        return fail("`" + m->name + "` cannot be assigned, it is known when the program is compiled");
      place->span = expr->span;
      return place;
    }
    if (type->kind == TypeKind::Module) {
      // A named item of a container.
      if (std::optional<Place> pack = packPlace(*place, expr->span);
          pack && pack->steps.back().type->kind == TypeKind::Record) {
        place = pack;
        type = pack->steps.back().type;
      }
    }
    if (type->kind == TypeKind::Module || type->kind == TypeKind::Record) {
      std::optional<uint32_t> i = type->kind == TypeKind::Record ? partNamed(type, m->name) : std::nullopt;
      if (!i) {
        if (report)
          noMember(Code::NotAssignable, m->nameSpan, type, m->name, memberNames(type));
        return std::nullopt;
      }
      step.index = *i;
      step.type = type->items[*i];
    } else {
      return fail("`" + m->name + "` of " + str(type) + " cannot be assigned");
    }
    place->steps.push_back(step);
    place->span = expr->span;
    return place;
  }
  case ast::ExprKind::Index: {
    const ast::Index *index = ast::as<const ast::Index>(expr);
    std::optional<Place> place = placeOf(index->base, report);
    if (!place)
      return std::nullopt;
    *place = valuePlace(*place);
    Type type = place->steps.empty() ? place->root->type : place->steps.back().type;
    Place::Step step;
    if (type->kind == TypeKind::Module)
      if (std::optional<Place> pack = packPlace(*place, expr->span)) {
        place = pack;
        type = pack->steps.back().type;
      }
    if (type->kind == TypeKind::Record) {
      std::optional<std::vector<Value>> values = indexValues(index->items);
      std::optional<uint32_t> i =
          values && values->size() == 1 ? recordPart(type, (*values)[0], expr->span) : std::nullopt;
      if (!i)
        return std::nullopt;
      step.index = *i;
      step.type = type->items[*i];
    } else if (type->kind == TypeKind::Tuple) {
      std::optional<std::vector<Value>> values = indexValues(index->items);
      if (!values || values->size() != 1)
        return std::nullopt;
      const Value &i = (*values)[0];
      if (!i.known.dim || !i.known.dim->isConst())
        return fail("an index of a tuple must be known when the program is compiled");
      int64_t size = int64_t(type->items.size()), k = i.known.dim->constant();
      k = k < 0 ? k + size : k;
      if (k < 0 || k >= size)
        return fail("index " + i.known.dim->str() + " is out of range for a tuple of " + std::to_string(size));
      step.index = uint32_t(k);
      step.type = type->items[step.index];
    } else if (type->kind == TypeKind::Tensor) {
      std::optional<std::vector<Value>> values = indexValues(index->items);
      if (!values)
        return std::nullopt;
      bool chosen = false;
      for (Value &v : *values) {
        chosen |= isTensor(v.type) || isList(v.type);
        // Evaluated once, though the place is read and written.
        v = v.type->kind == TypeKind::Tensor ? materialise(v, "index") : v;
      }
      if (place->root->resizable && place->steps.empty())
        type = readBinding(place->root, expr->span).type;
      else if (isRagged(type))
        type = readPlace(*place, expr->span).type; // with the size of this element
      if (chosen) {
        std::optional<std::vector<Place::Step>> at = chosenSteps(type, index->items, *values, expr->span);
        if (!at)
          return std::nullopt;
        place->steps.insert(place->steps.end(), at->begin(), at->end());
        place->span = expr->span;
        return place;
      }
      Shape out;
      std::optional<std::vector<SliceItem>> slices = sliceItems(type, index->items, *values, expr->span, out);
      if (!slices)
        return std::nullopt;
      step.kind = Place::Step::Slices;
      step.slices = std::move(*slices);
      step.type = tensorType(type->elem, out);
    } else if (isList(type)) {
      std::optional<std::vector<Value>> values = indexValues(index->items);
      if (!values)
        return std::nullopt;
      const Value &i = (*values)[0];
      if (index->items.size() != 1 || index->items[0].kind != ast::IndexItem::Single || !isScalar(i.type) ||
          !isInteger(i.type->elem))
        return fail("one element of a list is assigned, by its position");
      step.kind = Place::Step::Item;
      step.position = materialise(convert(i, Elem::I64, expr->span), "index").expr;
      step.type = type->items[0];
    } else {
      return fail(str(type) + " cannot be indexed");
    }
    place->steps.push_back(std::move(step));
    place->span = expr->span;
    return place;
  }
  default:
    return fail("this cannot be assigned");
  }
}

bool Checker::isWritable(const Place &place) const {
  Binding *local = localOf(place.root);
  return local && local == place.root && local->isMutable;
}

bool Checker::writable(const Place &place, Span span) {
  if (isWritable(place))
    return true;
  const std::string &name = place.root->name;
  if (name == "self") {
    Diagnostic &d = error(Code::NotAssignable, span,
                          "`" + frame_->function->name + "` does not declare that it changes its module");
    d.withHelp("write `mut fn`").label(frame_->function->span, "this method");
    return false;
  }
  if (place.root->frame != frame_) {
    error(Code::NotAssignable, span, "`" + name + "` belongs to the code around this function, which has a copy of it")
        .label(place.root->span, "declared here")
        .withHelp("pass it as a `mut` parameter");
    return false;
  }
  Diagnostic &d = error(Code::NotAssignable, span, "`" + name + "` is not a `var`");
  d.label(place.root->span, "declared here");
  d.withHelp(frame_->caller ? "declare it with `var`, or as `mut` when it is a parameter" : "declare it with `var`");
  return false;
}

Value Checker::positionOf(const Place::Step &step) {
  Value v;
  v.type = scalarType(Elem::I64);
  v.expr = step.position;
  v.known.dim = step.position->dim;
  return v;
}

Value Checker::readPlace(const Place &place, Span span) {
  Value v = readVariable(place.root, span);
  for (const Place::Step &step : place.steps) {
    if (v.bad())
      return v;
    if (step.kind == Place::Step::Part) {
      v = part(v, step.index, span);
      continue;
    }
    if (step.kind == Place::Step::Chosen) {
      v = readChosen(v, step, span);
      continue;
    }
    if (step.kind == Place::Step::Item) {
      v = opened(listAt(opened(materialise(v, "list")), positionOf(step), span));
      continue;
    }
    Value s;
    s.type = step.type;
    s.span = span;
    s.expr = make(ExprKind::Slice, step.type, span);
    s.expr->args = {v.expr};
    s.expr->slices = step.slices;
    v = s;
  }
  return v;
}

// Writes `xs[i].a.b`; false where the place is none of these.
bool Checker::writeItemPart(const Place &place, Value value, Span span) {
  auto isWhole = [](const Type &type) {
    return type->kind == TypeKind::Record || type->kind == TypeKind::Tuple || type->kind == TypeKind::Module;
  };
  size_t item = place.steps.size();
  std::vector<uint32_t> path;
  while (item > 0 && place.steps[item - 1].kind == Place::Step::Part)
    path.insert(path.begin(), place.steps[--item].index);
  if (item == 0 || place.steps[item - 1].kind != Place::Step::Item)
    return false;
  for (size_t i = item - 1; i + 1 < place.steps.size(); ++i)
    if (!isWhole(place.steps[i].type))
      return false;
  if (!fitItem(value, place.steps.back().type, value.span.valid() ? value.span : span,
               "the value of `" + sourceText(place.span, 40) + "`"))
    return true;
  Place whole = place;
  whole.steps.resize(item - 1);
  Value list = readPlace(whole, span);
  if (!list.bad())
    writePlace(whole,
               withItemPart(opened(materialise(list, "list")), positionOf(place.steps[item - 1]), path,
                            materialise(value, "item"), span),
               span);
  return true;
}

void Checker::writePlace(const Place &place, Value value, Span span) {
  if (value.bad())
    return;
  if (frame_->noGrad > 0)
    value = stopGrad(value);
  if (place.steps.empty()) {
    assignVariable(place.root, value, span);
    return;
  }
  const Place::Step &last = place.steps.back();
  if (last.kind == Place::Step::Part && !changesType(last.type, value.type) && writeItemPart(place, value, span))
    return;
  Place outer = place;
  outer.steps.pop_back();
  Value whole = readPlace(outer, span);
  if (whole.bad())
    return;
  if (last.kind == Place::Step::Part && changesType(last.type, value.type)) {
    writePlace(outer, replacePart(whole, last.index, value, span), span);
    return;
  }
  if (last.kind == Place::Step::Part) {
    if (!fitItem(value, last.type, value.span.valid() ? value.span : span,
                 "the value of `" + sourceText(place.span, 40) + "`"))
      return;
    writePlace(outer, withPart(whole, last.index, value, span), span);
    return;
  }
  if (last.kind == Place::Step::Item) {
    if (!fitItem(value, last.type, value.span.valid() ? value.span : span,
                 "the value of `" + sourceText(place.span, 40) + "`"))
      return;
    whole = opened(materialise(whole, "list"));
    writePlace(outer, withListItem(whole, positionOf(last), value, span), span);
    return;
  }
  // The value is broadcast to the slice.
  if (value.type->kind != TypeKind::Tensor) {
    typeMismatch(value, str(last.type), value.span, "the value");
    return;
  }
  Value element = value;
  if (last.mask && isScalar(value.type)) {
    if (!conform(element, scalarType(last.type->elem), value.span, "the value of `" + sourceText(place.span, 40) + "`"))
      return;
    Value mask;
    mask.type = last.mask->type;
    mask.expr = last.mask;
    writePlace(outer, callBuiltin("where", {mask, element, whole}, span), span);
    return;
  }
  if (!conform(element, tensorType(last.type->elem, value.type->dims), value.span,
               "the value of `" + sourceText(place.span, 40) + "`"))
    return;
  if (!(element.type->dims == last.type->dims)) {
    // The slice is not stretched: a size of the value is that of the slice, or 1.
    const Shape &dims = element.type->dims, &room = last.type->dims;
    bool fits = dims.size() <= room.size();
    for (size_t i = 0; fits && i < dims.size(); ++i) {
      const Dim &size = dims[i], &place = room[room.size() - dims.size() + i];
      fits = compareDims(size, Dim(int64_t(1))) == Proof::Equal ||
             requireEqual(size, place, span, "assignment: size {0} of the value is not {1} of the slice");
    }
    if (!fits) {
      error(Code::ShapeMismatch, span,
            "the value is " + describe(element) + ", the slice `" + sourceText(place.span, 40) + "` is " +
                str(last.type));
      return;
    }
    element = opValue("expand", {element}, last.type, span);
  }
  if (last.kind == Place::Step::Chosen) {
    writePlace(outer, withChosen(whole, last, element, span), span);
    return;
  }
  Value updated = whole;
  updated.known = {};
  updated.binding = nullptr;
  updated.expr = make(ExprKind::UpdateSlice, whole.type, span);
  updated.expr->args = {whole.expr, element.expr};
  updated.expr->slices = last.slices;
  writePlace(outer, updated, span);
}

// Whether a literal of a tuple stands where the variable has a list.
static bool listForLiteral(const Type &have, const Type &given) {
  if (isList(have))
    return isTensor(given);
  if (have->kind != TypeKind::Tuple || given->kind != TypeKind::Tuple || have->items.size() != given->items.size())
    return false;
  for (size_t i = 0; i < have->items.size(); ++i)
    if (listForLiteral(have->items[i], given->items[i]))
      return true;
  return false;
}

// A variable may take a value of another shape where the program runs straight on from its declaration: it is then a
// new variable of the same name.
void Checker::assignVariable(Binding *b, Value value, Span span) {
  Binding *local = localOf(b);
  if (!local || !local->variable)
    return;
  if (value.bad()) {
    // It may have taken another shape here; what follows from the old one would be no news.
    if (local->depth == frame_->depth && !local->isMutParam)
      local->type = nullptr;
    return;
  }
  auto store = [&](const Value &v) {
    Stmt *s = makeStmt(StmtKind::Assign, span);
    s->variable = local->variable;
    s->value = v.expr;
    emit(s);
  };
  const Type &have = local->type;
  if (value.type->kind == TypeKind::Tensor && have->kind == TypeKind::Tensor && value.type->elem != have->elem) {
    if (!conform(value, tensorType(have->elem, value.type->dims), value.span.valid() ? value.span : span,
                 "the value of `" + local->name + "`"))
      return;
  }
  if (local->resizable) {
    if (value.type->kind != TypeKind::Tensor || value.type->dims.size() != have->dims.size()) {
      typeMismatch(value, str(have), value.span, "the value of `" + local->name + "`");
      return;
    }
    for (size_t i = 0; i < have->dims.size(); ++i)
      if (have->dims[i].isConst() && !requireEqual(value.type->dims[i], have->dims[i], span,
                                                   "a size of `" + local->name + "` is {0}, expected {1}")) {
        error(Code::ShapeMismatch, span,
              "the value of `" + local->name + "` is " + describe(value) + ", expected " + str(have));
        return;
      }
    store(value);
    return;
  }
  if (sameType(value.type, have)) {
    store(value);
    return;
  }
  if (have->kind == TypeKind::Tuple && listForLiteral(have, value.type)) {
    if (fitItem(value, have, value.span.valid() ? value.span : span, "the value of `" + local->name + "`"))
      store(value);
    return;
  }
  if (isList(have) && (isList(value.type) || value.items)) {
    if (conform(value, have, value.span.valid() ? value.span : span, "the value of `" + local->name + "`"))
      store(value);
    return;
  }
  bool sameKind = value.type->kind == have->kind && (have->kind != TypeKind::Tensor || value.type->elem == have->elem);
  if (sameKind && have->kind == TypeKind::Tensor && value.type->dims.size() == have->dims.size()) {
    bool equal = true;
    for (size_t i = 0; i < have->dims.size(); ++i)
      equal &= compareDims(value.type->dims[i], have->dims[i]) == Proof::Equal;
    if (equal) {
      store(value);
      return;
    }
  }
  if (!sameType(value.type, have) && loosens(value.type, have)) {
    if (conform(value, have, value.span.valid() ? value.span : span, "the value of `" + local->name + "`"))
      store(value);
    return;
  }
  bool straight = local->depth == frame_->depth && !local->isMutParam;
  if (sameKind && !straight && have->kind == TypeKind::Tensor && value.type->dims.size() == have->dims.size()) {
    std::string sizes, differs;
    for (size_t i = 0; i < have->dims.size(); ++i) {
      bool changes = compareDims(value.type->dims[i], have->dims[i]) == Proof::Different;
      if (changes && differs.empty())
        differs = ": size " + value.type->dims[i].str() + " of dimension " + std::to_string(i) + " is not " +
                  have->dims[i].str();
      sizes += (i ? ", " : "") + (changes ? "_" : have->dims[i].str());
    }
    if (!differs.empty()) {
      Diagnostic &d =
          error(Code::ShapeMismatch, value.span.valid() ? value.span : span,
                "the value of `" + local->name + "` is " + describe(value) + ", expected " + str(have) + differs);
      d.label(local->span, "declared here");
      if (!local->isMutParam)
        d.withHelp("a size that changes is declared as `_`: `var " + local->name + ": " +
                   std::string(elemName(have->elem)) + "[" + sizes + "] = …`");
      return;
    }
  }
  if (sameKind && straight) {
    const Type type = withOpenLists(value.type);
    Variable *next = makeVariable(local->name, type, local->span, true);
    Stmt *let = makeStmt(StmtKind::Let, span);
    let->variable = next;
    let->value = value.expr;
    emit(let);
    local->variable = next;
    local->type = type;
    local->origin = value.span;
    return;
  }
  if (changesType(have, value.type)) {
    error(Code::NotAssignable, span,
          "this changes the type of `" + local->name + "`: " + typeChange(have, value.type, local->name))
        .label(local->span, "declared here")
        .withHelp(
            local->isMutParam
                ? "a function cannot change the type of what it is given; give back a new value, as `m.with(fc=…)` does"
            : looseType(value.type, false)
                ? "`var " + local->name + ": " + value.type->module->decl->name +
                      " = …` declares that it may become another " + value.type->module->decl->name
                : "a variable changes its type only outside of branches and loops; or name a new value, `let m2 = "
                  "m.with(fc=…)`");
    return;
  }
  if (conform(value, have, value.span.valid() ? value.span : span, "the value of `" + local->name + "`"))
    store(value);
}

void Checker::assignTarget(const ast::Expr *target, Value value, Span span) {
  if (target->kind == ast::ExprKind::Tuple) {
    const ast::Tuple *t = ast::as<const ast::Tuple>(target);
    if (value.bad())
      return;
    value = unpacked(value, t->items.size(), target->span);
    if (value.bad())
      return;
    // All parts are read before the first is written: (a, b) = (b, a).
    Value whole = value;
    if (!isTrivial(value)) {
      Variable *variable = makeVariable("tuple", value.type, value.span, false);
      Stmt *let = makeStmt(StmtKind::Let, value.span);
      let->variable = variable;
      let->value = value.expr;
      emit(let);
      whole.expr = make(ExprKind::Var, value.type, value.span);
      whole.expr->variable = variable;
    }
    for (uint32_t i = 0; i < t->items.size(); ++i) {
      Value item = part(whole, i, t->items[i]->span);
      item.span = value.span;
      assignTarget(t->items[i], item, span);
    }
    return;
  }
  std::optional<Place> place = placeOf(target, true);
  if (!place)
    return;
  if (!writable(*place, target->span)) {
    // It was to take this value; what follows from the old one would be no news.
    if (place->steps.empty() && place->root->frame == frame_ &&
        (value.bad() || !sameType(value.type, place->root->type)))
      place->root->type = nullptr;
    return;
  }
  bool whole = !value.bad() && isParameter(value.type);
  Place written = whole ? *place : valuePlace(*place);
  bool hasParams = !value.bad() && holdsParams(value.type);
  writePlace(written, hasParams ? keepingParams(value, readPlace(written, span), span) : value, span);
}

bool Checker::checkAssign(const ast::Assign *stmt) {
  if (Growing *growing = growingOf(stmt->target); growing && growing->kind == Growing::Unknown) {
    growing->tried = true;
    Value v = checkExpr(stmt->value);
    if (!v.bad())
      v = asList(v, stmt->value->span);
    if (!v.bad())
      settleItems(*growing, v.type->items[0], stmt->value->span);
    return false;
  }
  if (!stmt->op) {
    Value v = checkExpr(stmt->value);
    if (!v.bad() && v.expr->kind == ExprKind::Unreachable)
      return true;
    if (!v.bad() && v.type->kind == TypeKind::Unit) {
      error(Code::TypeMismatch, stmt->value->span, "this gives no value");
      return false;
    }
    assignTarget(stmt->target, v, stmt->span);
    return false;
  }
  std::optional<Place> place = placeOf(stmt->target, true);
  Value rhs = checkExpr(stmt->value);
  if (!place || !writable(*place, stmt->target->span) || rhs.bad())
    return false;
  *place = valuePlace(*place);
  Value lhs = readPlace(*place, stmt->target->span);
  if (lhs.bad())
    return false;
  lhs.span = stmt->target->span;
  Value result = binary(*stmt->op, lhs, rhs, stmt->span, stmt->opSpan);
  result.span = stmt->value->span;
  if (!result.bad())
    writePlace(*place, result, stmt->span);
  return false;
}

} // namespace dl::sema
