// The checker: one class, because every part of it calls every other; one file a part. Not part of the typed tree.
#pragma once

#include "compiler/sema/call_parts.h"
#include "compiler/sema/check.h"
#include "compiler/sema/module_parts.h"
#include "compiler/sema/shape_functions.h"
#include "compiler/sema/signatures.h"
#include "compiler/sema/values.h"

#include <set>

namespace dl::sema {

class Checker {
public:
  Checker(SourceManager &sources, ast::AstContext &context, Diagnostics &diagnostics, const Options &options,
          Program &program);
  void run(const ast::File &file);

private:
  friend struct Einsum;
  friend class Session; // keeps a checker from entry to entry
  friend class History;

  // ---- nodes (nodes.cpp)
  Expr *make(ExprKind kind, Type type, Span span);
  Stmt *makeStmt(StmtKind kind, Span span);
  Body *makeBody();
  Variable *makeVariable(const std::string &name, Type type, Span span, bool isMutable);
  Stmt *emit(Stmt *stmt);
  Value bad(Span span);
  Value unit(Span span);
  Value none(Span span);
  Value intValue(int64_t value, Span span, bool literal = false);
  Value dimValue(const Dim &dim, Span span);
  Value floatValue(double value, Elem elem, Span span, bool literal = false);
  Value boolValue(bool value, Span span);
  Value strValue(std::string text, Span span);
  Value elemValue(Elem elem, Span span);
  Value tupleValue(std::vector<Value> items, Span span);
  Value functionValue(FunctionDetails details, std::string name, std::vector<Value> captures, Span span);
  Value constantOf(const Type &type, const Known &known, Span span);
  Value opValue(const std::string &name, std::vector<Value> operands, Type type, Span span, Attrs attrs = {});
  Value externValue(const std::string &name, std::vector<Value> args, Type type, Span span, bool pure, bool kernel);
  Value part(const Value &whole, uint32_t index, Span span);
  Value withPart(const Value &whole, uint32_t index, const Value &part, Span span);
  // The value in a variable of its own, so that it is computed once; an int gets a symbol if it has none.
  Value materialise(const Value &value, const std::string &name);
  bool isTrivial(const Value &value) const;
  Dim intDim(Value &value, const std::string &name);
  // Operands are trees that are computed where they are used. When evaluating a later one has emitted an effect, the
  // earlier one gets a variable before it: at `mark`, the number of statements when it had been evaluated.
  void pin(Value &value, size_t mark);
  // Each sees what the ones before have done, and nothing of the ones behind.
  std::vector<Value> checkInOrder(const std::vector<ast::Expr *> &expressions);
  size_t mark() const { return frame_->body->stmts.size(); }

  // ---- messages (messages.cpp)
  Diagnostic &error(Code code, Span span, std::string message);
  // Reports, at the call, what is known to stop a function whatever the program does. False when it may not be reached.
  bool refuse(const Value &message, Span span);
  std::string placeText(Span span) const;
  std::string sourceText(Span span, size_t limit = 60) const;
  std::string describe(const Value &value) const;
  std::string stackText(const Frame *frame) const;
  bool enter(Span span); // false, with an error, when nesting is too deep

  // ---- what editors want to know (facts.cpp)
  bool wantsFacts(Span span) const;
  void noteValue(Span span, const Value &value);
  void noteUse(Span span, const Binding *binding);
  void noteName(const ast::Expr *expr);
  void noteMember(const ast::Member *member, const Value &base);
  void noteParameter(Span span, const ast::Param &parameter);
  void noteInstance(const std::vector<Binding *> &parameters);
  void finishFacts(const Scope *fileScope);
  std::string instanceText(const Frame *frame);
  bool memberOrHyper(const ModuleInstance &m, const std::string &name) const;
  Symbol symbolOf(const Binding *b) const;
  Symbol symbolOfFn(const ast::FnDecl *fn, Symbol::Kind kind) const;
  Symbol symbolOfMember(const ModuleInstance &m, const std::string &name) const;
  std::vector<Symbol> symbolsOf(const Scope *scope) const;

  // ---- names (scopes.cpp)
  Scope *newScope(Scope *parent);
  Binding *newBinding(Binding::Kind kind, const std::string &name, Span span);
  void declare(Scope *scope, Binding *binding);
  Binding *lookup(const std::string &name, Scope *scope) const;
  // The innermost thing of that name that can be called: a variable `mean` does not hide x.mean().
  Binding *lookupCallable(const std::string &name, Scope *scope) const;
  bool inTest() const;
  Value readName(const std::string &name, Span span);
  // A param variable is read as a leaf of the graph; readVariable() gives it with its gradient.
  Value readBinding(Binding *binding, Span span);
  Value readVariable(Binding *binding, Span span);
  Value functionOf(Binding *binding, Span span);
  Binding *localOf(Binding *binding) const; // what stands for it in this frame, or null
  Diagnostic *unknownName(const std::string &name, Span span,
                          bool assigned = false); // null when an unread line may define it
  void declareLocal(const std::string &name, const Value &value, Span span, bool isMutable);
  static Type withOpenLists(const Type &type); // that of a variable, in which the lengths of lists change
  void bindPattern(const ast::Pattern &pattern, const Value &value, bool isMutable);
  Value unpacked(const Value &value, size_t count, Span span);
  std::vector<Binding *> freeNames(const ast::FnDecl *fn, const ast::Lambda *lambda, Scope *env);

