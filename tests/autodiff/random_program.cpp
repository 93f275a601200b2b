#include "tests/autodiff/random_program.h"

#include <random>

namespace dl::test {

namespace {

// Values in scope, by type. Everything is smooth and bounded, so that derivatives exist and stay comparable.
struct Scope {
  std::vector<std::string> scalars, vectors, matrices, indices; // f64, tensor<3xf64>, tensor<3x3xf64>, index in 0 … 2
};

class Generator {
public:
  // With an odd seed the sizes are known only when run.
  Generator(unsigned seed, bool draws) : random_(seed), draws_(draws) {
    if (seed % 2 == 1) {
      vector_ = "tensor<?xf64>";
      matrix_ = "tensor<?x?xf64>";
      sizes_ = " sizes(%d, %d)";
    }
    types_ = "f64, " + vector_ + ", " + matrix_;
  }

  std::string function() {
    Scope scope{{"%x", "%y"}, {"%v"}, {"%m"}, {"%c0", "%c1", "%c2"}};
    body(scope, 0, 3 + pick(6));
    std::string total = scalarOf(scope);
    for (int i = 0; i < 2; ++i)
      total = op("dl.add " + total + ", " + scalarOf(scope) + " : f64");
    return "func.func @f(%x: f64, %y: f64, %v: " + vector_ + ", %m: " + matrix_ +
           ") -> f64 {\n"
           "  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index\n  %c2 = arith.constant 2 : index\n"
           "  %n0 = arith.constant 0 : i64\n  %n1 = arith.constant 1 : i64\n  %half = arith.constant 0.5 : f64\n"
           "  %d = tensor.dim %v, %c0 : " +
           vector_ + "\n" + text_ + "  return " + total + " : f64\n}\n";
  }

private:
  unsigned pick(unsigned count) { return random_() % count; }
  const std::string &any(const std::vector<std::string> &names) { return names[pick(names.size())]; }
  std::string fresh() { return "%" + std::string("t") + std::to_string(next_++); }
  std::string op(const std::string &what) {
    std::string name = fresh();
    text_ += "  " + name + " = " + what + "\n";
    return name;
  }
  std::string scalarOf(Scope &scope) {
    switch (pick(3)) {
    case 0:
      return op("dl.reduce sum " + any(scope.vectors) + " dims = [0] : " + vector_ + " -> f64");
    case 1:
      return op("dl.reduce sum " + any(scope.matrices) + " dims = [0, 1] : " + matrix_ + " -> f64");
    default:
      return any(scope.scalars);
    }
  }

  void body(Scope &scope, int depth, int count) {
    for (int i = 0; i < count; ++i)
      statement(scope, depth);
  }

  void statement(Scope &scope, int depth) {
    static const char *unary[] = {"sin", "tanh", "cos", "sigmoid"}, *binary[] = {"add", "sub", "mul"};
    const std::string u = unary[pick(4)], b = binary[pick(3)];
    const std::string &V = vector_, &M = matrix_;
    unsigned kind = pick(depth < 3 ? 16 : 11);
    switch (kind) {
    case 0:
      scope.scalars.push_back(op("dl." + u + " " + any(scope.scalars) + " : f64"));
      break;
    case 1:
    case 2:
      scope.scalars.push_back(op("dl." + b + " " + any(scope.scalars) + ", " + any(scope.scalars) + " : f64"));
      break;
    case 3:
      scope.vectors.push_back(op("dl." + u + " " + any(scope.vectors) + " : " + V));
      break;
    case 4:
      scope.vectors.push_back(op("dl." + b + " " + any(scope.vectors) + ", " + any(scope.vectors) + " : " + V));
      break;
    case 5:
      scope.scalars.push_back(op("dl.slice " + any(scope.vectors) + "[" + any(scope.indices) +
                                 "] steps = [1] dropped = [0] : " + V + " -> f64"));
      break;
    case 6:
      scope.vectors.push_back(op("dl.update_slice " + any(scope.scalars) + " into " + any(scope.vectors) + "[" +
                                 any(scope.indices) + "] steps = [1] dropped = [0] : f64, " + V));
      break;
    case 7: {
      std::string product =
          op("dl.matmul " + any(scope.matrices) + ", " + any(scope.matrices) + " : " + M + ", " + M + " -> " + M);
      scope.matrices.push_back(op("dl." + u + " " + product + " : " + M));
      break;
    }
    case 8:
      scope.matrices.push_back(
          op("dl.broadcast " + any(scope.vectors) + " dims = [1]" + sizes_ + " : " + V + " -> " + M));
      break;
    case 9:
      scope.vectors.push_back(op("dl.reduce sum " + any(scope.matrices) + " dims = [0] : " + M + " -> " + V));
      break;
    case 10: {
      if (!draws_)
        break;
      bool scalar = pick(2) || !sizes_.empty();
      (scalar ? scope.scalars : scope.vectors)
          .push_back(op("dl.extern \"dl_rt_rand\"() : () -> " + (scalar ? std::string("f64") : V)));
      break;
    }
    case 11:
    case 12:
      branch(scope, depth);
      break;
    case 13:
    case 14:
      loop(scope, depth);
      break;
    default:
      whileLoop(scope, depth);
      break;
    }
  }

