#include "tests/adbench/cases.h"

#include <cstdio>
#include <memory>

namespace dl::adbench {
namespace {

template <class T> Tensor view(const std::vector<T> &values, std::initializer_list<int64_t> shape) {
  return Tensor::borrow(values.data(), shape);
}

class Maker {
public:
  Maker(const std::string &folder, std::vector<Case> &out) : folder(folder), out(out) {}

  // The functions that follow are this file's.
  void open(const std::string &file) {
    Result<Module> result = engine.compileFile(folder + "/" + file);
    if (!result)
      std::fprintf(stderr, "%s\n", result.error().text.c_str());
    module = result ? std::make_shared<Module>(*result) : nullptr;
    failed |= !module;
  }

  template <class Problem>
  void add(std::string name, const char *function, std::shared_ptr<Problem> problem, std::vector<Tensor> arguments,
           std::function<std::vector<Numbers>(const Problem &)> reference) {
    if (!module)
      return;
    out.push_back({std::move(name),
                   [problem, arguments, f = module->function(function)]() -> std::vector<Tensor> {
                     Result<std::vector<Tensor>> results = f(arguments);
                     if (results)
                       return *results;
                     std::fprintf(stderr, "%s\n", results.error().text.c_str());
                     return {};
                   },
                   [problem, reference] { return reference(*problem); }});
  }

  bool failed = false;

private:
  Engine engine;
  std::string folder;
  std::vector<Case> &out;
  std::shared_ptr<Module> module;
};

void addGmm(Maker &make, int64_t n, int64_t d, int64_t k, int64_t m) {
  auto p = std::make_shared<Gmm>(n, d, k, 7);
  p->m = m;
  std::vector<Tensor> arguments{view(p->alphas, {k}), view(p->means, {k, d}), view(p->icf, {k, d * (d + 1) / 2}),
                                view(p->x, {n, d}),   Tensor(p->gamma),       Tensor(p->m)};
  std::string name = "gmm d=" + std::to_string(d) + " k=" + std::to_string(k) + ": ";
  make.add<Gmm>(name + "objective", "gmm_objective", p, arguments,
                [](const Gmm &p) { return std::vector<Numbers>{{objective(p)}}; });
  make.add<Gmm>(name + "gradient", "gmm_gradient", p, arguments, [](const Gmm &p) {
    std::vector<Numbers> out(3);
    gradient(p, out[0], out[1], out[2]);
    return out;
  });
}

void addLstm(Maker &make, int64_t layers, int64_t steps) {
  constexpr int64_t b = 14;
  auto p = std::make_shared<Lstm>(layers, steps, b, 7);
  std::vector<Tensor> arguments{view(p->main, {layers, 2, 4, b}), view(p->extra, {3, b}),
                                view(p->state, {layers, 2, b}), view(p->sequence, {steps, b})};
  std::string name = "lstm l=" + std::to_string(layers) + " c=" + std::to_string(steps) + ": ";
  make.add<Lstm>(name + "objective", "lstm_objective", p, arguments,
                 [](const Lstm &p) { return std::vector<Numbers>{{objective(p)}}; });
  make.add<Lstm>(name + "gradient", "lstm_gradient", p, arguments, [](const Lstm &p) {
    std::vector<Numbers> out(2);
    gradient(p, out[0], out[1]);
    return out;
  });
}

void addBa(Maker &make, int64_t c, int64_t m, int64_t count) {
  auto p = std::make_shared<Ba>(c, m, count, 7);
  std::vector<Tensor> arguments{view(p->cameras, {c, 11}), view(p->points, {m, 3}), view(p->w, {count}),
                                view(p->obs, {count, 2}), view(p->features, {count, 2})};
  std::string name = "ba " + std::to_string(count) + " observations: ";
  make.add<Ba>(name + "objective", "ba_objective", p, arguments, [](const Ba &p) {
    std::vector<Numbers> out(2);
    objective(p, out[0], out[1]);
    return out;
  });
  make.add<Ba>(name + "jacobian", "ba_jacobian", p, arguments, [](const Ba &p) {
    std::vector<Numbers> out(2);
    jacobian(p, out[0], out[1]);
    return out;
  });
}

void addHand(Maker &make, int64_t v, int64_t n) {
  auto p = std::make_shared<Hand>(v, n, 7);
  for (bool complicated : {false, true}) {
    std::vector<Tensor> arguments{view(p->theta, {26})};
    if (complicated)
      arguments.push_back(view(p->u, {n, 2}));
    for (Tensor t : {view(p->relatives, {22, 4, 4}), view(p->inverses, {22, 4, 4}), view(p->parents, {22}),
                     view(p->vertices, {v, 4}), view(p->weights, {22, v}), view(p->points, {n, 3}),
                     complicated ? view(p->corners, {n, 3}) : view(p->vertex, {n})})
      arguments.push_back(t);
    std::string name =
        std::string("hand") + (complicated ? " complicated " : " simple ") + std::to_string(n) + " points: ";
    std::string prefix = complicated ? "hand_complicated_" : "hand_";
    make.add<Hand>(name + "objective", (prefix + "objective").c_str(), p, arguments, [complicated](const Hand &p) {
      std::vector<Numbers> out(1);
      objective(p, complicated, out[0]);
      return out;
    });
    make.add<Hand>(name + "jacobian", (prefix + "jacobian").c_str(), p, arguments, [complicated](const Hand &p) {
      std::vector<Numbers> out(1);
      jacobian(p, complicated, out[0]);
      return out;
    });
  }
}

} // namespace

std::vector<Case> cases(const std::string &folder, Size size) {
  std::vector<Case> out;
  Maker make(folder, out);
  make.open("gmm.dl");
  if (size == Size::Published) {
    addGmm(make, 1000, 10, 25, 0);
    addGmm(make, 1000, 64, 50, 0);
    addGmm(make, 1000, 128, 25, 0);
  } else {
    addGmm(make, 20, 2, 3, 0);
    addGmm(make, 50, 7, 5, 2);
    addGmm(make, 30, 1, 2, 1);
  }
  make.open("lstm.dl");
  if (size == Size::Published) {
    addLstm(make, 2, 1024);
    addLstm(make, 4, 4096);
  } else {
    addLstm(make, 1, 2);
    addLstm(make, 2, 40);
    addLstm(make, 3, 17);
  }
  make.open("ba.dl");
  if (size == Size::Published)
    addBa(make, 49, 7776, 31843);
  else
    addBa(make, 3, 20, 60);
  make.open("hand.dl");
  if (size == Size::Published)
    addHand(make, 544, 192);
  else
    addHand(make, 40, 15);
  if (make.failed)
    out.clear();
  return out;
}

} // namespace dl::adbench