  // ---- sizes and types (conform.cpp, type_exprs.cpp)
  Proof compareDims(const Dim &a, const Dim &b) const;
  bool requireEqual(const Dim &a, const Dim &b, Span span, const std::string &text);
  void assumeEqual(const Dim &a, const Dim &b);
  // A literal as an element of that type; an error, and a bad value, where it does not fit.
  Value convertLiteral(const Value &value, Elem elem);
  Value wrapLiteral(const Value &value, Elem elem); // the same for f(literal), which keeps the low bits
  bool fitsElement(const Value &literal, Elem elem);
  Value convert(const Value &value, Elem elem, Span span);
  // Makes the value one of the type, or reports what stands in the way. `what` starts the message.
  bool conform(Value &value, const Type &type, Span span, const std::string &what);
  std::optional<Type> joinTypes(const Type &a, const Type &b, Span span);
  std::optional<Dim> evalDim(const ast::Expr *expr, Scope *scope);
  void bindSignatureDims(const ast::TypeExpr *type, const Type &actual, Scope *scope);
  struct Linear {
    const ast::Name *name; // null: a known size
    Dim factor, rest;
  };
  std::optional<Linear> linearDim(const ast::Expr *expr, Scope *scope);
  static std::optional<Dim> solve(const Linear &form, const Dim &size);
  void solveSignatureDims(const ast::TypeExpr *type, const Type &actual, Scope *scope, bool isInside);
  void bindFreshNames(const ast::TypeExpr *type, Scope *scope);
  bool matchType(const ast::TypeExpr *type, Value &value, Scope *scope, const std::string &what);
  std::optional<Type> resolveType(const ast::TypeExpr *type, Scope *scope, bool bindUnknown);
  Binding *namedModule(const std::string &name, Scope *scope) const;
  // The names of a module's members around its methods; without `self` only those that serve in shapes.
  Scope *memberScope(Scope *env, const Type &module, Binding *self);
  Binding *shapeName(const std::string &name, Scope *scope) const;
  std::optional<Elem> elemOf(const std::string &name, Scope *scope);
  void bindShapeName(const std::string &name, const Dim &dim, Span span, Scope *scope);
  void bindElemName(const std::string &name, const Type &type, Span span, Scope *scope);
  bool typeMismatch(const Value &value, const std::string &wanted, Span span, const std::string &what);

