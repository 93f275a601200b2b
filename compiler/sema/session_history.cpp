#include "compiler/sema/session_history.h"

#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {
namespace {

// What a body reads, and whether it, or what it calls, has to do with params.
class Survey {
public:
  explicit Survey(const Body *body) { visit(body); }

  bool reads(const Variable *variable) const { return variables.count(variable) != 0; }
  bool touchesParams = false; // makes params or reads them
  bool asks = false;          // differentiates, or asks where a value comes from

private:
  void visit(const Body *body) {
    if (!body)
      return;
    for (const Stmt *stmt : body->stmts) {
      variables.insert(stmt->variable);
      for (const Expr *part : {stmt->value, stmt->condition, stmt->message, stmt->begin, stmt->end, stmt->step})
        visit(part);
      visit(stmt->body);
    }
    visit(body->value);
  }
  void visit(const Expr *expr) {
    if (!expr)
      return;
    variables.insert(expr->variable);
    variables.insert(expr->mutArgs.begin(), expr->mutArgs.end());
    if (expr->kind == ExprKind::Op) {
      touchesParams |= expr->name == "param.leaf" || expr->name == "param.token";
      asks |= expr->name == "param.backward" || expr->name == "param.graph";
    }
    for (const Expr *argument : expr->args)
      visit(argument);
    visit(expr->thenBody);
    visit(expr->elseBody);
    for (const SliceItem &item : expr->slices) {
      visit(item.index);
      visit(item.begin);
    }
    if (expr->function && functions.insert(expr->function).second)
      visit(expr->function->body);
  }

  std::set<const Variable *> variables;
  std::set<const Function *> functions;
};

bool holdsFloats(const Type &type) {
  if (type->kind == TypeKind::Tensor)
    return isFloat(type->elem);
  return (type->kind == TypeKind::Tuple || type->kind == TypeKind::Record) &&
         std::any_of(type->items.begin(), type->items.end(), holdsFloats);
}

} // namespace

std::string History::slotOf(const Binding *binding) const {
  auto it = current_.find(binding);
  return it == current_.end() ? binding->name : it->second;
}

void History::need(int entry, std::set<int> &out) const {
  if (!out.insert(entry).second)
    return;
  for (const std::string &slot : kept_.at(entry).slots)
    if (auto it = sources_.find(slot); it != sources_.end())
      need(it->second.entry, out);
}

Value History::replayed(Checker &checker, const std::map<int, Variable *> &replays, const Source &source) const {
  Variable *all = replays.at(source.entry);
  Value whole = checker.unit(all->span);
  whole.type = all->type;
  whole.expr = checker.make(ExprKind::Var, all->type, all->span);
  whole.expr->variable = all;
  return checker.part(whole, source.index, all->span);
}

Value History::withTokens(Checker &checker, const Value &value, const Value &from) {
  Value out = value;
  if (value.type->kind == TypeKind::Module && from.type->kind == TypeKind::Module &&
      value.type->module->decl == from.type->module->decl &&
      value.type->module->fields.size() == from.type->module->fields.size()) {
    const std::vector<Field> &fields = value.type->module->fields;
    for (uint32_t i = 0; i < fields.size(); ++i) {
      if (Checker::hasGradient(*value.type->module, i))
        out = checker.withPart(out, i + 2, checker.part(from, i + 2, value.span), value.span);
      else if (checker.holdsParams(fields[i].type))
        out = checker.withPart(
            out, i, withTokens(checker, checker.part(value, i, value.span), checker.part(from, i, value.span)),
            value.span);
    }
  } else if (value.type->kind == TypeKind::Tuple && from.type->kind == TypeKind::Tuple &&
             value.type->items.size() == from.type->items.size()) {
    for (uint32_t i = 0; i < value.type->items.size(); ++i)
      if (checker.holdsParams(value.type->items[i]))
        out = checker.withPart(
            out, i, withTokens(checker, checker.part(value, i, value.span), checker.part(from, i, value.span)),
            value.span);
  }
  return out;
}

