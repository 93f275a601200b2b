// A program that is entered piece by piece: what an entry defines is there for the next ones.
#pragma once

#include "compiler/sema/check.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace dl::sema {

class Checker;
class History;
struct Scope;
struct Uses;
struct Binding;
struct Value;

// The name of the function of an entry that a later one runs again, without its effects.
inline constexpr const char *kEarlierEntry = "earlier entry";

class Session {
public:
  // A value of a variable that crosses the border of an entry; every value has a name of its own.
  struct Slot {
    std::string name;
    Type type;
  };
  // Where the random generator stood when an entry began.
  struct RandomState {
    int64_t seed = 0, position = 0;
  };
  // What the run of an entry gave for one leaf of a variable.
  struct LeafValue {
    std::vector<int64_t> sizes; // of a tensor
    int64_t integer = 0;        // of an i64 scalar
  };

  // `sources`, `context` and `diagnostics` must outlive the session.
  Session(SourceManager &sources, ast::AstContext &context, Diagnostics &diagnostics, Options options);
  ~Session();

  // Checks an entry, whose tree must outlive the session. Afterwards program().main takes the variables `inputs()` and
  // gives the tuple of the variables `outputs()`: those that the entry declares or assigns. The value of a last
  // expression is printed. False after errors; the session is then as before.
  // Without `printing` that value is one more result of main instead; discard() must come next.
  bool check(const ast::File &entry, bool printing = true);
  const Program &program() const { return program_; }
  const std::vector<Slot> &inputs() const { return inputs_; }
  const std::vector<Slot> &outputs() const { return outputs_; }

  // Like check() for an entry without statements that needs an instance of this function for all sizes at once, or
  // without one when `instantiated` is false, which leaves what earlier entries called. discard() comes next.
  bool checkFunction(const std::string &name, bool instantiated);
  // The type of the last expression that check() saw, with its value where it is known. For the name of a function or
  // module its declaration instead, under its doc comment.
  const std::string &lastType() const { return lastType_; }
  bool isFunction(const std::string &name) const;

  // The entry has run: its names stay. `leaves` are the leaves of all outputs in order; sizes that they settle are
  // constants from now on.
  void keep(const std::vector<LeafValue> &leaves, const RandomState &random);
  // The names of the values that later entries may ask for.
  std::set<std::string> live() const;
  // The entry has failed while running: its names go.
  void discard();

  // Every name that may be used.
  std::vector<std::string> names() const;

private:
  struct Snapshot;
  bool checkWith(const std::function<void()> &work);
  void begin();
  void checkEntry(const ast::File &entry);
  void takeVariables();
  void printLast(const ast::ExprStmt &stmt);
  void giveVariables(Span span);
  void dropUnused(const Uses &uses);
  std::vector<Binding *> variables() const;

  Diagnostics &diagnostics_;
  Options options_;
  Program program_;
  std::unique_ptr<Checker> checker_;
  Scope *scope_ = nullptr;            // of the session's own names
  std::vector<Function *> instances_; // all of the entries so far
  std::unique_ptr<Snapshot> before_;
  std::vector<Binding *> taken_, changed_; // behind inputs() and outputs()
  std::unique_ptr<History> history_;
  std::vector<Slot> inputs_, outputs_;
  bool printing_ = true;
  std::string lastType_;
  std::unique_ptr<Value> lastValue_; // of the last expression, when it is not printed
};

} // namespace dl::sema