  // ---- expressions (expressions.cpp, operators.cpp, literals.cpp, indexing.cpp, comprehensions.cpp, strings.cpp)
  Value checkExpr(const ast::Expr *expr);
  Value checkExprInner(const ast::Expr *expr);
  Value checkScalarBool(const ast::Expr *expr);
  Value condition(Value value, Span span);
  Value checkIf(const ast::If *expr);
  Value runtimeIf(const Value &cond, Span span, const std::string &what, const std::function<BlockResult()> &first,
                  const std::function<BlockResult()> &second);
  Value checkMatch(const ast::Match *expr);
  Value matchFrom(const ast::Match *expr, const Value &subject, size_t first);
  Value matches(const ast::MatchPattern &pattern, const Value &value);
  void bindMatch(const ast::MatchPattern &pattern, const Value &value);
  Value checkMember(const ast::Member *expr);
  std::optional<Value> memberOf(const Value &base, const std::string &name, Span span);
  std::vector<std::string> memberNames(const Type &type) const;
  Diagnostic &noMember(Code code, Span span, const Type &type, const std::string &name,
                       const std::vector<std::string> &names);
  Value checkLambda(const ast::Lambda *expr);
  Value checkBracket(const ast::Bracket *expr, bool asTuple);
  Value stackValues(std::vector<Value> items, Span span);
  Value checkNoGrad(const ast::NoGrad *expr);
  Value stopGrad(const Value &value);
  Value checkUnary(const ast::Unary *expr);
  Value binary(ast::BinaryOp op, Value lhs, Value rhs, Span span, Span opSpan);
  Value sameWhole(const Value &lhs, const Value &rhs, Span span, Span opSpan);
  Value negated(const Value &v, Span span);
  Value both(const Value &a, const Value &b, Span span);
  Value either(const Value &a, const Value &b, Span span);
  Value equalTuples(ast::CompareOp op, Value lhs, Value rhs, Span span, Span opSpan);
  bool hasOrder(const Value &item, const Value &whole, Span opSpan);
  Value orderTuples(ast::CompareOp op, Value lhs, Value rhs, Span span, Span opSpan);
  Value compareLists(ast::CompareOp op, Value lhs, Value rhs, Span span, Span opSpan);
  Value membership(Value item, Value whole, Span span, Span opSpan); // item in whole
  Value compareValues(ast::CompareOp op, Value lhs, Value rhs, Span span, Span opSpan);
  Value checkLogical(const ast::Logical *expr);
  Value checkStr(const ast::StrLit *expr);
  static int64_t countCodePoints(const std::string &text);
  bool fitsFormat(const Value &value, const std::string &format, Span span);
  Value formatValue(const Value &value, const std::string &format, Span span);
  Value formatItem(const Value &value, const std::string &format, Span span);
  Value concatStrings(std::vector<Value> parts, Span span);
  Value checkIndex(const ast::Index *expr);
  Value indexStr(const Value &base, const ast::Index *expr);
  Value indexTuple(const Value &base, const ast::Index *expr);
  Value sliceTensor(const Value &base, const std::vector<ast::IndexItem> &items, Span span);
  std::optional<std::vector<SliceItem>> sliceItems(const Type &base, const std::vector<ast::IndexItem> &items,
                                                   const std::vector<Value> &values, Span span, Shape &out);
  std::optional<std::vector<Value>> indexValues(const std::vector<ast::IndexItem> &items);
  // ---- index tensors and masks (gathering.cpp)
  struct Chosen {
    std::vector<size_t> dims,
        ranks; // by index tensor: the first dimension of `rest` that it chooses from, and how many
    std::vector<Value> indices;
    std::vector<Span> spans;
    std::vector<SliceItem> slices; // the other items
    bool isWhole = true;           // these take everything
    Type rest;                     // after them
  };
  std::optional<Chosen> chosenOf(const Value &base, const std::vector<ast::IndexItem> &items,
                                 const std::vector<Value> &values, Span span);
  Value chosenPositions(const Value &index, const Shape &rows, Span span);
  Value checkedPositions(const Value &index, const Dim &size, Span span);
  static Dim productOf(const Shape &dims);
  Value reshaped(const Value &x, Shape dims, Span span);
  Value permuted(const Value &x, const std::vector<int64_t> &order, Span span);
  Value gatherItems(const Value &base, const std::vector<ast::IndexItem> &items, const std::vector<Value> &values,
                    Span span);
  std::optional<std::vector<Place::Step>> chosenSteps(const Type &type, const std::vector<ast::IndexItem> &items,
                                                      const std::vector<Value> &values, Span span);
  Value mergedRows(const Value &x, const Place::Step &step, Span span);
  Value readChosen(const Value &whole, const Place::Step &step, Span span);
  Value withChosen(const Value &whole, const Place::Step &step, const Value &value, Span span);
  Value sliceAt(const Value &base, Value index, Span span);
  struct Comprehending; // comprehensions.cpp
  bool canWriteOut(const ast::Comprehension *expr);
  bool writtenOut(const ast::Comprehension *expr, size_t k, std::vector<Value> &items);
  Value checkComprehension(const ast::Comprehension *expr, const std::string &reducer, Span span);
  // Evaluates into a body of its own: what it emits stays inside the result.
  Value inOwnBody(const std::function<Value()> &evaluate, Span span);

  // ---- calls (calls.cpp, builtin_calls.cpp, intrinsics.cpp, instantiate.cpp, externs.cpp)
  Value checkCall(const ast::Call *expr);
  Value checkPipe(const ast::Pipe *expr);
  std::vector<Argument> checkArguments(const std::vector<ast::Arg> &args);
  void spreadArgument(const ast::Spread *expr, std::vector<Argument> &arguments);
  void rejectSpread(const Argument &argument);
  void settle(Argument &argument);
  Value callMember(const ast::Member *callee, const std::vector<ast::Arg> &args, Span span);
  Value callValue(const Value &callee, std::vector<Argument> args, Span span);
  Value callMethod(const Value &self, const std::optional<Place> &place, const ast::FnDecl *fn,
                   std::vector<Argument> args, Span span);
  Value callTarget(Target &target, std::vector<Argument> args, const std::optional<Place> &selfPlace, Span span);
  std::vector<std::pair<Place, Value>> passMutable(const std::vector<Value> &values, const std::vector<bool> &isMut,
                                                   const std::vector<const Place *> &places, Expr *call, Span span);
  bool bindArguments(const Target &target, std::vector<Argument> &args, std::vector<Argument> &slots, Span span);
  // The scope that binds the signature's names, or null after an error.
  Scope *matchSignature(const Target &target, std::vector<Argument> &slots, Span span);
  std::optional<Target> targetOf(const Value &callee);
  Target targetOfFn(const ast::FnDecl *fn, Scope *env);
  Target targetOfModule(const ast::ModuleDecl *module, Scope *env);
  const ast::FnDecl *methodNamed(const ModuleInstance &module, const std::string &name) const;
  // several_meanings.cpp; nothing: the function itself is meant.
  std::optional<Value> callByArguments(const Value &callee, const FunctionDetails &d, std::vector<Argument> &args,
                                       Span span);
  // The error where `max(x, dim=1)` is taken apart as if it gave PyTorch's pair; else null.
  Diagnostic *takenForPair(const ast::Expr *expr, const Value &value, Span place);
  Diagnostic *takenForPair(const ast::Index *expr, const Value &base);
  std::optional<Value> callExtremum(const Value &callee, const std::string &name, std::vector<Argument> &args,
                                    Span span);
  Value callBuiltin(const Signature &signature, std::vector<Argument> args, Span span);
  Value callBuiltin(const std::string &name, std::vector<Value> operands, Span span);
  bool attrOf(const Value &value, const std::string &what, std::optional<Attr> &out);
  // The argument of a parameter that is a flag, an int or ints.
  bool settingOf(const Value &value, const SigParam &param, const std::string &what, std::optional<Attr> &out);
  bool shapeOf(std::vector<Argument> &args, Shape &out, const std::string &what, Span span);
  // The program stops with the message where a size that it asks for turns out to be negative.
  void requireSize(const Dim &dim, const std::string &message, Span span);
  // Emits a check when it runs.
  void require(const Value &condition, const Value &message, Span span);
  struct BuiltinCall; // builtin_calls.cpp
  bool bindBuiltin(BuiltinCall &call, std::vector<Argument> args);
  std::optional<double> numberOfCall(const BuiltinCall &call);
  bool bindElements(BuiltinCall &call);
  bool bindShapes(BuiltinCall &call);
  std::optional<Type> resultOfBuiltin(BuiltinCall &call, const SigType &result);
  void shapeError(BuiltinCall &call);
  Value callIntrinsic(const std::string &name, std::vector<Argument> args, Span span);
  Value callEinsum(std::vector<Argument> args, Span span);
  Value callExtern(const ast::FnDecl *fn, Scope *env, std::vector<Argument> args, Span span);