void History::reachBack(Checker &checker, Function &main, const std::vector<Binding *> &parameters,
                        std::vector<Session::Slot> &inputs) {
  Survey survey(main.body);
  if (!survey.asks)
    return;
  Span span = main.body->stmts.empty() ? Span{} : main.body->stmts[0]->span;
  std::set<int> needed;
  for (size_t i = 0; i < parameters.size(); ++i)
    if (auto it = sources_.find(inputs[i].name); it != sources_.end() && survey.reads(main.params[i]))
      need(it->second.entry, needed);
  if (needed.empty())
    return;

  Body *prologue = checker.makeBody();
  Restore<Body *> into(checker.frame_->body, prologue);
  std::map<std::string, Variable *> given; // by slot
  std::map<const Binding *, Variable *> now;
  for (size_t i = 0; i < inputs.size(); ++i) {
    given[inputs[i].name] = main.params[i];
    now[parameters[i]] = main.params[i];
  }
  auto read = [&](Variable *variable) {
    Value v = checker.unit(span);
    v.type = variable->type;
    v.expr = checker.make(ExprKind::Var, variable->type, span);
    v.expr->variable = variable;
    return v;
  };
  auto keep = [&](const std::string &name, const Value &value) {
    Variable *variable = checker.makeVariable(name, value.type, span, false);
    Stmt *let = checker.makeStmt(StmtKind::Let, span);
    let->variable = variable;
    let->value = value.expr;
    checker.emit(let);
    return variable;
  };
  auto assign = [&](Variable *variable, const Value &value) {
    Stmt *s = checker.makeStmt(StmtKind::Assign, span);
    s->variable = variable;
    s->value = value.expr;
    checker.emit(s);
  };
  auto setRandom = [&](const Value &seed, const Value &position) {
    Stmt *s = checker.makeStmt(StmtKind::Eval, span);
    s->value = checker.externValue("dl_rt_rng_set", {seed, position}, unitType(), span, false, false).expr;
    checker.emit(s);
  };

  Type number = scalarType(Elem::I64);
  Value state =
      read(keep("random", checker.externValue("dl_rt_rng_get", {}, tupleType({number, number}), span, false, false)));
  std::map<int, Variable *> replays;
  for (int id : needed) {
    Entry &entry = kept_.at(id);
    Expr *call = checker.make(ExprKind::Call, entry.main->result, span);
    call->function = entry.main;
    for (size_t i = 0; i < entry.slots.size(); ++i) {
      Value value;
      if (auto it = sources_.find(entry.slots[i]); it != sources_.end()) {
        value = replayed(checker, replays, it->second);
      } else {
        Variable *&variable = given[entry.slots[i]];
        if (!variable) {
          const Variable *old = entry.main->params[i];
          variable = checker.makeVariable(old->name, old->type, span, true);
          main.params.push_back(variable);
          main.paramNames.push_back(old->name);
          main.isMut.push_back(false);
          inputs.push_back({entry.slots[i], old->type});
        }
        value = read(variable);
        if (auto it = now.find(entry.inputs[i]); it != now.end() && it->second != variable)
          value = withTokens(checker, value, read(it->second));
      }
      call->args.push_back(value.expr);
    }
    Value result = checker.unit(span);
    result.type = entry.main->result;
    result.expr = call;
    setRandom(checker.intValue(entry.random.seed, span), checker.intValue(entry.random.position, span));
    replays[id] = keep("earlier", result);
    // Params that the entry made are those that its statements have read.
    for (const auto &[binding, source] : tokens_)
      if (auto it = now.find(binding); source.entry == id && it != now.end())
        assign(it->second, withTokens(checker, read(it->second), replayed(checker, replays, source)));
  }
  setRandom(checker.part(state, 0, span), checker.part(state, 1, span));
  for (size_t i = 0; i < parameters.size(); ++i)
    if (auto it = sources_.find(inputs[i].name); it != sources_.end() && survey.reads(main.params[i]))
      assign(main.params[i], replayed(checker, replays, it->second));
  main.body->stmts.insert(main.body->stmts.begin(), prologue->stmts.begin(), prologue->stmts.end());
}

void History::record(Checker &checker, Function &main, const std::vector<Binding *> &parameters,
                     const std::vector<Session::Slot> &inputs, const std::vector<Binding *> &outputs,
                     const std::vector<Session::Slot> &slots, const Session::RandomState &random,
                     const std::vector<Binding *> &alive) {
  Survey survey(main.body);
  Entry entry{&main, {}, {}, random};
  bool tracks = survey.touchesParams;
  // Only what the statements read is kept for them.
  std::vector<Variable *> params;
  std::vector<std::string> names;
  std::set<const Binding *> taken(parameters.begin(), parameters.end());
  for (size_t i = 0; i < main.params.size(); ++i) {
    Binding *binding = i < parameters.size() ? parameters[i] : nullptr;
    if (!survey.reads(main.params[i]) && !(binding && binding->resizable))
      continue;
    tracks |= sources_.count(inputs[i].name) != 0;
    entry.inputs.push_back(binding);
    entry.slots.push_back(inputs[i].name);
    params.push_back(main.params[i]);
    names.push_back(main.paramNames[i]);
  }
  int id = entries_++;
  bool keeps = false;
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    current_[outputs[i]] = slots[i].name;
    if (tracks && holdsFloats(slots[i].type)) {
      sources_[slots[i].name] = {id, i};
      keeps = true;
    }
    if (checker.holdsParams(slots[i].type) && !taken.count(outputs[i]))
      tokens_[outputs[i]] = {id, i};
  }
  if (keeps) {
    main.params = params;
    main.paramNames = names;
    main.isMut.assign(params.size(), false);
    main.name = main.symbol = kEarlierEntry;
    kept_.emplace(id, std::move(entry));
  }
  // Entries behind no living value are forgotten.
  std::set<int> needed;
  for (const Binding *b : alive)
    if (auto it = sources_.find(slotOf(b)); it != sources_.end())
      need(it->second.entry, needed);
  for (auto it = kept_.begin(); it != kept_.end();)
    it = needed.count(it->first) ? std::next(it) : kept_.erase(it);
  for (auto it = sources_.begin(); it != sources_.end();)
    it = kept_.count(it->second.entry) ? std::next(it) : sources_.erase(it);
  for (auto it = tokens_.begin(); it != tokens_.end();)
    it = kept_.count(it->second.entry) ? std::next(it) : tokens_.erase(it);
}

std::set<std::string> History::live(const std::vector<Binding *> &alive) const {
  std::set<std::string> slots;
  for (const Binding *b : alive)
    slots.insert(slotOf(b));
  for (const auto &[id, entry] : kept_)
    slots.insert(entry.slots.begin(), entry.slots.end());
  return slots;
}

} // namespace dl::sema
