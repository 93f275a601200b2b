#include "tests/reference/arithmetic.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace dl::reference {

using sema::Elem;

long double unitRoundoff(Elem elem) {
  switch (elem) {
  case Elem::F32:
    return 0x1p-24L;
  case Elem::F64:
    return 0x1p-53L;
  case Elem::BF16:
    return 0x1p-9L;
  default:
    return 0;
  }
}

Number rounded(Elem elem, Number number, long double ulps) {
  if (!sema::isFloat(elem))
    return number;
  // Large numbers are as good as infinite ones: what follows soon overflows.
  if (!(std::fabs(number.value) < 1e15L) || !(number.error < 1e15L))
    throw Unstable("a number is out of range");
  long double smallest = elem == Elem::F64 ? 1e-300L : 1e-37L;
  number.error += ulps * unitRoundoff(elem) * (std::fabs(number.value) + number.error) + smallest;
  return number;
}

long double nearest(Elem elem, long double value) {
  switch (elem) {
  case Elem::F32:
    return static_cast<float>(static_cast<double>(value));
  case Elem::F64:
    return static_cast<double>(value);
  case Elem::BF16: {
    if (value == 0)
      return 0;
    int exponent;
    long double mantissa = std::frexp(static_cast<long double>(static_cast<float>(value)), &exponent);
    return std::ldexp(std::nearbyint(std::ldexp(mantissa, 8)), exponent - 8);
  }
  default:
    return value;
  }
}

long double wrapped(Elem elem, int64_t value) {
  switch (elem) {
  case Elem::I32:
    return static_cast<int32_t>(value);
  case Elem::U8:
    return static_cast<uint8_t>(value);
  case Elem::Bool:
    return value & 1;
  default:
    return static_cast<long double>(value);
  }
}

int compare(const Number &a, const Number &b, Trace &trace) {
  long double difference = a.value - b.value, error = 4 * (a.error + b.error);
  if (std::fabs(difference) <= error && error > 0)
    throw Unstable("a comparison within rounding");
  int result = difference < 0 ? -1 : difference > 0 ? 1 : 0;
  trace.add(result);
  return result;
}

bool isTrue(const Number &condition, Trace &trace) {
  bool result = condition.value != 0;
  trace.add(result);
  return result;
}