  struct Prepared {
    Instance *instance = nullptr;
    std::vector<Dim> actuals; // the caller's size for each of the instance's symbols
  };
  // The instance for these argument values (captures, self, parameters), checked if it is new.
  Prepared instantiate(const Target &target, std::vector<Value> &values, const std::vector<bool> &isMut, Span span);
  void checkBody(Instance &instance, const Target &target, const std::vector<Value> &values,
                 const std::vector<bool> &isMut, Span span);
  struct Opened {
    Scope *scope;                         // of the parameters
    std::vector<Binding *> all, declared; // with captures and self; without
  };
  Opened openBody(Instance &instance, const Target &target, const std::vector<Value> &values,
                  const std::vector<bool> &isMut);
  // ---- the user's own derivatives (derivative_rule.cpp)
  Value partOfRule(const BlockResult &result, uint32_t index, const Target &target);
  struct RuleValue {
    std::string name;
    Type type;
  };
  Function *makeRule(Instance &instance, const Target &target, const std::vector<Value> &values,
                     const std::vector<bool> &isMut, uint32_t which, const std::vector<RuleValue> &seeds,
                     const std::vector<RuleValue> &expected, Span span);
  void checkRules(Instance &instance, const Target &target, const std::vector<Value> &values,
                  const std::vector<bool> &isMut, const Type &given, Span span);
  void bindSignature(const Target &target, const std::vector<Value> &values, Scope *scope);
  void declareResult(Instance &instance, const Target &target, Scope *scope);
  static bool isRecursiveProcedure(const Target &target); // procedures.cpp
  BlockResult constructModule(const Target &target, Scope *scope, const std::vector<Binding *> &hyper);
  void finishFunction(Instance &instance, const Target &target, BlockResult result);
  Value resultFor(const Prepared &prepared, const Target &target, Expr *call, bool emitted, Span span);
  void bindHiddenInts(const Binding &param, std::set<uint32_t> &bound);
  std::map<std::string, std::string> symbolNames(const Target &target, const std::vector<Value> &values) const;
  bool isDropped(const Value &value, bool isMut) const;

