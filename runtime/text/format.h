// Numbers and tensors as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dl/abi.h"
#include "runtime/text/format_spec.h"

namespace dl::rt {

// Fails when the text is no specification.
FormatSpec parseFormatSpec(std::string_view text);

std::string formatString(std::string_view text, const FormatSpec &spec);
std::string formatInteger(int64_t value, const FormatSpec &spec);
std::string formatBool(bool value, const FormatSpec &spec);
// `dtype` says how many digits identify the number when none are asked for.
std::string formatFloat(double value, int32_t dtype, const FormatSpec &spec);

// The shortest text that reads back as the same number of that type: 0.1, 1e-05, 3.0.
std::string shortestFloat(double value, int32_t dtype);

// A scalar as formatted above; a tensor as PyTorch prints it: tensor([1., 2.]), summarised above 1000 elements, with
// the element type where it is not f32, i64 or bool. With a specification each element is formatted by it.
std::string formatValue(const dl_value &value, const FormatSpec &spec);

// The elements of a tensor of rank 1, each as a scalar: [1.0, 2.0].
std::string formatList(const dl_value &value, const FormatSpec &spec);

} // namespace dl::rt
