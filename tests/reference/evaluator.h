// A plain evaluation of typed programs: statement by statement, on numbers of high precision. It shares nothing with
// the way from the typed tree to machine code, derivatives are differences of values, and it looks after the checker,
// too: every value must have the sizes that its type says.
#pragma once

#include "compiler/sema/typed.h"
#include "tests/reference/arithmetic.h"

#include <map>
#include <optional>

namespace dl::reference {

class Evaluator {
public:
  // Throws what value.h lists. The final values of `mut` parameters follow the result.
  Value call(const sema::Function &function, Value arguments);
  // What was printed.
  std::string output;

private:
  struct Frame {
    const sema::Function *function;
    std::map<const sema::Variable *, Value> variables;
    std::map<uint32_t, int64_t> sizes;
  };
  struct Break {};
  struct Continue {};
  struct Return {
    Value value;
  };
  // stop_grad() under differences: what it gave at the point itself is what it gives beside it.
  struct Constants {
    std::vector<Value> values;
    bool replays = false;
    size_t next = 0;
  };

  // ---- statements (evaluator.cpp)
  Value body(Frame &frame, const sema::Body *body);
  void statement(Frame &frame, const sema::Stmt &stmt);
  // Counts what an expression gave.
  void work(const Value &value);
  void loop(Frame &frame, const sema::Stmt &stmt);
  // One time through a loop's body; false after `break`.
  bool iterate(Frame &frame, const sema::Stmt &stmt);
  void checkEqual(Frame &frame, const sema::Stmt &stmt);

  // ---- sizes (evaluator.cpp)
  std::optional<int64_t> size(const Frame &frame, const sema::Dim &dim) const;
  int64_t knownSize(const Frame &frame, const sema::Dim &dim) const;
  // Learns sizes from a value and holds those that are known against it.
  void learn(Frame &frame, const sema::Type &type, const Value &value);
  void learn(Frame &frame, const sema::Dim &dim, int64_t size);
  std::vector<int64_t> shapeOf(const Frame &frame, const sema::Type &type) const;

  // ---- expressions (expressions.cpp)
  Value eval(Frame &frame, const sema::Expr &e);
  Value evaluate(Frame &frame, const sema::Expr &e);
  Array single(Frame &frame, const sema::Expr &e);
  int64_t integer(Frame &frame, const sema::Expr &e) { return single(frame, e).integer(); }
  bool condition(Frame &frame, const sema::Expr &e) { return isTrue(single(frame, e).data[0], trace_); }
  Value arguments(Frame &frame, const std::vector<sema::Expr *> &args);
  Value constant(Frame &frame, const sema::Expr &e);
  Value builtin(Frame &frame, const sema::Expr &e);
  Value runtimeCall(Frame &frame, const sema::Expr &e);
  Value callExpr(Frame &frame, const sema::Expr &e);
  // The positions in the whole that a slice picks, in order, and the slice's shape.
  std::vector<size_t> picked(Frame &frame, const sema::Expr &e, const std::vector<int64_t> &whole,
                             std::vector<int64_t> &shape);
  Value slice(Frame &frame, const sema::Expr &e);
  Value updateSlice(Frame &frame, const sema::Expr &e);

  // ---- derivatives (derivative.cpp)
  Value derivative(Frame &frame, const sema::Expr &e);
  Value stopGrad(size_t level, const Value &value);

  Trace trace_;
  std::vector<Constants> constants_;
  int64_t steps_ = 0;
  size_t elements_ = 0;
  int depth_ = 0;
};

// How many leaves a value of the type has, and where part `index` of it lies among them.
size_t countLeaves(const sema::Type &type);
std::pair<size_t, size_t> partRange(const sema::Type &type, uint32_t index);

} // namespace dl::reference