  // ---- statements (statements.cpp, assign.cpp, loops.cpp)
  BlockResult checkBlock(const ast::Block *block, Scope *scope, bool wantValue);
  BlockResult checkStatements(const std::vector<ast::Stmt *> &stmts, size_t from, bool wantValue, Span span);
  bool checkStmt(const ast::Stmt *stmt); // true when control does not go on
  // ---- lists whose elements' type is found out later (growing.cpp)
  BlockResult checkGrowing(const ast::Let *let, const std::vector<ast::Stmt *> &stmts, size_t next, bool wantValue,
                           Span span);
  bool isAppendedTo(const std::string &name, const std::vector<ast::Stmt *> &stmts, size_t next) const;
  Growing *growingOf(const ast::Expr *expr) const; // what the name of such a list stands for
  void settleItems(Growing &growing, const Type &item, Span span);
  bool growUnknown(const ast::Member *callee, const std::vector<ast::Arg> &args);
  bool widen(Growing &growing, const Binding &binding, const Type &item, const Value &added);
  std::optional<Value> growTuple(const ast::Member *callee, const std::vector<ast::Arg> &args, Span span);
  void hoist(const std::vector<ast::Stmt *> &stmts, Scope *scope);
  bool checkLet(const ast::Let *stmt); // as checkStmt()
  bool checkAssign(const ast::Assign *stmt);
  void assignTarget(const ast::Expr *target, Value value, Span span);
  std::optional<Place> placeOf(const ast::Expr *expr, bool report);
  bool addMember(Place &place, const Type &module, const std::string &name) const;
  bool isWritable(const Place &place) const;
  bool writable(const Place &place, Span span); // reports why not
  Value readPlace(const Place &place, Span span);
  static Value positionOf(const Place::Step &step);
  bool writeItemPart(const Place &place, Value value, Span span);
  void writePlace(const Place &place, Value value, Span span);
  void assignVariable(Binding *binding, Value value, Span span);
  void checkFor(const ast::For *stmt);
  void forRange(const ast::For *stmt);
  // What is gone over: `length` items that `at` gives, or, without a length, each of `items` by itself.
  struct Iterable {
    std::optional<Dim> length;
    std::function<Value(const Value &)> at;
    std::vector<Value> items;
    std::map<size_t, Iterable> inner; // in the place of some of the items: all that these go over
  };
  std::optional<Iterable> iterableOf(const ast::Expr *expr, const std::string &who);
  std::optional<Iterable> iterable(const Value &value, Span span, const std::string &who);
  std::optional<Iterable> sideBySide(const ast::Call *call, const std::string &name, const std::string &who);
  Value pairedList(const std::string &name, const std::vector<Argument> &args, Span span);
  std::optional<Iterable> numbersOf(const Value &begin, const Value &end, const std::optional<Value> &step, Span span);
  // What some of a loop's names stand for: items, or places.
  struct Column {
    const ast::Pattern *pattern;
    Iterable over;
    std::optional<Place> place;
  };
  const ast::Call *sideBySideCall(const ast::Expr *expr) const;
  std::optional<std::vector<Column>> columnsOf(const ast::For *stmt);
  std::optional<Column> changedColumn(const ast::Expr *operand, const ast::Pattern &pattern);
  void forColumns(const ast::For *stmt, const std::vector<Column> &columns);
  // `leaving`: of the loop that it is a part of.
  void forIndexed(const ast::For *stmt, const std::vector<Column> &columns, const Dim &length, Leaving *leaving);
  void forUnrolled(const ast::For *stmt, const std::vector<Column> &columns);
  // Emits a loop over an i64 variable; the caller fills its body through `fill`.
  void emitFor(const std::string &name, Span span, Value begin, Value end, std::optional<Value> step,
               const std::function<void(const Value &)> &fill);
  void emitIf(const Value &condition, Span span, const std::function<void()> &fill);
  Value valueOf(Variable *variable, Span span);
  void emitSet(StmtKind kind, Variable *variable, const Value &value, Span span); // Let or Assign
  void checkWhile(const ast::While *stmt);
  void checkReturn(const ast::Return *stmt);
  // The value as the function's result: fits the declared type, or joins the type of the other returns.
  Value settleResult(Value value, Span span);
  bool checkAssert(const ast::Assert *stmt);

  // ---- modules (modules.cpp, containers.cpp, module_calls.cpp, module_change.cpp, module_text.cpp)
  Value tiedValue(const Value &module, const std::vector<uint32_t> &path, Span span);
  bool tieMember(const ast::MemberDecl &member, ModuleInstance &m);
  // What a module with a parameter `*layers` holds, as a tuple or record; nothing for other modules.
  std::optional<Value> packOf(const Value &module, Span span);
  std::optional<Place> packPlace(const Place &module, Span span) const;
  Value slicePack(const Value &module, const Value &items, Span span);
  const ast::FnDecl *mutForward(const Type &type) const;
  Value callModule(const ast::Expr *callee, const Value &module, std::vector<Argument> args, Span span);
  std::optional<Value> trainingFlag(const Value &module, bool onlyChanging, Span span);
  std::optional<std::string> changesAlways(const Type &type) const;
  std::optional<Value> callModuleIntrinsic(const std::string &name, std::vector<Argument> &args, Span span);
  Value requiresGrad(std::vector<Argument> args, Span span);
  std::optional<Value> readRequiresGrad(const ast::Member *expr);
  Value withMembers(std::vector<Argument> args, Span span);
  bool changesType(const Type &from, const Type &to) const;
  Value replacePart(const Value &whole, uint32_t index, const Value &part, Span span);
  Value retyped(const Value &value, Type type, Span span);
  Value moduleText(const Value &value, const std::string &indent, Span span);

