// Files: imports, the prelude, the names of the language.
#include "compiler/sema/checker.h"
#include "compiler/sema/habits.h"
#include "compiler/syntax/parse.h"

#include <algorithm>

namespace dl::sema {

void Checker::declareBuiltins() {
  builtinScope_ = newScope(nullptr);
  builtinScope_->isFile = true;
  std::vector<std::string> broken;
  signatures_ = parseSignatures(options_.builtins, broken);
  for (const std::string &text : broken)
    diagnostics_->error(Code::InternalError, {}, "the signature `" + text + "` of a builtin does not parse");
  for (const auto &[name, signature] : signatures_) {
    Binding *b = newBinding(Binding::Function, name, {});
    declare(builtinScope_, b);
  }
  for (const std::string &name : intrinsicNames()) {
    Binding *b = newBinding(Binding::Function, name, {});
    b->known.boolean = true; // an intrinsic
    declare(builtinScope_, b);
  }
  for (const char *name : {"f32", "f64", "bf16", "i32", "i64", "u8", "bool", "int"}) {
    Binding *b = newBinding(Binding::Constant, name, {});
    b->type = elemType(*elemNamed(name));
    declare(builtinScope_, b);
  }
}

static std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

Scope *Checker::loadFile(const std::string &name, const std::string &importingPath, Span span) {
  std::string path, text;
  if (!options_.findImport || !options_.findImport(name, importingPath, path, text)) {
    if (span.valid())
      error(Code::ImportNotFound, span, "there is no file `" + name + ".dl` in the library or beside this one")
          .withHelp(habitHelp(name.substr(0, name.find('.'))));
    return nullptr;
  }
  if (auto it = files_.find(path); it != files_.end()) {
    if (std::find(loading_.begin(), loading_.end(), path) != loading_.end()) {
      Diagnostic &d = error(Code::ImportCycle, span, "`" + name + "` imports itself through other files");
      for (const std::string &p : loading_)
        d.note("while importing " + p);
    }
    return it->second;
  }
  asts_.push_back(parse(sources_.add(path, text), sources_, context_, *diagnostics_));
  const ast::File &file = asts_.back();
  Scope *scope = newScope(preludeScope_ ? preludeScope_ : builtinScope_);
  scope->isFile = true;
  scope->path = path;
  bool isPrelude = name == "prelude" && !preludeScope_;
  scope->isLibrary =
      isPrelude || (preludeScope_ && folderOf(path) == folderOf(preludeScope_->path) && !folderOf(path).empty());
  imperative_ |= !scope->isLibrary && mentionsParams(sources_.file(file.id).text);
  if (isPrelude)
    preludeScope_ = scope;
  files_[path] = scope;
  loading_.push_back(path);
  importDeclarations(file, scope);
  loading_.pop_back();
  return scope;
}

// What an imported file may hold: functions, modules, imports and constants.
void Checker::importDeclarations(const ast::File &file, Scope *scope) {
  Frame &frame = frames_.emplace_back();
  Function &function = program_.functionPool.emplace_back();
  function.name = scope->path;
  function.body = makeBody();
  frame.function = &function;
  frame.body = function.body;
  Restore<Frame *> outerFrame(frame_, &frame);
  Restore<Scope *> outerScope(scope_, scope);
  hoist(file.stmts, scope);
  for (const ast::Stmt *s : file.stmts) {
    switch (s->kind) {
    case ast::StmtKind::Import:
      checkImport(ast::as<const ast::Import>(s), scope);
      break;
    case ast::StmtKind::Let: {
      const ast::Let *let = ast::as<const ast::Let>(s);
      Value v = checkExpr(let->value);
      if (v.bad())
        break;
      if (let->type)
        matchType(let->type, v, scope, "`" + let->pattern.name + "`");
      bool constant = v.type->kind == TypeKind::Tuple || v.known.isConstant() || v.type->kind == TypeKind::ElemType ||
                      v.type->kind == TypeKind::None ||
                      (v.type->kind == TypeKind::Function && v.type->function->captureTypes.empty());
      for (const Known &item : v.known.items)
        constant &= item.isConstant();
      if (let->isVar || let->pattern.isTuple || !constant) {
        error(Code::NotConstant, s->span,
              "an imported file holds functions, modules and constants; this is computed when the program runs")
            .withHelp("put it into a function");
        break;
      }
      Binding *b = newBinding(Binding::Constant, let->pattern.name, let->pattern.span);
      b->type = v.type;
      b->known = v.known;
      declare(scope, b);
      break;
    }
    case ast::StmtKind::Fn:
    case ast::StmtKind::Module:
    case ast::StmtKind::Test:
    case ast::StmtKind::Error:
      break;
    default:
      error(Code::SyntaxError, s->span, "an imported file holds functions, modules and constants, no statements")
          .withHelp("put it into a function");
    }
  }
}

// A name of a file; functions that are always there count as everybody's, so that nn.relu is relu.
Binding *Checker::memberOfFile(Scope *file, const std::string &name) const {
  if (Binding *own = file->find(name))
    return own;
  Binding *shared = lookup(name, file->parent);
  return shared && shared->kind == Binding::Function ? shared : nullptr;
}

void Checker::checkImport(const ast::Import *stmt, Scope *scope) {
  std::string importing = scope->path;
  Scope *file = loadFile(stmt->module, importing, stmt->moduleSpan.valid() ? stmt->moduleSpan : stmt->span);
  if (!stmt->isFrom) {
    size_t dot = stmt->module.rfind('.');
    std::string name = !stmt->alias.empty()       ? stmt->alias
                       : dot == std::string::npos ? stmt->module
                                                  : stmt->module.substr(dot + 1);
    Binding *b = newBinding(file ? Binding::Space : Binding::Constant, name, stmt->span);
    b->env = file;
    declare(scope, b);
    noteUse(stmt->moduleSpan, b);
    return;
  }
  for (const ast::ImportName &n : stmt->names) {
    const std::string &name = n.alias.empty() ? n.name : n.alias;
    Binding *found = file ? memberOfFile(file, n.name) : nullptr;
    if (found) {
      scope->names[name] = found;
      noteUse(n.span, found);
      continue;
    }
    if (file) {
      std::vector<std::string> names;
      for (const auto &[candidate, binding] : file->names)
        names.push_back(candidate);
      Diagnostic &d = error(Code::ImportNotFound, n.span, "`" + stmt->module + "` has no `" + n.name + "`");
      std::string near = didYouMean(n.name, names);
      if (!near.empty())
        d.withHelp("did you mean `" + near + "`?");
    }
    declare(scope, newBinding(Binding::Constant, name, n.span)); // without a type: silent where it is used
  }
}

} // namespace dl::sema
