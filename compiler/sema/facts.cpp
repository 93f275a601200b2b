// What the checker hands to editors: types of expressions, meanings of names, members.
#include "compiler/sema/facts.h"
#include "compiler/sema/checker.h"

#include <algorithm>

namespace dl::sema {
namespace {

// The declaration up to its body, on one line.
std::string heading(std::string_view text, size_t bodyOffset) {
  std::string out;
  for (char c : text.substr(0, bodyOffset)) {
    bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '=' || out.back() == '{'))
    out.pop_back();
  return out;
}

Span nameIn(Span declaration, const std::string &name, const SourceManager &sources) {
  std::string_view text = sources.text(declaration);
  auto isPart = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80); };
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    size_t end = at + name.size();
    if ((at == 0 || !isPart(text[at - 1])) && (end == text.size() || !isPart(text[end])))
      return {declaration.file, declaration.begin + uint32_t(at), declaration.begin + uint32_t(end)};
  }
  return declaration;
}

const ast::MemberDecl *memberDeclared(const ast::ModuleDecl &module, const std::string &name) {
  for (const ast::MemberDecl &m : module.members)
    if (name == (m.kind == ast::MemberDecl::Fn && m.fn ? m.fn->name : m.name))
      return &m;
  return nullptr;
}

const Symbol *listMethodNamed(const std::string &name) {
  static const std::vector<Symbol> methods = listMethods();
  auto it = std::find_if(methods.begin(), methods.end(), [&](const Symbol &method) { return method.name == name; });
  return it == methods.end() ? nullptr : &*it;
}

} // namespace

bool Checker::wantsFacts(Span span) const {
  return options_.facts && span.valid() && span.file == options_.facts->file &&
         (!frame_ || std::none_of(frame_->growing.begin(), frame_->growing.end(),
                                  [](const auto &g) { return g->kind == Growing::Unknown || g->changed; }));
}

Symbol Checker::symbolOfFn(const ast::FnDecl *fn, Symbol::Kind kind) const {
  Span body = fn->body ? fn->body->span : Span{};
  std::string_view text = fn->span.valid() ? sources_.text(fn->span) : std::string_view();
  size_t length = body.valid() && body.begin > fn->span.begin ? body.begin - fn->span.begin : text.size();
  return {kind, fn->name, fn->nameSpan.valid() ? fn->nameSpan : fn->span, heading(text, length), fn->doc};
}

Symbol Checker::symbolOfMember(const ModuleInstance &m, const std::string &name) const {
  Symbol symbol{Symbol::Field, name, m.decl->nameSpan, name, ""};
  auto member = details(m).members.find(name);
  std::string type;
  if (member != details(m).members.end())
    type = member->second.field >= 0 ? str(m.fields[size_t(member->second.field)].type)
                                     : typeText(member->second.type, member->second.known);
  const char *word = "let";
  if (const ast::MemberDecl *declared = memberDeclared(*m.decl, name)) {
    if (declared->kind == ast::MemberDecl::Fn)
      return symbolOfFn(declared->fn, Symbol::Method);
    word = declared->kind == ast::MemberDecl::Param    ? "param"
           : declared->kind == ast::MemberDecl::Buffer ? "buffer"
                                                       : "let";
    symbol.span = nameIn(declared->span, name, sources_);
    symbol.doc = declared->doc;
  } else {
    for (const ast::Param &p : m.decl->params)
      if (p.name == name) {
        symbol.span = p.span;
        word = "";
      }
  }
  symbol.signature = std::string(word) + (*word ? " " : "") + name + (type.empty() ? "" : ": " + type);
  return symbol;
}