  // ---- gradients, trees, state (gradients.cpp, trees.cpp, parameters.cpp, state.cpp)
  Value fieldValue(const Value &module, uint32_t index, Span span);
  Value makeGrad(const Value &fn, std::vector<Argument> args, bool wantValue, Span span);
  Value callGrad(const Value &callee, std::vector<Argument> args, Span span);
  Value callVjp(std::vector<Argument> args, Span span);
  Value callPullback(const Value &callee, std::vector<Argument> args, Span span);
  Value callJvp(std::vector<Argument> args, Span span);
  Value makeCheckpoint(std::vector<Argument> args, Span span);
  Value callCheckpoint(const Value &callee, std::vector<Argument> args, Span span);
  Value makeVmap(std::vector<Argument> args, Span span);
  Value callVmap(const Value &callee, std::vector<Argument> args, Span span);
  std::optional<Type> gradientType(const Type &type) const;
  void differentiableLeaves(const Type &type, uint32_t &position, std::vector<uint32_t> &out) const;
  uint32_t leafCount(const Type &type) const;
  Target targetOrWrapper(const Value &fn, size_t arity);
  Target wrapperOf(const Value &fn, size_t arity, bool isCheckpoint);
  struct Differentiated; // gradients.cpp
  void adaptLiteral(Value &v, const Value &fn, size_t position);
  bool prepareGradient(Differentiated &d, const Value &fn, std::vector<Argument> args, const std::vector<int64_t> &wrt,
                       const std::string &what, Span span);
  void paramLeaves(const Type &type, TreePlace place, uint32_t &position, std::vector<uint32_t> &out) const;
  Type paramsType(const Type &type, ParamSet set = ParamSet::Trained, TreePlace place = TreePlace::Top) const;
  Value paramsOf(const Value &value, Span span, ParamSet set = ParamSet::Trained, TreePlace place = TreePlace::Top);
  Value withParams(const Value &value, const Value &params, Span span, TreePlace place = TreePlace::Top);
  Dim numbersIn(const Type &type) const;
  Value treeMap(std::vector<Argument> args, Span span);
  Value mapTree(const Value &fn, const std::vector<Value> &trees, Span span);
  Value unzip(const Value &tree, const Type &shape, uint32_t index, Span span);
  Value setTraining(const Value &module, const Value &training, Span span);
  Value valueAt(const Value &whole, const StatePath &path, Span span);
  Value replaceParts(const Value &whole, const std::vector<std::pair<StatePath, Value>> &changes, size_t depth,
                     Span span);
  Value replaceColumns(const Value &list, const std::vector<std::pair<StatePath, Value>> &changes, size_t depth,
                       Span span);
  bool allNamed(const std::vector<StateEntry> &entries, Span span);
  bool storedAlone(const StateEntry &entry, Span span); // as a tensor of its own, which files can hold
  Value stateDict(const Value &value, Span span);
  Value namedState(const Value &value, bool parameters, Span span);
  void namedModules(const Value &value, const std::string &name, bool all,
                    std::vector<std::pair<std::string, Value>> &out);
  std::optional<Value> recordMethod(const Value &base, const std::string &name, Span span);
  std::optional<uint32_t> recordPart(const Type &record, const Value &key, Span span);
  bool isStateFile(const Type &type) const;
  Value withState(const Value &value, const Value &given, bool strict, Span span, Span givenSpan);
  Value readState(const Value &path, const Value &whole, bool strict, Span span);
  Value saveValue(std::vector<Argument> args, Span span);

  // ---- lists (lists.cpp, list_calls.cpp)
  Value storedPart(const Value &whole, uint32_t index, Span span);
  Value fromParts(const Type &type, const std::vector<Value> &parts, Span span);
  Value nameData(const Value &value, const Type &type);
  // The value with a symbol for a length or size that its type leaves open.
  Value opened(const Value &value);
  // A list of these values, whose type they all have.
  Value listOf(std::vector<Value> items, const Type &item, Span span);
  // A bracket literal that is no tensor: a list where all items have one type, else a tuple.
  Value gathered(std::vector<Value> items, Span span);
  std::optional<Type> commonType(const std::vector<Value> &items, Span span);
  Value listAt(const Value &list, const Value &position, Span span);
  Value withListItem(const Value &list, const Value &position, const Value &item, Span span);
  Value withItemPart(const Value &list, const Value &position, std::span<const uint32_t> path, const Value &value,
                     Span span);
  Value joinedLists(const Value &a, const Value &b, Span span);
  // The elements from `begin` on; of a tensor, the rows.
  Value listRange(const Value &list, const Value &begin, const Dim &length, Span span);
  Value endBefore(const Value &ends, const Value &position, Span span);
  Value fromFront(const Value &position, const Dim &length, Span span);
  Dim sizeOf(const Value &number, Span span);
  static Type storedItem(const Type &type);
  Value unfilled(const Dim &length, const Type &item, Span span);
  // The list of what `element` gives for the positions 0 … length - 1, in a loop.
  Value filledList(const Dim &length, Span span, const std::function<Value(const Value &)> &element);
  Value placed(const Value &list, const Value &position, const Value &item, Span span);
  Value takenItems(const Value &list, const Value &index, Span span);
  // ---- modules as records (loose_types.cpp)
  std::optional<Type> looseType(const ast::ModuleDecl *decl, Scope *env, const std::vector<Type> &given);
  std::optional<Type> makeLooseType(const ast::ModuleDecl *decl, Scope *env, const std::vector<Type> &given);
  std::optional<Type> looseType(const ast::TypeExpr *type, Scope *scope);
  std::optional<Type> looseType(const Type &type, bool silent);
  bool namesModule(const ast::TypeExpr *type, Scope *scope) const;
  bool holdsItself(const ast::TypeExpr *type, Scope *scope, std::set<const ast::ModuleDecl *> within) const;
  bool loosens(const Type &have, const Type &want) const;
  // Preconditions: loosens() of the types, or of those of the elements.
  bool loosen(Value &value, const Type &type, Span span, const std::string &what);
  bool loosenList(Value &list, const Type &type, Span span, const std::string &what);

