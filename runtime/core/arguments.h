// Reading the arguments and filling in the results of a packed call.
#pragma once

#include <string>
#include <string_view>

#include "dl/abi.h"
#include "runtime/core/dtype.h"
#include "runtime/core/failure.h"

namespace dl::rt {

inline int64_t numel(const dl_value &value) {
  int64_t count = 1;
  for (int d = 0; d < value.rank; ++d)
    count *= value.sizes[d];
  return count;
}

inline int64_t byteSize(const dl_value &value) { return numel(value) * dtypeSize(value.dtype); }

// The product of sizes times `elementSize`; fails when one is negative or the product does not fit.
int64_t checkedBytes(const int64_t *sizes, int rank, int64_t elementSize);

template <class T> T *elements(const dl_value &value) { return static_cast<T *>(value.data); }

// One packed call. `name` is what errors call the function.
class Call {
public:
  Call(const char *name, const dl_value *in, int64_t numIn, dl_value *out, int64_t numOut)
      : name(name), in(in), numIn(numIn), out(out), numOut(numOut) {}

  const char *name;
  const dl_value *in;
  int64_t numIn;
  dl_value *out;
  int64_t numOut;

  template <class... Parts> [[noreturn]] void failHere(const Parts &...parts) const { fail(name, ": ", parts...); }

  void expect(int64_t inputs, int64_t outputs) const {
    if (numIn != inputs || numOut != outputs)
      failHere("called with ", numIn, " arguments for ", numOut, " results");
  }

  const dl_value &argument(int64_t i) const {
    if (i >= numIn)
      failHere("argument ", i, " is missing");
    return in[i];
  }

  // A tensor of the given rank (-1: any of at least 1).
  const dl_value &tensor(int64_t i, int rank = -1) const {
    const dl_value &value = argument(i);
    if (rank < 0 ? value.rank < 1 : value.rank != rank)
      failHere("argument ", i, " has shape ", shapeText(value), ", rank ", rank < 0 ? 1 : rank, " is needed");
    return value;
  }

  int64_t integer(int64_t i) const {
    const dl_value &value = argument(i);
    if (value.rank != 0 || isFloat(value.dtype))
      failHere("argument ", i, " is no integer");
    return value.i;
  }

  double number(int64_t i) const {
    const dl_value &value = argument(i);
    if (value.rank != 0)
      failHere("argument ", i, " is no number");
    return isFloat(value.dtype) ? value.f : static_cast<double>(value.i);
  }

  std::string_view string(int64_t i) const {
    const dl_value &value = argument(i);
    if (value.rank != 1 || value.dtype != DL_U8)
      failHere("argument ", i, " is no str");
    return {static_cast<const char *>(value.data), static_cast<size_t>(value.sizes[0])};
  }

  dl_value &result(int64_t i) const {
    if (i >= numOut)
      failHere("result ", i, " is missing");
    return out[i];
  }

  // Result i with the given shape: allocated when the caller left that to us, checked otherwise. A requested size of -1
  // agrees with any.
  dl_value &tensorResult(int64_t i, int32_t dtype, const int64_t *sizes, int rank) const;

  // Result i whose sizes the caller has set, allocated if need be.
  dl_value &shapedResult(int64_t i) const;

  void setString(int64_t i, std::string_view text) const;
  void setInteger(int64_t i, int64_t value) const;
  void setNumber(int64_t i, double value) const;
};

} // namespace dl::rt

// Defines the extern "C" function dl_rt_<NAME>; the body that follows sees its `Call` as `call`.
#define DL_RUNTIME_FUNCTION(NAME)                                                                                      \
  static void body_##NAME(const ::dl::rt::Call &call);                                                                 \
  extern "C" void dl_rt_##NAME(const dl_site *site, const dl_value *in, int64_t numIn, dl_value *out,                  \
                               int64_t numOut) {                                                                       \
    ::dl::rt::guarded(site, [&] { body_##NAME(::dl::rt::Call(#NAME, in, numIn, out, numOut)); });                      \
  }                                                                                                                    \
  static void body_##NAME(const ::dl::rt::Call &call)
