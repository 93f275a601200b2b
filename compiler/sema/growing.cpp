// var xs = []: the elements are what is appended. What follows is checked up to there to find their type, and then
// again.
#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {

Restart::Restart(Frame &frame, Scope *scope)
    : frame_(frame), scope_(scope), names_(scope ? scope->names : std::unordered_map<std::string, Binding *>()),
      statements_(frame.body->stmts.size()), equal_(frame.equal), zero_(frame.zero), result_(frame.result),
      resultKnown_(frame.resultKnown), returned_(frame.returned), failed_(frame.failed) {
  // An assignment can give a variable another type.
  for (Scope *s = scope; s && s->frame == &frame; s = s->parent)
    for (const auto &[name, binding] : s->names)
      if (binding->kind == Binding::Local)
        bindings_.emplace_back(binding, *binding);
}

void Restart::restore() const {
  for (const auto &[binding, saved] : bindings_)
    *binding = saved;
  if (scope_)
    scope_->names = names_;
  frame_.body->stmts.resize(statements_);
  frame_.equal = equal_;
  frame_.zero = zero_;
  frame_.result = result_;
  frame_.resultKnown = resultKnown_;
  frame_.returned = returned_;
  frame_.failed = failed_;
}

bool Frame::isOutdated() const {
  return std::any_of(growing.begin(), growing.end(), [](const auto &g) { return g->changed; });
}

static bool isMadeFrom(const Dim &d, uint32_t first) {
  const auto symbols = d.symbols();
  return !d.isOpen() && std::any_of(symbols.begin(), symbols.end(), [&](uint32_t s) { return s >= first; });
}

// Whether the text behind the declaration appends something, be it in a part with an error that was not looked at.
bool Checker::isAppendedTo(const std::string &name, const std::vector<ast::Stmt *> &stmts, size_t next) const {
  for (size_t i = next; i < stmts.size(); ++i)
    for (const char *method : {".append(", ".push(", ".extend(", ".insert("})
      if (sources_.text(stmts[i]->span).find(name + method) != std::string_view::npos)
        return true;
  return false;
}

BlockResult Checker::checkGrowing(const ast::Let *let, const std::vector<ast::Stmt *> &stmts, size_t next,
                                  bool wantValue, Span span) {
  auto growing = std::make_shared<Growing>();
  if (auto known = frame_->settled.find(let); known != frame_->settled.end())
    *growing = known->second;
  growing->firstInside = Dim::fresh("n").symbolId();
  const Restart start(*frame_, scope_);
  frame_->growing.push_back(growing);
  BlockResult result;
  for (bool again = true; again;) {
    growing->changed = false;
    Diagnostics found(sources_);
    {
      Aside aside(*this, found);
      Value v = bad(let->value->span);
      if (growing->kind == Growing::List)
        v = listOf({}, growing->item, v.span);
      else if (growing->kind == Growing::Tuple)
        v = tupleValue({}, v.span);
      v.span = let->value->span;
      declareLocal(let->pattern.name, v, let->pattern.span, true);
      scope_->find(let->pattern.name)->growing = growing;
      result = checkStatements(stmts, next, wantValue, span);
    }
    again = growing->changed;
    bool isStale = frame_->isOutdated();
    bool mayGrow = growing->tried || isAppendedTo(let->pattern.name, stmts, next);
    if (!isStale && growing->kind == Growing::Unknown && !(mayGrow && found.hasErrors()))
      diagnostics_->error(Code::TypeMismatch, let->value->span, "the type of `[]` is not known")
          .withHelp("`" + let->pattern.name + ".append(x)` says what it holds; or declare it, as in `var " +
                    let->pattern.name + ": list[f32] = []`; `zeros(0)` is an empty tensor");
    report(found);
    if (!again)
      break;
    start.restore();
    bool isOuter = std::any_of(frame_->growing.begin(), frame_->growing.end(),
                               [&](const auto &g) { return g != growing && g->changed; });
    bool survives = true;
    if (growing->item)
      forEachDim(growing->item, [&](const Dim &d) { survives &= !isMadeFrom(d, frame_->growing[0]->firstInside); });
    if (survives)
      frame_->settled[let] = *growing;
    again = !isOuter;
  }
  growing->changed = false;
  frame_->growing.pop_back();
  return result;
}

Growing *Checker::growingOf(const ast::Expr *expr) const {
  if (expr->kind != ast::ExprKind::Name)
    return nullptr;
  Binding *b = lookup(ast::as<const ast::Name>(expr)->name, scope_);
  return b && b->kind == Binding::Local && b->frame == frame_ ? b->growing.get() : nullptr;
}

// The list has elements of this type from its declaration on; sizes that are made later are each element's own.
void Checker::settleItems(Growing &growing, const Type &type, Span span) {
  if (frame_->isOutdated())
    return;
  Type item = storedItem(type);
  if (isTensor(item) && isMadeFrom(item->dims[0], growing.firstInside)) {
    Shape dims = item->dims;
    dims[0] = Dim::open();
    item = tensorType(item->elem, std::move(dims));
  }
  auto isLater = [&] {
    bool later = false;
    forEachDim(item, [&](const Dim &d) { later |= isMadeFrom(d, growing.firstInside); });
    return later;
  };
  if (isLater())
    if (std::optional<Type> loose = looseType(item, false))
      item = *loose;
  if (isLater()) {
    error(Code::TypeMismatch, span, "this is " + str(type) + ", whose sizes are not known where the list is declared")
        .withHelp("declare the list behind what makes the sizes; a first size may differ from element to element");
    return;
  }
  growing.kind = Growing::List;
  growing.item = item;
  growing.changed = true;
}