  // ---- lists of modules and of trees (list_trees.cpp)
  static Type columnsOf(const Type &list);
  Value paramsOfList(const Value &list, Span span, ParamSet set, TreePlace place);
  Value withListParams(const Value &list, const Value &params, Span span, TreePlace place);
  Value mapLists(const Value &fn, const std::vector<Value> &lists, Span span);
  Value unzipLists(const Value &list, const Type &shape, uint32_t index, Span span);
  Value setListTraining(const Value &list, const Value &training, Span span);
  Value checkListIndex(const Value &list, const ast::Index *expr);
  Value asTensor(const Value &list, Span span);
  Value alikeRows(const Value &list, Span span);
  std::optional<Value> joinList(bool stacks, const std::vector<Argument> &args, Span span);
  Value asList(const Value &value, Span span);
  Value sizedText(const Value &text);
  Value formatList(const Value &list, const std::string &format, Span span);
  bool matchList(const ast::TypeExpr *type, Value &value, Scope *scope, const std::string &what);
  std::optional<Type> resolveItem(const ast::TypeExpr *type, Scope *scope);
  std::string otherType(const std::vector<Value> &items) const;
  static bool isAny(const ast::Dim &d);
  bool fitItem(Value &value, const Type &item, Span span, const std::string &what);
  bool conformList(Value &list, const Type &type, Span span, const std::string &what);
  // base.name(args) for what lists can do; nothing when it is no such name.
  std::optional<Value> callListMethod(const ast::Member *callee, const Value &base, const std::vector<ast::Arg> &args,
                                      Span span);
  Value callLibrary(const std::string &name, std::vector<Argument> args, Span span);

  // ---- params and backward (params.cpp)
  // Whether a type is that of a variable made by `param(…)`.
  bool isParameter(const Type &type) const;
  std::optional<Type> untrainable(const Type &type) const;
  // A param variable's value; anything else itself.
  Value paramValue(const Value &whole, Span span);
  static bool hasGradient(const ModuleInstance &module, size_t field);
  bool holdsParams(const Type &type) const;
  // Whether a `param` member holds numbers and yet has no gradient.
  bool isMissed(const Field &field) const;
  void addCompanions(ModuleInstance &module, Value &value, Span span);
  Value zeroGradient(const Type &type, Span span);
  Value zerosOf(const Value &param, Span span);
  Value newToken(const Type &type, Span span);
  Value tokensOf(const Value &param, Span span);
  void addParam(const Place &place, ParamPlaces &out) const;
  Value leafOf(const Value &value, const Value &token, Span span);
  Place valuePlace(Place place) const;
  // The place of a param's gradient (offset 1) or token (offset 2); nothing when the place is no param.
  std::optional<Place> companionOf(const Place &place, uint32_t offset) const;
  // The places of all params inside a place, gradients of which backward fills.
  void paramPlaces(const Place &place, ParamPlaces &out) const;
  ParamPlaces paramsAt(const Place &place) const;
  // param_tokens.cpp: whose params a value holds.
  struct ParamChange {
    // Either may be null.
    std::function<Value(const Value &param, const Value &gradient, const Value &token)> value;
    std::function<Value(const Value &token, const Value &param, const Value *place)> token;
  };
  bool reachesParams(const Type &type) const;
  Value mapParams(const Value &value, const Value *place, const ParamChange &change, Span span);
  Value mapToken(const Value &token, const Value &param, const Value *place, const ParamChange &change, Span span);
  Value keepingParams(const Value &value, const Value &old, Span span);
  Value computedParams(const Value &value, Span span, std::optional<uint32_t> field = std::nullopt);
  Value paramsRead(const Value &value, Span span);
  void copyParams(const ast::Pattern &pattern, Span span);
  void changeCompanions(const ParamPlaces &params, uint32_t offset, Span span,
                        const std::function<Value(const Value &)> &changed);
  // Params in lists (param_lists.cpp). `paramColumns` is false where some of them have no column; `offset` as above.
  bool paramColumns(const Type &list, ParamList &out, std::vector<uint32_t> path = {}) const;
  Value readColumn(const ParamList &list, const std::vector<uint32_t> &path, uint32_t offset, Span span);
  void writeColumns(const ParamList &list, uint32_t offset, const std::vector<Value> &columns, Span span);
  Value withGradients(const Value &value, Span span);
  Value callParamFunction(const std::string &name, std::vector<Argument> args, Span span);
  Value makeParam(std::vector<Argument> args, Span span);
  Value backward(std::vector<Argument> args, Span span);
  Value zeroGrad(const std::string &name, const std::vector<Argument> &args, Span span);
  Value setRequiresGrad(const std::vector<Argument> &args, Span span);
  Value gradientsOf(const Value &value, Span span);
  Value graphInfo(const std::string &what, const Value &value, Span span);
  std::optional<Value> paramMember(const ast::Member *expr);
  static bool mentionsParams(std::string_view text);