namespace {

using Real = long double;

// f(x) for a smooth f: the error of x moves f at most as far as it does at the ends of the interval.
Number smooth(Elem type, const Number &x, Real (*f)(Real), Real ulps) {
  Real y = f(x.value), error = 0;
  if (x.error > 0)
    error = std::max(std::fabs(f(x.value + x.error) - y), std::fabs(f(x.value - x.error) - y));
  if (std::isnan(y) || std::isnan(error))
    throw Unstable("a function outside of its domain");
  return rounded(type, {y, error}, ulps);
}

// One that turns: its slope is at most 1.
Number wave(Elem type, const Number &x, Real (*f)(Real), Real ulps) {
  if (!std::isfinite(x.value))
    throw Unstable("a function outside of its domain");
  return rounded(type, {f(x.value), x.error}, ulps);
}

// The tangent, from one pole to the next.
Number tangent(Elem type, const Number &x, Real ulps) {
  if (x.error > 1 || std::tan(x.value - x.error) > std::tan(x.value + x.error))
    throw Unstable("a pole within rounding");
  return smooth(type, x, std::tan, ulps);
}

// One that jumps: the same on the whole interval.
Number stepping(const Number &x, Real (*f)(Real), Trace &trace) {
  Real y = f(x.value), wide = 4 * x.error;
  if (x.error > 0 && (f(x.value - wide) != y || f(x.value + wide) != y))
    throw Unstable("a jump within rounding");
  trace.add(static_cast<int>(std::fmod(y, 1000)));
  return {y, 0};
}

Number product(Elem type, const Number &x, const Number &y) {
  return rounded(type,
                 {x.value * y.value, std::fabs(x.value) * y.error + std::fabs(y.value) * x.error + x.error * y.error});
}

Number quotient(Elem type, const Number &x, const Number &y) {
  Real room = std::fabs(y.value) - y.error;
  if (room <= 0)
    throw Unstable("a division by 0");
  Real q = x.value / y.value;
  return rounded(type, {q, (x.error + std::fabs(q) * y.error) / room});
}

int64_t floorDivide(int64_t a, int64_t b) {
  if (b == 0)
    throw Fault("integer division by zero");
  if (b == -1)
    return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
  int64_t q = a / b;
  return q - (a % b != 0 && (a % b < 0) != (b < 0));
}

// a ** b of integers, modulo 2^64.
int64_t integerPower(int64_t a, int64_t b) {
  if (b < 0)
    throw Fault("integers have no negative powers");
  uint64_t result = 1, base = static_cast<uint64_t>(a);
  for (; b > 0; b >>= 1, base *= base)
    if (b & 1)
      result *= base;
  return static_cast<int64_t>(result);
}

// Integers modulo 2^64, then cut to the type.
template <class F> Number whole(Elem type, const Number &x, const Number &y, F f) {
  auto a = static_cast<int64_t>(x.value), b = static_cast<int64_t>(y.value);
  return {wrapped(type, static_cast<int64_t>(f(a, b))), 0};
}
uint64_t bits(int64_t v) { return static_cast<uint64_t>(v); }
// Whether integers of the type have a bit of that number.
bool isPlace(Elem type, int64_t bit) { return bit >= 0 && bit < (type == Elem::U8 ? 8 : type == Elem::I32 ? 32 : 64); }

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real rsqrt(Real x) { return 1 / std::sqrt(x); }
Real roundEven(Real x) { return std::nearbyint(x); }

const std::map<std::string, UnaryFunction> &unaries() {
  constexpr Real vectorMath = 10; // the vector functions are correct to 4 ulp, that is 8 units of roundoff
  static const auto of = [](Real (*f)(Real), Real ulps = vectorMath) -> UnaryFunction {
    return [=](Elem type, const Number &x, Trace &) { return smooth(type, x, f, ulps); };
  };
  static const auto turning = [](Real (*f)(Real)) -> UnaryFunction {
    return [=](Elem type, const Number &x, Trace &) { return wave(type, x, f, vectorMath); };
  };
  static const auto steps = [](Real (*f)(Real)) -> UnaryFunction {
    return [=](Elem, const Number &x, Trace &trace) { return stepping(x, f, trace); };
  };
  static const std::map<std::string, UnaryFunction> table = {
      {"exp", of(std::exp)},
      {"exp2", of(std::exp2)},
      {"expm1", of(std::expm1, 2 * vectorMath)},
      {"log", of(std::log)},
      {"log2", of(std::log2)},
      {"log10", of(std::log10)},
      {"log1p", of(std::log1p, 2 * vectorMath)},
      {"sqrt", of(std::sqrt, 1)},
      {"rsqrt", of(rsqrt, 4)},
      {"sin", turning(std::sin)},
      {"cos", turning(std::cos)},
      {"tan", [](Elem type, const Number &x, Trace &) { return tangent(type, x, vectorMath); }},
      {"asin", of(std::asin)},
      {"acos", of(std::acos)},
      {"atan", of(std::atan)},
      {"sinh", of(std::sinh)},
      {"cosh", of(std::cosh)},
      {"tanh", of(std::tanh)},
      {"sigmoid", of(sigmoid, 2 * vectorMath)},
      {"erf", of(std::erf, 2 * vectorMath)},
      {"floor", steps(std::floor)},
      {"ceil", steps(std::ceil)},
      {"round", steps(roundEven)},
      {"neg",
       [](Elem type, const Number &x, Trace &) -> Number {
         if (sema::isFloat(type))
           return {-x.value, x.error};
         return {wrapped(type, static_cast<int64_t>(0 - bits(static_cast<int64_t>(x.value)))), 0};
       }},
      {"abs",
       [](Elem type, const Number &x, Trace &trace) -> Number {
         trace.add(x.value < 0 ? -1 : x.value > 0);
         if (sema::isFloat(type) || x.value >= 0)
           return {std::fabs(x.value), x.error};
         return {wrapped(type, static_cast<int64_t>(0 - bits(static_cast<int64_t>(x.value)))), 0};
       }},
      {"sign", [](Elem, const Number &x, Trace &trace) -> Number { return {Real(compare(x, {}, trace)), 0}; }},
      {"relu",
       [](Elem, const Number &x, Trace &trace) -> Number {
         trace.add(x.value < 0 ? -1 : x.value > 0);
         return {std::max(x.value, Real(0)), x.error};
       }},
      {"not", [](Elem, const Number &x, Trace &) -> Number { return {Real(x.value == 0), 0}; }},
      {"bitwise_not",
       [](Elem type, const Number &x, Trace &) {
         return whole(type, x, {}, [&](int64_t a, int64_t) { return type == Elem::Bool ? a ^ 1 : ~a; });
       }},
      {"stop_grad", [](Elem, const Number &x, Trace &) { return x; }},
  };
  return table;
}

Number extremum(const Number &x, const Number &y, bool larger, Trace &trace) {
  trace.add(x.value < y.value ? -1 : x.value > y.value);
  return {(x.value < y.value) == larger ? y.value : x.value, std::max(x.error, y.error)};
}

// The corners of the intervals decide how far pow and atan2 may be off.
Number atCorners(Elem type, const Number &x, const Number &y, Real (*f)(Real, Real), Real ulps) {
  Real centre = f(x.value, y.value), error = 0;
  for (int i = -1; i <= 1; i += 2)
    for (int j = -1; j <= 1; j += 2)
      error = std::max(error, std::fabs(f(x.value + Real(i) * x.error, y.value + Real(j) * y.error) - centre));
  if (std::isnan(centre) || std::isnan(error))
    throw Unstable("a function outside of its domain");
  return rounded(type, {centre, error}, ulps);
}

Number floorQuotient(Elem type, const Number &x, const Number &y, Trace &trace) {
  return stepping(quotient(type, x, y), std::floor, trace);
}

const std::map<std::string, BinaryFunction> &binaries() {
  static const auto ordered = [](bool (*holds)(int)) -> BinaryFunction {
    return [=](Elem, const Number &x, const Number &y, Trace &trace) -> Number {
      return {Real(holds(compare(x, y, trace))), 0};
    };
  };
  static const std::map<std::string, BinaryFunction> table = {
      {"add",
       [](Elem type, const Number &x, const Number &y, Trace &) {
         if (!sema::isFloat(type))
           return whole(type, x, y, [](int64_t a, int64_t b) { return bits(a) + bits(b); });
         return rounded(type, {x.value + y.value, x.error + y.error});
       }},
      {"sub",
       [](Elem type, const Number &x, const Number &y, Trace &) {
         if (!sema::isFloat(type))
           return whole(type, x, y, [](int64_t a, int64_t b) { return bits(a) - bits(b); });
         return rounded(type, {x.value - y.value, x.error + y.error});
       }},
      {"mul",
       [](Elem type, const Number &x, const Number &y, Trace &) {
         if (!sema::isFloat(type))
           return whole(type, x, y, [](int64_t a, int64_t b) { return bits(a) * bits(b); });
         return product(type, x, y);
       }},
      {"div", [](Elem type, const Number &x, const Number &y, Trace &) { return quotient(type, x, y); }},
      {"floordiv",
       [](Elem type, const Number &x, const Number &y, Trace &trace) {
         if (!sema::isFloat(type))
           return whole(type, x, y, floorDivide);
         return floorQuotient(type, x, y, trace);
       }},
      {"mod",
       [](Elem type, const Number &x, const Number &y, Trace &trace) -> Number {
         if (!sema::isFloat(type))
           return whole(type, x, y, [](int64_t a, int64_t b) { return bits(a) - bits(b) * bits(floorDivide(a, b)); });
         Number q = floorQuotient(type, x, y, trace);
         return rounded(type, {x.value - q.value * y.value, x.error + std::fabs(q.value) * y.error});
       }},
      {"pow",
       [](Elem type, const Number &x, const Number &y, Trace &) {
         if (!sema::isFloat(type))
           return whole(type, x, y, integerPower);
         return atCorners(type, x, y, std::pow, 20);
       }},
      {"maximum", [](Elem, const Number &x, const Number &y, Trace &trace) { return extremum(x, y, true, trace); }},
      {"minimum", [](Elem, const Number &x, const Number &y, Trace &trace) { return extremum(x, y, false, trace); }},
      {"atan2",
       [](Elem type, const Number &x, const Number &y, Trace &) { return atCorners(type, x, y, std::atan2, 20); }},
      {"and",
       [](Elem, const Number &x, const Number &y, Trace &) { return Number{Real(x.value != 0 && y.value != 0), 0}; }},
      {"or",
       [](Elem, const Number &x, const Number &y, Trace &) { return Number{Real(x.value != 0 || y.value != 0), 0}; }},
      {"bitwise_and", [](Elem type, const Number &x, const Number &y,
                         Trace &) { return whole(type, x, y, [](int64_t a, int64_t b) { return a & b; }); }},
      {"bitwise_or", [](Elem type, const Number &x, const Number &y,
                        Trace &) { return whole(type, x, y, [](int64_t a, int64_t b) { return a | b; }); }},
      {"bitwise_xor", [](Elem type, const Number &x, const Number &y,
                         Trace &) { return whole(type, x, y, [](int64_t a, int64_t b) { return a ^ b; }); }},
      {"bitwise_left_shift",
       [](Elem type, const Number &x, const Number &y, Trace &) {
         return whole(type, x, y, [&](int64_t a, int64_t b) { return isPlace(type, b) ? bits(a) << b : 0; });
       }},
      {"bitwise_right_shift",
       [](Elem type, const Number &x, const Number &y, Trace &) {
         return whole(type, x, y, [&](int64_t a, int64_t b) { return a >> (isPlace(type, b) ? b : 63); });
       }},
      {"eq", ordered([](int c) { return c == 0; })},
      {"ne", ordered([](int c) { return c != 0; })},
      {"lt", ordered([](int c) { return c < 0; })},
      {"le", ordered([](int c) { return c <= 0; })},
      {"gt", ordered([](int c) { return c > 0; })},
      {"ge", ordered([](int c) { return c >= 0; })},
  };
  return table;
}

} // namespace

const UnaryFunction *findUnary(const std::string &name) {
  auto it = unaries().find(name);
  return it == unaries().end() ? nullptr : &it->second;
}

const BinaryFunction *findBinary(const std::string &name) {
  auto it = binaries().find(name);
  return it == binaries().end() ? nullptr : &it->second;
}

Number convert(Elem from, Elem to, const Number &x, Trace &trace) {
  if (from == to)
    return x;
  if (to == Elem::Bool)
    return {Real(compare(x, {}, trace) != 0), 0};
  if (sema::isFloat(to)) {
    bool exact = x.error == 0 && nearest(to, x.value) == x.value;
    return exact ? x : rounded(to, x);
  }
  if (!sema::isFloat(from))
    return {wrapped(to, static_cast<int64_t>(x.value)), 0};
  Number cut = stepping(x, std::trunc, trace);
  const Real end = to == Elem::I32 ? 0x1p31L : 0x1p63L;
  return {wrapped(to, static_cast<int64_t>(std::clamp(cut.value, -end, end - 1))), 0};
}

} // namespace dl::reference
