// Calling the runtime's functions from tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "dl/abi.h"
#include "dl/symbols.h"
#include "dl/tensor.h"

namespace dl::test {

// What a result is asked to be: sizes of -1 for any. `allocated` gives the function the memory, as for a kernel.
struct Want {
  DType dtype;
  std::vector<int64_t> sizes;
  bool allocated = false;
};

struct Outcome {
  std::vector<Tensor> results;
  std::string error; // the message, or empty
  std::string text;  // the rendered diagnostic
};

inline Outcome call(const std::string &name, const std::vector<Tensor> &arguments, const std::vector<Want> &wants) {
  Outcome outcome;
  auto function = reinterpret_cast<dl_function>(dl_runtime_symbol(("dl_rt_" + name).c_str()));
  if (!function) {
    outcome.error = "no such function: " + name;
    return outcome;
  }
  std::vector<dl_value> in, out;
  for (const Tensor &argument : arguments)
    in.push_back(argument.value());
  std::vector<Tensor> kept;
  for (const Want &want : wants) {
    dl_value value{};
    value.dtype = static_cast<int32_t>(want.dtype);
    value.rank = static_cast<int32_t>(want.sizes.size());
    std::copy(want.sizes.begin(), want.sizes.end(), value.sizes);
    if (want.allocated) {
      kept.push_back(Tensor::zeros(want.dtype, want.sizes));
      value = kept.back().value();
    }
    out.push_back(value);
  }
  dl_error *error =
      dl_invoke(function, in.data(), static_cast<int64_t>(in.size()), out.data(), static_cast<int64_t>(out.size()));
  if (error) {
    outcome.error = dl_error_message(error);
    outcome.text = dl_error_text(error);
    dl_error_free(error);
    return outcome;
  }
  for (size_t i = 0, k = 0; i < wants.size(); ++i)
    outcome.results.push_back(wants[i].allocated ? kept[k++] : Tensor::adopt(out[i]));
  return outcome;
}

// The only result; a failure of the test when there is none.
inline Tensor result(const std::string &name, const std::vector<Tensor> &arguments, const Want &want) {
  Outcome outcome = call(name, arguments, {want});
  EXPECT_EQ(outcome.error, "") << name;
  return outcome.results.empty() ? Tensor() : outcome.results[0];
}

inline Tensor text(std::string_view characters) { return Tensor::string(characters); }
inline Tensor integer(int64_t value) { return Tensor(value); }
inline std::vector<Tensor> integers(std::initializer_list<int64_t> values) { return {values.begin(), values.end()}; }

inline const Want kText{DType::u8, {-1}};
inline const std::vector<Want> kTexts{{DType::u8, {-1}}, {DType::i64, {-1}}}; // bytes, and where each text ends
inline const Want kInteger{DType::i64, {}};

inline int64_t numel(const std::vector<int64_t> &sizes) {
  int64_t count = 1;
  for (int64_t extent : sizes)
    count *= extent;
  return count;
}

// Numbers in [-1, 1) that look random and are the same in every run.
template <class T> Tensor numbers(const std::vector<int64_t> &sizes, uint32_t salt = 1) {
  Tensor out = Tensor::uninitialised(dtypeOf<T>(), sizes);
  uint32_t state = salt * 2654435761u + 12345;
  for (int64_t i = 0; i < out.numel(); ++i) {
    state = state * 1664525u + 1013904223u;
    out.data<T>()[i] = static_cast<T>(static_cast<double>(state >> 8) / 8388608.0 - 1.0);
  }
  return out;
}

template <class T> void expectClose(const Tensor &got, const std::vector<double> &want, double tolerance) {
  ASSERT_EQ(got.numel(), static_cast<int64_t>(want.size()));
  for (int64_t i = 0; i < got.numel(); ++i)
    ASSERT_NEAR(static_cast<double>(got.data<T>()[i]), want[static_cast<size_t>(i)], tolerance) << "element " << i;
}

inline std::vector<Tensor> joinArguments(std::vector<Tensor> first, const std::vector<Tensor> &second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

} // namespace dl::test