  // ---- files (imports.cpp)
  Scope *loadFile(const std::string &name, const std::string &importingPath, Span span);
  Binding *memberOfFile(Scope *file, const std::string &name) const;
  void checkImport(const ast::Import *stmt, Scope *scope);
  void importDeclarations(const ast::File &file, Scope *scope);
  void declareBuiltins();
  void checkTest(const ast::Test *test, Scope *scope);
  void checkUncalled(const ast::File &file, Scope *scope);
  // Why a function is instantiated from its signature: nobody calls it, it is an `export`, a user wants to see it.
  enum class Reason { Uncalled, Exported, Asked };
  void instantiateForAllSizes(const ast::FnDecl *fn, Scope *scope, Reason reason, const ast::TypeExpr *types = nullptr);

  SourceManager &sources_;
  ast::AstContext &context_;
  Diagnostics *diagnostics_;    // replaced by an Aside
  Diagnostics *const reported_; // never replaced
  const Options &options_;
  Program &program_;

  std::map<std::string, Signature> signatures_;
  std::deque<Scope> scopes_;
  std::deque<Binding> bindings_;
  std::deque<Instance> instances_;
  std::deque<Frame> frames_;
  std::map<std::string, Instance *> instanceByKey_;
  std::map<std::string, std::optional<Type>> looseTypes_;
  std::map<std::string, int> active_;   // instances being checked, by their key without constant ints
  std::set<const void *> instantiated_; // declarations with an instance
  std::map<std::string, int> symbolCount_;
  std::map<std::string, Scope *> files_; // by path
  std::vector<std::string> loading_;
  std::deque<ast::File> asts_;
  std::map<std::pair<size_t, bool>, std::vector<ast::Param>> wrapperParams_; // by number of arguments, for checkpoint
  std::vector<std::pair<Span, const Binding *>> used_;                       // names and what they mean, for facts
  std::map<const Frame *, std::string> instanceTexts_;
  Scope *builtinScope_ = nullptr;
  Scope *preludeScope_ = nullptr;
  Scope *scope_ = nullptr; // where names are looked up now
  Frame *frame_ = nullptr; // the function being checked
  int nesting_ = 0;
  int instanceNesting_ = 0;
  int unknownReads_ = 0; // of names that have no type: after an error, or where there is no value yet
  std::vector<const Diagnostics *> asides_; // of those that live
  bool stopped_ = false;                    // a limit was hit: no further instances
  bool imperative_ = false;                 // the program uses backward or `.grad`: params carry gradients

  // Whether something had to be known when the program is compiled, and another way may do.
  static bool needsConstant(const Diagnostics &errors);
  void report(const Diagnostics &errors); // what was put aside
  // While it lives, errors are put aside: who made it reports them, or tries another way.
  struct Aside {
    Aside(Checker &checker, Diagnostics &errors) : checker(checker), outer(checker.diagnostics_) {
      checker.diagnostics_ = &errors;
      checker.asides_.push_back(&errors);
    }
    ~Aside() {
      checker.asides_.pop_back();
      checker.diagnostics_ = outer;
    }
    Aside(const Aside &) = delete;
    Checker &checker;
    Diagnostics *outer;
  };
};

// The names of callIntrinsic() that programs can mention.
const std::set<std::string> &intrinsicNames();
// Those of callModuleIntrinsic(), which are mostly written m.name(…).
const std::set<std::string> &moduleIntrinsics();

// What the checker has found up to a place in a function's body, to begin again there.
class Restart {
public:
  // Without a scope, where what is checked stands in branches or loops, which change nothing of the names around.
  explicit Restart(Frame &frame, Scope *scope = nullptr);
  void restore() const;

private:
  Frame &frame_;
  Scope *scope_;
  std::unordered_map<std::string, Binding *> names_;
  std::vector<std::pair<Binding *, Binding>> bindings_;
  size_t statements_;
  std::map<uint32_t, Dim> equal_;
  std::vector<Dim> zero_;
  Type result_;
  Known resultKnown_;
  bool returned_, failed_;
};

// Restores a value when the scope ends.
template <typename T> class Restore {
public:
  explicit Restore(T &place) : place_(place), old_(place) {}
  Restore(T &place, T value) : place_(place), old_(place) { place = std::move(value); }
  ~Restore() { place_ = std::move(old_); }
  Restore(const Restore &) = delete;

private:
  T &place_;
  T old_;
};

} // namespace dl::sema