Symbol Checker::symbolOf(const Binding *b) const {
  Symbol symbol{Symbol::Variable, b->name, b->span, b->name, ""};
  switch (b->kind) {
  case Binding::Function:
    if (b->fn)
      return symbolOfFn(b->fn, Symbol::Function);
    symbol.kind = Symbol::Builtin;
    if (auto row = signatures_.find(b->name); !b->known.boolean && row != signatures_.end()) {
      symbol.signature = "fn " + std::string(row->second.row->signature);
      symbol.doc = row->second.row->doc;
    } else {
      IntrinsicText text = intrinsicText(b->name);
      symbol.signature = text.signature.empty() ? "fn " + b->name : text.signature;
      symbol.doc = text.doc;
    }
    return symbol;
  case Binding::Module: {
    const ast::ModuleDecl &m = *b->module;
    std::string_view text = m.span.valid() ? sources_.text(m.span) : std::string_view();
    return {Symbol::Module, m.name, m.nameSpan, heading(text, text.find('{')), m.doc};
  }
  case Binding::Member:
    if (b->self && b->self->type && b->self->type->kind == TypeKind::Module)
      return symbolOfMember(*b->self->type->module, b->name);
    return symbol;
  case Binding::Space:
    symbol.kind = Symbol::File;
    symbol.signature = "import " + b->name;
    for (uint32_t id = 1; b->env && id <= sources_.size(); ++id)
      if (sources_.file(id).path == b->env->path) {
        symbol.span = {id, 0, 0};
        symbol.doc = b->env->path;
      }
    return symbol;
  case Binding::Constant:
    if (b->type && b->type->kind == TypeKind::ElemType && !b->span.valid()) {
      symbol.kind = Symbol::ElementType;
      symbol.doc = "an element type; `" + b->name + "(x)` converts";
      return symbol;
    }
    [[fallthrough]];
  case Binding::Local:
    symbol.signature = (b->isMutable ? "var " : "let ") + b->name;
    if (b->type)
      symbol.signature += ": " + typeText(b->type, b->known);
    return symbol;
  }
  return symbol;
}

void Checker::noteValue(Span span, const Value &value) {
  if (!wantsFacts(span) || value.bad())
    return;
  std::string text = value.space ? "a file" : typeText(value.type, value.known);
  options_.facts->types.push_back({span, std::move(text), instanceText(frame_)});
}

void Checker::noteUse(Span span, const Binding *binding) {
  if (binding && wantsFacts(span))
    used_.emplace_back(span, binding);
}

void Checker::noteName(const ast::Expr *expr) {
  if (options_.facts && expr->kind == ast::ExprKind::Name)
    noteUse(expr->span, lookup(ast::as<const ast::Name>(expr)->name, scope_));
}

void Checker::noteParameter(Span span, const ast::Param &parameter) {
  if (wantsFacts(span))
    options_.facts->meanings.push_back(
        {span,
         {Symbol::Parameter, parameter.name, parameter.span, heading(sources_.text(parameter.span), SIZE_MAX), ""}});
}

std::vector<Symbol> Checker::symbolsOf(const Scope *scope) const {
  std::vector<Symbol> out;
  for (const auto &[name, binding] : scope->names) {
    if (name.empty() || name[0] == '*')
      continue;
    out.push_back(symbolOf(binding));
    out.back().name = name;
  }
  std::sort(out.begin(), out.end(), [](const Symbol &a, const Symbol &b) { return a.name < b.name; });
  return out;
}

