// The stack of LSTMs, and its gradient by hand: backpropagation through time.
#include "tests/adbench/problems.h"

#include <cmath>

namespace dl::adbench {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// What one layer's step keeps for the way back, for each of its b cells.
struct Kept {
  double input, hidden, cell, forget, ingate, outgate, change, squashed;
};

// Value; `kept` has room for steps * layers * b when the gradient is wanted, else none.
double run(const Lstm &p, std::vector<Kept> &kept, Numbers &predictions, Numbers &tops) {
  const int64_t b = p.b;
  Numbers state = p.state, x(static_cast<size_t>(b)), prediction(static_cast<size_t>(b));
  double total = 0;
  for (int64_t t = 0; t + 1 < p.steps; ++t) {
    for (int64_t i = 0; i < b; ++i)
      x[i] = p.sequence[t * b + i] * p.extra[i];
    for (int64_t l = 0; l < p.layers; ++l) {
      const double *w = &p.main[l * 8 * b], *c = w + 4 * b;
      double *hidden = &state[l * 2 * b], *cell = hidden + b;
      for (int64_t i = 0; i < b; ++i) {
        Kept now{x[i],
                 hidden[i],
                 cell[i],
                 sigmoid(x[i] * w[i] + c[i]),
                 sigmoid(hidden[i] * w[b + i] + c[b + i]),
                 sigmoid(x[i] * w[2 * b + i] + c[2 * b + i]),
                 std::tanh(hidden[i] * w[3 * b + i] + c[3 * b + i]),
                 0};
        cell[i] = cell[i] * now.forget + now.ingate * now.change;
        now.squashed = std::tanh(cell[i]);
        hidden[i] = now.outgate * now.squashed;
        x[i] = hidden[i];
        if (!kept.empty())
          kept[(t * p.layers + l) * b + i] = now;
      }
    }
    double sum = 2;
    for (int64_t i = 0; i < b; ++i) {
      prediction[i] = x[i] * p.extra[b + i] + p.extra[2 * b + i];
      sum += std::exp(prediction[i]);
    }
    double log = std::log(sum);
    for (int64_t i = 0; i < b; ++i)
      total += p.sequence[(t + 1) * b + i] * (prediction[i] - log);
    if (!kept.empty()) {
      std::copy(prediction.begin(), prediction.end(), predictions.begin() + t * b);
      tops[t] = sum;
    }
  }
  return -total / static_cast<double>((p.steps - 1) * b);
}

} // namespace

double objective(const Lstm &problem) {
  std::vector<Kept> none;
  Numbers unused, unusedToo;
  return run(problem, none, unused, unusedToo);
}

double gradient(const Lstm &p, Numbers &main, Numbers &extra) {
  const int64_t b = p.b;
  std::vector<Kept> kept(static_cast<size_t>((p.steps - 1) * p.layers * b));
  Numbers predictions(static_cast<size_t>((p.steps - 1) * b)), tops(static_cast<size_t>(p.steps - 1));
  double value = run(p, kept, predictions, tops);
  main.assign(p.main.size(), 0);
  extra.assign(p.extra.size(), 0);
  Numbers dHidden(static_cast<size_t>(p.layers * b)), dCell(dHidden), dx(static_cast<size_t>(b));
  double scale = -1.0 / static_cast<double>((p.steps - 1) * b);
  for (int64_t t = p.steps - 2; t >= 0; --t) {
    double gold = 0;
    for (int64_t i = 0; i < b; ++i)
      gold += p.sequence[(t + 1) * b + i];
    const Kept *last = &kept[(t * p.layers + p.layers - 1) * b];
    for (int64_t i = 0; i < b; ++i) {
      double dy = scale * (p.sequence[(t + 1) * b + i] - gold * std::exp(predictions[t * b + i]) / tops[t]);
      extra[b + i] += dy * last[i].outgate * last[i].squashed;
      extra[2 * b + i] += dy;
      dx[i] = dy * p.extra[b + i];
    }
    for (int64_t l = p.layers - 1; l >= 0; --l) {
      const double *w = &p.main[l * 8 * b];
      double *dw = &main[l * 8 * b], *dc = dw + 4 * b;
      for (int64_t i = 0; i < b; ++i) {
        const Kept &now = kept[(t * p.layers + l) * b + i];
        double dh = dHidden[l * b + i] + dx[i];
        double dNext = dCell[l * b + i] + dh * now.outgate * (1 - now.squashed * now.squashed);
        double dOut = dh * now.squashed * now.outgate * (1 - now.outgate);
        double dForget = dNext * now.cell * now.forget * (1 - now.forget);
        double dIn = dNext * now.change * now.ingate * (1 - now.ingate);
        double dChange = dNext * now.ingate * (1 - now.change * now.change);
        dw[i] += dForget * now.input;
        dw[b + i] += dIn * now.hidden;
        dw[2 * b + i] += dOut * now.input;
        dw[3 * b + i] += dChange * now.hidden;
        dc[i] += dForget;
        dc[b + i] += dIn;
        dc[2 * b + i] += dOut;
        dc[3 * b + i] += dChange;
        dHidden[l * b + i] = dIn * w[b + i] + dChange * w[3 * b + i];
        dCell[l * b + i] = dNext * now.forget;
        dx[i] = dForget * w[i] + dOut * w[2 * b + i];
      }
    }
    for (int64_t i = 0; i < b; ++i)
      extra[i] += dx[i] * p.sequence[t * b + i];
  }
  return value;
}

} // namespace dl::adbench
