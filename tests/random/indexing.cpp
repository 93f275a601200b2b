// What picks, orders and slides: places that are data, sorting, windows.
#include "tests/random/writer.h"

#include <algorithm>

namespace dl::testing {

using sema::Elem;

namespace {

// A size that is larger by so much.
Size larger(const Size &size, int64_t by) {
  if (size.isConst())
    return {std::to_string(size.least + by), size.least + by};
  return by ? Size{"(" + size.text + " + " + std::to_string(by) + ")", size.least + by} : size;
}

Size times(const Size &size, int64_t factor) {
  if (size.isConst())
    return {std::to_string(size.least * factor), size.least * factor};
  return {"(" + std::to_string(factor) + " * " + size.text + ")", size.least * factor};
}

bool isConvolved(const TensorType &type) { return type.isFloat() && type.elem != Elem::BF16 && type.isFilled(); }

} // namespace

std::string Writer::placesIn(const Size &size, const std::vector<Size> &dims, int depth) {
  return "(" + expr({Elem::I64, dims}, depth) + ") % " + size.text;
}

std::string Writer::indexed(const TensorType &type, int depth) {
  auto d = static_cast<size_t>(pick(static_cast<int>(type.dims.size())));
  std::string dim = std::to_string(d);
  TensorType other = type;
  auto sub = [&](const TensorType &t) { return expr(t, depth - 1); };
  bool adds = type.elem != Elem::Bool && type.elem != Elem::BF16;
  switch (pick(9)) {
  case 0: {
    other.dims[d] = filledSize();
    std::string x = sub(other);
    return "gather(" + x + ", " + dim + ", " + placesIn(other.dims[d], type.dims, depth - 1) + ")";
  }
  case 1: {
    other.dims[d] = filledSize();
    std::string x = sub(other);
    return "index_select(" + x + ", " + dim + ", " + placesIn(other.dims[d], {type.dims[d]}, depth - 1) + ")";
  }
  case 2: {
    if (!adds || type.dims[d].least == 0)
      return "";
    other.dims[d] = randomSize();
    std::string x = sub(type), places = placesIn(type.dims[d], other.dims, depth - 1);
    return "scatter_add(" + x + ", " + dim + ", " + places + ", " + sub(other) + ")";
  }
  case 3: {
    if (!adds || type.dims[0].least == 0)
      return "";
    other.dims[0] = randomSize();
    std::string x = sub(type), places = placesIn(type.dims[0], {other.dims[0]}, depth - 1);
    return "index_add(" + x + ", " + places + ", " + sub(other) + ")";
  }
  case 4: {
    if (type.elem == Elem::Bool || type.elem == Elem::BF16)
      return "";
    std::string end = ", dim=" + dim + (chance(30) ? ", descending=true)" : ")");
    if (type.elem == Elem::I64 && pick(2))
      return "argsort(" + sub(type.with(pick(2) ? Elem::F32 : Elem::I32)) + end;
    return "sort(" + sub(type) + end + "[0]";
  }
  case 5: {
    if (type.elem == Elem::Bool || type.elem == Elem::BF16 || !type.dims[d].isConst() || type.dims[d].least == 0)
      return "";
    other.dims[d] = larger(type.dims[d], pick(3));
    return "topk(" + sub(other) + ", " + type.dims[d].text + ", dim=" + dim + (chance(30) ? ", largest=false" : "") +
           ")[0]";
  }
  case 6:
    if (type.elem == Elem::I64 && chance(50))
      return "cumsum(" + sub(type.with(pick(2) ? Elem::Bool : Elem::U8)) + ", dim=" + dim + ")";
    return type.isFloat() && type.elem != Elem::BF16
               ? std::string(chance(30) ? "logcumsumexp(" : "cumsum(") + sub(type) + ", dim=" + dim + ")"
           : type.elem == Elem::I64 ? std::string(chance(30) ? "cummax(" : "cumsum(") + sub(type) + ", dim=" + dim + ")"
                                    : "";
  case 7: {
    if (type.elem != Elem::I64)
      return "";
    std::string steps = "arange(" + filledSize().text + ")";
    bool floats = pick(2);
    return "searchsorted(" + (floats ? "sinh(f64(" + steps + ") * 0.1937)" : steps) + ", " +
           sub(type.with(floats ? Elem::F64 : Elem::I64)) + (chance(40) ? ", right=true)" : ")");
  }
  default:
    return rearranged(type, depth);
  }
}

// Functions of the library that move elements.
std::string Writer::rearranged(const TensorType &type, int depth) {
  size_t rank = type.dims.size();
  auto d = static_cast<size_t>(pick(static_cast<int>(rank)));
  std::string dim = std::to_string(d);
  TensorType other = type;
  auto sub = [&] { return expr(other, depth - 1); };
  switch (pick(9)) {
  case 0:
    return "roll(" + sub() + ", " + (pick(2) ? "1" : "-2") + ", dim=" + dim + ")";
  case 1:
    return rank == 2 && type.elem != Elem::Bool
               ? std::string(pick(2) ? "tril(" : "triu(") + sub() + (pick(2) ? ")" : ", diagonal=-1)")
               : "";
  case 2: {
    if (rank != 2 || type.elem == Elem::Bool)
      return "";
    other.dims = {type.dims[0]};
    std::string a = sub();
    other.dims = {type.dims[1]};
    return "outer(" + a + ", " + sub() + ")";
  }
  case 3:
    if (!type.dims[d].isConst() || type.dims[d].least % 2 || type.dims[d].least == 0)
      return "";
    other.dims[d] = {std::to_string(type.dims[d].least / 2), type.dims[d].least / 2};
    return "repeat_interleave(" + sub() + ", 2, dim=" + dim + ")";
  case 4:
    if (type.elem == Elem::Bool || type.elem == Elem::U8)
      return "";
    other.dims.back() = larger(type.dims.back(), 1);
    return "diff(" + sub() + ")";
  case 5:
    if (!type.dims[d].isConst())
      return "";
    other.dims[d] = larger(type.dims[d], 1 + pick(2));
    return "narrow(" + sub() + ", " + dim + ", 1, " + type.dims[d].text + ")";
  case 6: {
    std::string x = sub();
    other.elem = Elem::Bool;
    return "masked_fill(" + x + ", " + sub() + ", " + literal(type.elem, false) + ")";
  }
  case 7:
    if (rank < 2)
      return "";
    std::swap(other.dims[0], other.dims[d]);
    return "(" + sub() + ").transpose(0, " + dim + ")";
  default:
    if (rank != 1 || type.dims[0].text != "4")
      return "";
    other.dims = {{"2", 2}, {"2", 2}};
    return "(" + sub() + ").flatten()";
  }
}

std::string Writer::windowed(const TensorType &type, int depth) {
  size_t rank = type.dims.size();
  if (!isConvolved(type) || rank < 2)
    return "";
  TensorType other = type;
  Size &height = other.dims[rank - 2], &width = other.dims[rank - 1];
  // To four dimensions and back.
  std::string in = rank == 2 ? ")[new, new]" : ")[new]", out = rank == 2 ? "[0, 0]" : "[0]";
  if (chance(40)) {
    bool halves = pick(2);
    height = halves ? times(height, 2) : larger(height, 1);
    width = halves ? times(width, 2) : larger(width, 1);
    return std::string(pick(2) ? "max_pool2d((" : "avg_pool2d((") + expr(other, depth - 1) + in + ", 2" +
           (halves ? ")" : ", stride=1)") + out;
  }
  int kernel = 1 + pick(3), padding = kernel == 3 ? pick(2) : 0;
  height = larger(height, kernel - 1 - 2 * padding);
  width = larger(width, kernel - 1);
  std::string edges = padding ? ", padding=(1, 0)" : "";
  Size side{std::to_string(kernel), kernel};
  if (rank == 3 && chance(40)) { // each channel by itself
    std::string x = expr(other, depth - 1), w = expr({type.elem, {type.dims[0], side, side}}, depth - 1);
    if (type.dims[0].isConst())
      return "conv2d((" + x + ")[new], (" + w + ").unsqueeze(1)" + edges + ", groups=" + type.dims[0].text + ")[0]";
    return "";
  }
  Size channels = filledSize();
  if (rank == 3)
    other.dims[0] = channels;
  else
    other.dims.insert(other.dims.begin(), channels);
  std::string x = expr(other, depth - 1), w;
  if (rank == 2)
    w = "(" + expr({type.elem, {channels, side, side}}, depth - 1) + ").unsqueeze(0)";
  else
    w = "full((" + type.dims[0].text + ", " + channels.text + ", " + side.text + ", " + side.text + "), " +
        expr({type.elem, {}}, depth - 1) + ")";
  return "conv2d((" + x + ")[new], " + w + edges + ")" + out;
}

} // namespace dl::testing
