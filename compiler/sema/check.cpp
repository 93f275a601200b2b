// The whole script: its statements, exported functions, tests, and what nothing calls.
#include "compiler/sema/check.h"

#include "compiler/sema/checker.h"
#include "compiler/sema/large_stack.h"

namespace dl::sema {

Checker::Checker(SourceManager &sources, ast::AstContext &context, Diagnostics &diagnostics, const Options &options,
                 Program &program)
    : sources_(sources), context_(context), diagnostics_(&diagnostics), reported_(&diagnostics), options_(options),
      program_(program) {}

void Checker::run(const ast::File &file) {
  Frame &frame = frames_.emplace_back();
  Function &main = program_.functionPool.emplace_back();
  main.name = main.symbol = "main";
  symbolCount_["main"] = 1;
  main.body = makeBody();
  main.result = unitType();
  frame.function = &main;
  frame.body = main.body;
  frame_ = &frame;
  declareBuiltins();
  imperative_ = file.id && mentionsParams(sources_.file(file.id).text);
  std::string path = file.id ? sources_.file(file.id).path : "";
  loadFile("prelude", path, {});
  Scope *scope = newScope(preludeScope_ ? preludeScope_ : builtinScope_);
  scope->isFile = true;
  scope->path = path;
  scope_ = scope;
  files_[path] = scope;
  loading_.push_back(path);
  hoist(file.stmts, scope);
  for (const ast::Stmt *s : file.stmts)
    if (s->kind == ast::StmtKind::Import)
      checkImport(ast::as<const ast::Import>(s), scope);
  checkStatements(file.stmts, 0, false, {});
  for (const ast::Stmt *s : file.stmts) {
    if (s->kind == ast::StmtKind::Fn && ast::as<const ast::FnDecl>(s)->isExport)
      instantiateForAllSizes(ast::as<const ast::FnDecl>(s), scope, Reason::Exported);
    if (s->kind == ast::StmtKind::Test)
      checkTest(ast::as<const ast::Test>(s), scope);
  }
  if (Binding *asked = options_.asked.empty() ? nullptr : scope->find(options_.asked); asked && asked->fn)
    instantiateForAllSizes(asked->fn, asked->env, Reason::Asked, options_.types);
  program_.functions.push_back(&main);
  program_.main = &main;
  if (options_.checkUncalled)
    checkUncalled(file, scope);
  finishFacts(scope);
}

void Checker::checkTest(const ast::Test *test, Scope *scope) {
  Frame &frame = frames_.emplace_back();
  frame.caller = nullptr;
  frame.isTest = true;
  Function &function = program_.functionPool.emplace_back();
  function.name = "test \"" + test->name + "\"";
  function.symbol = "test$" + std::to_string(program_.tests.size());
  function.span = test->span;
  function.body = makeBody();
  function.result = unitType();
  frame.function = &function;
  frame.body = function.body;
  Restore<Frame *> outer(frame_, &frame);
  Restore<Scope *> at(scope_, scope);
  checkBlock(test->body, newScope(scope), false);
  program_.functions.push_back(&function);
  program_.tests.push_back({test->name, &function});
}

// Instantiates a function whose parameters have declared types, for all sizes at once.
void Checker::instantiateForAllSizes(const ast::FnDecl *fn, Scope *scope, Reason reason, const ast::TypeExpr *types) {
  bool isExport = reason == Reason::Exported, isAsked = reason == Reason::Asked;
  Target target = targetOfFn(fn, scope);
  Scope *signature = newScope(scope);
  std::vector<Value> values;
  std::vector<bool> isMut;
  if (types && types->items.size() != fn->params.size()) {
    error(Code::WrongArguments, types->span,
          "`" + fn->name + "` has " + std::to_string(fn->params.size()) + " parameters, " +
              std::to_string(types->items.size()) + " types are given")
        .label(fn->nameSpan, "defined here");
    return;
  }
  for (const ast::Param &p : fn->params) {
    bool isIntType = p.type && p.type->kind == ast::TypeKind::Named && (p.type->name == "int" || p.type->name == "i64");
    if (isIntType)
      bindShapeName(p.name, Dim::fresh(p.name, false), p.span, signature);
  }
  for (size_t i = 0; i < fn->params.size(); ++i) {
    const ast::Param &p = fn->params[i];
    const ast::TypeExpr *declared = types ? types->items[i] : p.type;
    if (declared && !p.isVariadic)
      bindFreshNames(declared, signature);
    std::optional<Type> type = declared && !p.isVariadic ? resolveType(declared, signature, true) : std::nullopt;
    if (!type) {
      if (isExport)
        error(Code::TypeMismatch, p.span, "an exported function declares the types of all its parameters")
            .label(fn->nameSpan, "exported here");
      if (isAsked)
        error(Code::TypeMismatch, p.span,
              "the type of `" + p.name + "` is not known without a call of `" + fn->name + "`")
            .withHelp("declare it, or call the function");
      return;
    }
    Value v = bad(p.span);
    v.type = p.isMut ? withOpenLists(*type) : *type;
    if (Binding *b = signature->find(p.name); b && isInt(v.type) && !p.isMut)
      v.known.dim = b->known.dim;
    if (types && p.type) {
      // What is given must be what is declared, and settles its open parts.
      bindSignatureDims(p.type, v.type, signature);
      v.span = declared->span;
      if (!matchType(p.type, v, signature, "`" + p.name + "`"))
        return;
    }
    values.push_back(v);
    isMut.push_back(p.isMut);
  }
  if (isExport && !fn->result) {
    error(Code::TypeMismatch, fn->nameSpan, "an exported function declares the type of its result");
    return;
  }
  for (Binding *outer : freeNames(fn, nullptr, scope)) {
    if (reason != Reason::Uncalled)
      error(Code::UnknownName, fn->nameSpan,
            std::string("the ") + (isExport ? "exported " : "") + "function `" + fn->name + "` uses `" + outer->name +
                "`, which is computed when the script runs")
          .label(outer->span, "defined here")
          .withHelp("pass it as a parameter");
    return;
  }
  Prepared prepared = instantiate(target, values, isMut, {});
  if (prepared.instance && reason != Reason::Uncalled)
    prepared.instance->function->isExport = true;
}

// Functions that nothing calls are checked too, where their types say enough. What needs a value that only a call
// gives is no mistake.
void Checker::checkUncalled(const ast::File &file, Scope *scope) {
  size_t functions = program_.functions.size();
  // What is made here is not part of the program: a later entry of a session makes its own.
  Restore<std::map<std::string, Instance *>> instances(instanceByKey_);
  Restore<std::set<const void *>> instantiated(instantiated_);
  for (const ast::Stmt *s : file.stmts) {
    if (s->kind != ast::StmtKind::Fn)
      continue;
    const ast::FnDecl *fn = ast::as<const ast::FnDecl>(s);
    if (fn->isExport || fn->isExtern || !fn->body || instantiated_.count(fn))
      continue;
    Diagnostics scratch(sources_);
    {
      Aside aside(*this, scratch);
      Body *nowhere = makeBody();
      Restore<Body *> inner(frame_->body, nowhere);
      instantiateForAllSizes(fn, scope, Reason::Uncalled);
    }
    if (!needsConstant(scratch)) // which a call may give
      report(scratch);
  }
  program_.functions.resize(functions);
}

std::unique_ptr<Program> check(const ast::File &file, SourceManager &sources, ast::AstContext &context,
                               Diagnostics &diagnostics, const Options &options) {
  auto program = std::make_unique<Program>();
  if (options.facts && options.facts->file == 0)
    options.facts->file = file.id;
  if (!onLargeStack([&] { Checker(sources, context, diagnostics, options, *program).run(file); }))
    diagnostics.error(Code::InternalError, {}, "there is not enough memory to check the program");
  return program;
}

} // namespace dl::sema
