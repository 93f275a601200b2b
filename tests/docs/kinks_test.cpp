// Holds dl against the table of kinks in docs/differentiation.md, whose numbers are PyTorch's.
#include "tests/driver/scratch.h"
#include "tests/run_lang/process.h"

#include <gtest/gtest.h>

#include <regex>
#include <sstream>

using namespace dl::tests;

namespace {

const char *const kPrelude =
    R"(from nn import l1_loss, huber_loss, smooth_l1_loss, cross_entropy, binary_cross_entropy_with_logits
let inf = 1.0f64 / 0.0f64
let nan = inf - inf
fn first(f, x) {
  let (y, pullback) = vjp(f, x)
  pullback(1.0f64)
}
fn second(f, x) {
  let (g, h) = jvp(fn(x) = first(f, x), x, ones_like(x))
  h
}
fn same(a, b) {
  let ok = (a == b) or (abs(a - b) <= 1e-12) or ((a != a) and (b != b))
  if ok.ndim == 0 { ok } else { all(ok) }
}
)";

std::string withoutTicks(std::string text) {
  std::erase(text, '`');
  size_t begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
  return begin == text.npos ? "" : text.substr(begin, end - begin + 1);
}

// Numbers as f64.
std::string wide(const std::string &text) {
  return std::regex_replace(text, std::regex(R"(\d+\.\d+(e[-+]?\d+)?)"), "$&f64");
}

} // namespace

TEST(Kinks, HaveTheValuesOfTheTable) {
  std::istringstream page(readAll(DL_PAGE));
  std::string program = kPrelude;
  int rows = 0;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("<!-- "))
      inside = line.starts_with("<!-- kinks");
    if (!inside || !line.starts_with("| `"))
      continue;
    std::vector<std::string> cells;
    std::istringstream parts(line.substr(1));
    for (std::string cell; std::getline(parts, cell, '|');)
      cells.push_back(wide(withoutTicks(cell)));
    ASSERT_EQ(cells.size(), 4u) << line;
    std::string function = "fn(x) = " + (cells[1].starts_with('[') ? "sum(" + cells[0] + ")" : cells[0]);
    for (int order : {0, 1}) {
      if (cells[2 + order].empty())
        continue;
      std::string actual = (order ? "second(" : "first(") + function + ", " + cells[1] + ")";
      program += "print(\"" + std::to_string(rows) + " " + std::to_string(order + 1) + "\", same(" + actual + ", " +
                 cells[2 + order] + "), " + actual + ")\n";
    }
    ++rows;
  }
  EXPECT_GE(rows, 50);
  Scratch scratch;
  scratch.write("kinks.dl", program);
  ProcessResult result = runProcess({DL_COMMAND, "kinks.dl"}, scratch.folder, "");
  ASSERT_EQ(result.status, 0) << result.err;
  std::istringstream answers(result.out);
  for (std::string line; std::getline(answers, line);)
    EXPECT_EQ(line.find(" false "), line.npos) << "row, order: " << line;
  EXPECT_NE(result.out.find(" true "), result.out.npos);
}