// xs.append(x) while nothing is known of the elements.
bool Checker::growUnknown(const ast::Member *callee, const std::vector<ast::Arg> &ast) {
  Growing *growing = growingOf(callee->base);
  bool one = callee->name == "append" || callee->name == "push" || callee->name == "insert";
  if (!growing || growing->kind != Growing::Unknown || (!one && callee->name != "extend"))
    return false;
  growing->tried = true;
  std::vector<Argument> args = checkArguments(ast);
  if (args.empty())
    return false;
  Argument &last = args.back();
  settle(last);
  Value v = last.value;
  // Modules that are made one after the other may differ, and how many they are is known.
  const Binding *list = lookup(ast::as<const ast::Name>(callee->base)->name, scope_);
  if (one && !v.bad() && holdsModule(v.type) && list->depth == frame_->depth && !frame_->isOutdated()) {
    growing->kind = Growing::Tuple;
    growing->changed = true;
    return true;
  }
  if (!one && !v.bad())
    v = asList(v, last.span);
  if (!v.bad())
    settleItems(*growing, one ? v.type : v.type->items[0], last.span);
  return true;
}

// Whether the elements turn out to be of another kind than they seemed to be: of differing size, or of differing types,
// which are told apart where the program runs straight on from the declaration.
bool Checker::widen(Growing &growing, const Binding &binding, const Type &item, const Value &added) {
  const Type &type = added.type;
  if (growing.kind != Growing::List || frame_->isOutdated() || (isScalar(item) && isScalar(type)) || added.items)
    return false;
  bool alike = type->kind == item->kind;
  if (alike && type->kind == TypeKind::Tensor) {
    alike = type->dims.size() == item->dims.size();
    size_t first = SIZE_MAX;
    for (size_t k = 0; alike && k < type->dims.size(); ++k) {
      if (item->dims[k].isOpen())
        continue;
      Proof proof = compareDims(type->dims[k], item->dims[k]);
      bool isOwn = k == 0 && proof != Proof::Equal && isMadeFrom(type->dims[k], growing.firstInside);
      if (proof == Proof::Different || isOwn)
        first = std::min(first, k);
    }
    bool straight = binding.depth == frame_->depth;
    if (alike && first == 0 && !straight && type->elem == item->elem) {
      Shape dims = item->dims;
      dims[0] = Dim::open();
      growing.item = tensorType(item->elem, std::move(dims));
      growing.changed = true;
      return true;
    }
    alike &= first == SIZE_MAX;
  } else if (alike && type->kind == TypeKind::Module) {
    alike = sameType(type, item) || loosens(type, item);
    // Where they cannot be told apart either, what they are made with is a value of each.
    if (!alike)
      if (std::optional<Type> loose = looseType(item, binding.depth == frame_->depth); loose && loosens(type, *loose)) {
        growing.item = *loose;
        growing.changed = true;
        return true;
      }
  }
  if (alike || binding.depth != frame_->depth)
    return false;
  growing.kind = Growing::Tuple;
  growing.differs = true;
  growing.item = nullptr;
  growing.changed = true;
  return true;
}

// Whether values of one type make up the tuple, of which this is one more.
static bool isAlike(const Type &tuple, const Type &added) {
  return std::all_of(tuple->items.begin(), tuple->items.end(), [&](const Type &item) { return sameType(item, added); });
}

// What changes a list, where the elements' types differ.
std::optional<Value> Checker::growTuple(const ast::Member *callee, const std::vector<ast::Arg> &ast, Span span) {
  Growing *growing = growingOf(callee->base);
  bool append = callee->name == "append" || callee->name == "push", extend = callee->name == "extend",
       pop = callee->name == "pop";
  if (!growing || growing->kind != Growing::Tuple || (!append && !extend && !pop))
    return std::nullopt;
  Binding *list = lookup(ast::as<const ast::Name>(callee->base)->name, scope_);
  std::vector<Argument> args = checkArguments(ast);
  Value whole = readBinding(list, callee->base->span);
  if (whole.bad())
    return bad(span);
  if (args.size() != (pop ? 0 : 1)) {
    error(Code::WrongArguments, span, "`" + callee->name + "` takes " + (pop ? "no argument here" : "one argument"));
    return bad(span);
  }
  if (list->depth != frame_->depth) {
    if (append && !growing->differs && !args[0].value.bad() && isAlike(whole.type, args[0].value.type)) {
      settleItems(*growing, args[0].value.type, args[0].span);
      return bad(span);
    }
    error(Code::NotConstant, span,
          "the elements of `" + list->name + "` have different types, so how many there are is settled when compiled")
        .label(list->span, str(whole.type))
        .withHelp("change it outside of branches and loops, or append values of one type");
    return bad(span);
  }
  whole = materialise(whole, "items");
  std::vector<Value> items;
  for (uint32_t i = 0; i < whole.type->items.size(); ++i)
    items.push_back(part(whole, i, span));
  Value given = unit(span);
  if (pop) {
    if (items.empty()) {
      error(Code::BadOperand, span, "`" + list->name + "` is empty here");
      return bad(span);
    }
    given = materialise(items.back(), "item");
    items.pop_back();
  } else {
    settle(args[0]);
    if (args[0].value.bad())
      return bad(span);
    Value added = materialise(args[0].value, "added");
    added.known.literal = false;
    if (append)
      items.push_back(added);
    else if (added.type->kind != TypeKind::Tuple) {
      error(Code::TypeMismatch, args[0].span, "`extend` takes a tuple here, this is " + describe(added));
      return bad(span);
    } else {
      for (uint32_t i = 0; i < added.type->items.size(); ++i)
        items.push_back(part(added, i, span));
    }
  }
  assignVariable(list, tupleValue(std::move(items), span), span);
  return given;
}

} // namespace dl::sema