// base.name: what the name means, and at the cursor everything that might stand there.
void Checker::noteMember(const ast::Member *member, const Value &base) {
  if (!wantsFacts(member->nameSpan) || base.bad())
    return;
  Facts &facts = *options_.facts;
  const std::string &name = member->name;
  if (base.space)
    noteUse(member->nameSpan, memberOfFile(base.space, name));
  else if (base.type->kind == TypeKind::Module && memberOrHyper(*base.type->module, name))
    facts.meanings.push_back({member->nameSpan, symbolOfMember(*base.type->module, name)});
  else if (base.type->kind == TypeKind::Tensor &&
           (name == "shape" || name == "ndim" || name == "dtype" || name == "T" || name == "grad"))
    facts.meanings.push_back({member->nameSpan, {Symbol::Field, name, {}, "." + name, ""}});
  else if (const Symbol *method = isList(base.type) ? listMethodNamed(name) : nullptr)
    facts.meanings.push_back({member->nameSpan, *method});
  else
    noteUse(member->nameSpan, lookupCallable(name, scope_));

  bool atCursor = facts.cursor && member->nameSpan.begin <= *facts.cursor && *facts.cursor <= member->nameSpan.end;
  if (!atCursor || facts.foundMembers)
    return;
  facts.foundMembers = true;
  if (base.space) {
    facts.members = symbolsOf(base.space);
    return;
  }
  if (base.type->kind == TypeKind::Module) {
    const ModuleInstance &m = *base.type->module;
    for (const auto &[memberName, value] : details(m).members)
      facts.members.push_back(symbolOfMember(m, memberName));
    for (const ast::MemberDecl &declared : m.decl->members)
      if (declared.kind == ast::MemberDecl::Fn && declared.fn)
        facts.members.push_back(symbolOfFn(declared.fn, Symbol::Method));
    for (const std::string &method : moduleIntrinsics())
      facts.members.push_back({Symbol::Method, method, {}, "." + method + "(…)", ""});
    return;
  }
  if (base.type->kind == TypeKind::Record)
    for (size_t i = 0; i < base.type->names.size(); ++i)
      facts.members.push_back(
          {Symbol::Field, base.type->names[i], {}, base.type->names[i] + ": " + str(base.type->items[i]), ""});
  if (base.type->kind == TypeKind::Tensor)
    for (const char *property : {"shape", "ndim", "dtype", "T", "grad"})
      facts.members.push_back({Symbol::Field, property, {}, std::string(".") + property, ""});
  if (isList(base.type))
    facts.members = listMethods();
  facts.membersAreFunctions = true;
}

bool Checker::memberOrHyper(const ModuleInstance &m, const std::string &name) const {
  return details(m).members.count(name) != 0 || methodNamed(m, name) != nullptr;
}

// `layer(x: f32[64, 784])`; made once per instance.
std::string Checker::instanceText(const Frame *frame) {
  auto it = instanceTexts_.find(frame);
  return it == instanceTexts_.end() ? std::string() : it->second;
}

void Checker::noteInstance(const std::vector<Binding *> &parameters) {
  if (!options_.facts)
    return;
  std::string text = frame_->function->name + "(";
  for (const Binding *b : parameters)
    text += (text.back() == '(' ? "" : ", ") + b->name + (b->type ? ": " + typeText(b->type, b->known) : "");
  instanceTexts_[frame_] = text + ")";
}

// What stands in scopes and bindings only, at the end of the check.
void Checker::finishFacts(const Scope *fileScope) {
  if (!options_.facts)
    return;
  Facts &facts = *options_.facts;
  for (const Binding &b : bindings_) {
    if (!wantsFacts(b.span) || b.kind == Binding::Member)
      continue;
    Span name =
        b.kind == Binding::Space ? b.span : nameIn(b.span, b.name[0] == '*' ? b.name.substr(1) : b.name, sources_);
    facts.meanings.push_back({name, symbolOf(&b)});
    if (b.type && b.name[0] != '*')
      facts.types.push_back({name, typeText(b.type, b.known), instanceText(b.frame)});
  }
  for (const auto &[span, binding] : used_)
    facts.meanings.push_back({span, symbolOf(binding)});
  for (const Scope *s = fileScope->parent; s; s = s->parent)
    for (Symbol &symbol : symbolsOf(s))
      facts.library.push_back(std::move(symbol));
  for (const auto &[name, binding] : fileScope->names)
    if (binding->kind == Binding::Space && binding->env)
      facts.spaces[name] = symbolsOf(binding->env);
}

} // namespace dl::sema
