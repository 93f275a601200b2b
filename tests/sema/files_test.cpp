// Imports and the prelude.
#include "tests/sema/checking.h"

namespace dl {
namespace {

TEST(Files, NamesOfAnImport) {
  std::map<std::string, std::string> files = {{"geometry", "let tau = 6.28\nfn area(r) = tau * r * r / 2.0\n"}};
  EXPECT_EQ(check("import geometry\nprint(geometry.area(2.0), geometry.tau)\n", files).errors, "");
  EXPECT_EQ(check("import geometry as g\nprint(g.area(2.0))\n", files).errors, "");
  EXPECT_EQ(check("from geometry import area as a, tau\nprint(a(tau))\n", files).errors, "");
  EXPECT_EQ(check("from geometry import aera\nprint(aera(1.0))\n", files).errors,
            "E0204 1:22 `geometry` has no `aera`\n");
  EXPECT_EQ(check("import geometry\nprint(geometry.volume)\n", files).errors,
            "E0202 2:16 `geometry` has no `volume`\n");
  EXPECT_EQ(check("import nothing\n").errors,
            "E0204 1:8 there is no file `nothing.dl` in the library or beside this one\n");
}

TEST(Files, CirclesAreErrors) {
  Checked c = check("import a\n", {{"a", "import b\n"}, {"b", "import a\n"}});
  EXPECT_CONTAINS(c.errors, "E0205 1:8 `a` imports itself through other files");
}

TEST(Files, HoldNoStatements) {
  EXPECT_CONTAINS(check("import a\n", {{"a", "print(1)\n"}}).errors,
                  "an imported file holds functions, modules and constants, no statements");
  EXPECT_CONTAINS(check("import a\n", {{"a", "let x = zeros(3)\n"}}).errors, "this is computed when the program runs");
}

TEST(Files, ThePreludeIsEverywhere) {
  std::map<std::string, std::string> files = {{"prelude", "fn square(x) = x * x\n"}, {"m", "fn f(x) = square(x)\n"}};
  EXPECT_EQ(check("import m\nprint(square(2.0), m.f(3.0), m.square(1.0))\n", files).errors, "");
  // A script may define the name again.
  EXPECT_CONTAINS(check("fn square(x) = x + x\nlet y = square(ones(2))\n", files).tree, "add(x, x)");
}

TEST(Files, ExternFunctions) {
  Checked c = check(
      "extern fn dl_rt_read__f(path: str) -> f32[N, 2]\nextern fn dl_rt_fill(n: int, *shape: int) -> f32[*shape]\n"
      "let x = dl_rt_read__f(\"a\")\nlet y = dl_rt_fill(1, 2, 3)\nlet z = x.T @ x\n");
  EXPECT_EQ(bodyOf(c, "main"), "let result: f32[N, 2] = extern dl_rt_read(\"a\"): f32[N, 2]\n"
                               "let x: f32[N, 2] = result\n"
                               "let y: f32[2, 3] = kernel dl_rt_fill(1): f32[2, 3]\n"
                               "let z: f32[2, 2] = matmul(transpose(x, dim0=0, dim1=1): f32[2, N], x): f32[2, 2]\n");
}

} // namespace
} // namespace dl