  // What a region hands on: a scalar, a vector and a matrix, kept small.
  std::string handedOn(Scope &scope) {
    std::string s = op("dl.tanh " + any(scope.scalars) + " : f64");
    std::string v = op("dl.sin " + any(scope.vectors) + " : " + vector_);
    return s + ", " + v + ", " + any(scope.matrices);
  }
  void receive(Scope &scope, const std::string &results) {
    scope.scalars.push_back(results + "#0");
    scope.vectors.push_back(results + "#1");
    scope.matrices.push_back(results + "#2");
  }
  std::string isAbove(Scope &scope) { return op("dl.cmp gt " + any(scope.scalars) + ", %half : f64 -> i1"); }

  void branch(Scope &scope, int depth) {
    std::string condition = isAbove(scope), results = fresh();
    text_ += "  " + results + ":3 = scf.if " + condition + " -> (" + types_ + ") {\n";
    for (int side : {0, 1}) {
      Scope inner = scope;
      body(inner, depth + 1, 1 + pick(4));
      text_ += "  scf.yield " + handedOn(inner) + " : " + types_ + "\n" + (side ? "  }\n" : "  } else {\n");
    }
    receive(scope, results);
  }

  void loop(Scope &scope, int depth) {
    std::string results = fresh(), i = fresh(), s = fresh(), v = fresh(), m = fresh();
    std::string upper = any(scope.indices), lower = any(scope.indices);
    std::string end = op("arith.addi " + upper + ", %c1 : index");
    text_ += "  " + results + ":3 = scf.for " + i + " = " + (pick(2) ? lower : "%c0") + " to " + end + " step " +
             (pick(4) ? "%c1" : "%c2") + " iter_args(" + s + " = " + any(scope.scalars) + ", " + v + " = " +
             any(scope.vectors) + ", " + m + " = " + any(scope.matrices) + ") -> (" + types_ + ") {\n";
    Scope inner = scope;
    inner.indices.push_back(i);
    add(inner, s, v, m);
    body(inner, depth + 1, 1 + pick(5));
    text_ += "  scf.yield " + handedOn(inner) + " : " + types_ + "\n  }\n";
    receive(scope, results);
  }

  // Ends after at most two iterations, or when a scalar says so.
  void whileLoop(Scope &scope, int depth) {
    std::string results = fresh(), n = fresh(), s = fresh(), v = fresh(), m = fresh();
    std::string all = types_ + ", i64";
    text_ += "  " + results + ":4 = scf.while (" + s + " = " + any(scope.scalars) + ", " + v + " = " +
             any(scope.vectors) + ", " + m + " = " + any(scope.matrices) + ", " + n + " = %n0) : (" + all + ") -> (" +
             all + ") {\n";
    Scope before = scope;
    add(before, s, v, m);
    body(before, depth + 1, pick(3));
    std::string small = isAbove(before);
    std::string below = op("arith.cmpi sle, " + n + ", %n1 : i64");
    std::string condition = pick(2) ? op("dl.and " + small + ", " + below + " : i1") : below;
    text_ += "  scf.condition(" + condition + ") " + handedOn(before) + ", " + n + " : " + all + "\n  } do {\n";
    n = fresh(), s = fresh(), v = fresh(), m = fresh();
    text_ += "  ^bb0(" + s + ": f64, " + v + ": " + vector_ + ", " + m + ": " + matrix_ + ", " + n + ": i64):\n";
    Scope after = scope;
    add(after, s, v, m);
    body(after, depth + 1, pick(4));
    std::string next = op("arith.addi " + n + ", %n1 : i64");
    text_ += "  scf.yield " + handedOn(after) + ", " + next + " : " + all + "\n  }\n";
    receive(scope, results);
  }

  static void add(Scope &scope, const std::string &s, const std::string &v, const std::string &m) {
    // Twice, so that what is carried is used often.
    for (int i = 0; i < 2; ++i) {
      scope.scalars.push_back(s);
      scope.vectors.push_back(v);
      scope.matrices.push_back(m);
    }
  }

  std::mt19937 random_;
  bool draws_;
  std::string text_, vector_ = "tensor<3xf64>", matrix_ = "tensor<3x3xf64>", sizes_, types_;
  int next_ = 0;
};

} // namespace

Program randomProgram(unsigned seed, bool draws) {
  return {"seed" + std::to_string(seed),
          Generator(seed, draws).function(),
          {0.7, -0.4, numbers({3}), numbers({3, 3}, 2)},
          {0, 1, 2, 3}};
}

} // namespace dl::test
