// Derivatives as differences.
#include "tests/reference/evaluator.h"

#include <algorithm>
#include <cmath>

namespace dl::reference {

using sema::Expr;

Value Evaluator::stopGrad(size_t level, const Value &value) {
  if (level == 0)
    return value;
  Constants &here = constants_[level - 1];
  if (!here.replays) {
    here.values.push_back(stopGrad(level - 1, value));
    return here.values.back();
  }
  if (here.next >= here.values.size())
    throw Unstable("a branch beside a kink");
  return here.values[here.next++];
}

namespace {

// The derivatives at 0 of smooth functions of one number, and how far they may be off: central differences at three
// steps, extrapolated (Richardson). The difference of the last two extrapolations bounds what is left of the series,
// where that shrinks as it should; the errors that the values come with grow by the division.
template <class F> std::vector<Number> slopesAtZero(F f) {
  constexpr long double step = 0x1p-9L, settled = 1e-3L;
  auto central = [&](long double h) {
    std::vector<Number> above = f(h), below = f(-h);
    for (size_t i = 0; i < above.size(); ++i)
      above[i] = {(above[i].value - below.at(i).value) / (2 * h), (above[i].error + below[i].error) / (2 * h)};
    return above;
  };
  std::vector<Number> d4 = central(step), d2 = central(step / 2), d1 = central(step / 4);
  std::vector<Number> slopes;
  for (size_t i = 0; i < d1.size(); ++i) {
    long double coarse = (4 * d2[i].value - d4[i].value) / 3, fine = (4 * d1[i].value - d2[i].value) / 3;
    long double best = (16 * fine - coarse) / 15;
    long double left = std::fabs(best - fine), noise = 2 * d1[i].error;
    if (left > settled * std::fabs(best) + noise)
      throw Unstable("a function too steep for differences");
    slopes.push_back({best, left + noise});
  }
  return slopes;
}

bool isFloat(const Array &array) { return sema::isFloat(array.elem); }

} // namespace

Value Evaluator::derivative(Frame &frame, const Expr &e) {
  const sema::Function &f = *e.function;
  std::vector<Expr *> own(e.args.begin(), e.args.begin() + e.grad.numArgs);
  std::vector<Expr *> others(e.args.begin() + e.grad.numArgs, e.args.end());
  Value args = arguments(frame, own), seeds = arguments(frame, others);
  size_t results = countLeaves(f.result);
  bool reverse = e.grad.kind == sema::GradInfo::Vjp;

  // The function at the arguments: its value, which way it goes, and its constants.
  Trace outer = trace_;
  auto run = [&](const Value &at) {
    trace_.reset();
    Value value = call(f, at);
    value.resize(results);
    return value;
  };
  constants_.emplace_back();
  Value value = run(args);
  uint64_t way = trace_.hash();
  constants_.back().replays = true;
  std::string printed = output;
  auto beside = [&](const Value &at) {
    constants_.back().next = 0;
    Value moved = run(at);
    if (trace_.hash() != way)
      throw Unstable("a kink beside the point of a derivative");
    return moved;
  };

  // A derivative as compiled code computes it is a sum of as many products as the function has operations.
  auto derived = [&](const Array &like, const std::vector<Number> &slopes, size_t first) {
    Array result{like.elem, like.shape, {}};
    for (size_t k = 0; k < like.data.size(); ++k)
      result.data.push_back(rounded(like.elem, slopes.at(first + k), 1000));
    return result;
  };
  Value answer = e.grad.wantValue ? value : Value{};
  if (reverse) {
    // One number: the results weighted with the cotangents.
    auto weighted = [&](const Value &moved) {
      Number total;
      size_t seed = 0;
      for (const Array &result : moved) {
        if (!isFloat(result))
          continue;
        for (size_t k = 0; k < result.data.size(); ++k) {
          long double weight = seeds.empty() ? 1 : seeds.at(seed).data.at(k).value;
          total.value += result.data[k].value * weight;
          total.error += result.data[k].error * std::fabs(weight);
        }
        ++seed;
      }
      return std::vector<Number>{total};
    };
    for (uint32_t position : e.grad.wrt) {
      std::vector<Number> slopes;
      for (size_t k = 0; k < args.at(position).data.size(); ++k)
        slopes.push_back(slopesAtZero([&](long double h) {
          Value at = args;
          at[position].data[k].value += h;
          return weighted(beside(at));
        })[0]);
      answer.push_back(derived(args[position], slopes, 0));
    }
  } else {
    std::vector<Number> slopes = slopesAtZero([&](long double h) {
      Value at = args;
      for (size_t j = 0; j < e.grad.wrt.size(); ++j)
        for (size_t m = 0; m < seeds.at(j).data.size(); ++m)
          at[e.grad.wrt[j]].data[m].value += h * seeds[j].data[m].value;
      std::vector<Number> all;
      for (const Array &result : beside(at))
        for (const Number &number : result.data)
          if (isFloat(result))
            all.push_back(number);
      return all;
    });
    size_t first = 0;
    for (const Array &result : value)
      if (isFloat(result)) {
        answer.push_back(derived(result, slopes, first));
        first += result.data.size();
      }
  }
  constants_.pop_back();
  output = printed;
  trace_ = outer;
  trace_.add(static_cast<int>(way % 1000003));
  return answer;
}

} // namespace dl::reference
