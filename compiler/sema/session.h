// A program that is entered piece by piece: what an entry defines is there for the next ones.
#pragma once

#include "compiler/sema/check.h"

#include <memory>
#include <string>
#include <vector>

namespace dl::sema {

class Checker;
struct Scope;
struct Binding;

class Session {
public:
  // A variable that crosses the border of an entry.
  struct Slot {
    std::string name;
    Type type;
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
  bool check(const ast::File &entry);
  const Program &program() const { return program_; }
  const std::vector<Slot> &inputs() const { return inputs_; }
  const std::vector<Slot> &outputs() const { return outputs_; }

  // The entry has run: its names stay. `leaves` are the leaves of all outputs in order; sizes that they settle are
  // constants from now on.
  void keep(const std::vector<LeafValue> &leaves);
  // The entry has failed while running: its names go.
  void discard();

  // Every name that may be used.
  std::vector<std::string> names() const;

private:
  struct Snapshot;
  void checkEntry(const ast::File &entry);
  void takeVariables();
  void printLast(const ast::ExprStmt &stmt);
  void giveVariables(Span span);

  Diagnostics &diagnostics_;
  Options options_;
  Program program_;
  std::unique_ptr<Checker> checker_;
  Scope *scope_ = nullptr; // of the session's own names
  std::unique_ptr<Snapshot> before_;
  std::vector<Binding *> changed_; // behind outputs()
  std::vector<Slot> inputs_, outputs_;
};

} // namespace dl::sema
