// How errors look: origin of sizes, chain of calls, remedies; and that one mistake gives one error.
#include "tests/sema/checking.h"

namespace dl {
namespace {

TEST(Errors, ShowWhereSizesComeFrom) {
  Checked c = check("let w1 = ones(512, 256)\nfn loss(x: f32[B, 784]) {\n  let h = x @ w1\n  "
                    "sum(h)\n}\nprint(loss(ones(64, 784)))\n");
  EXPECT_EQ(c.full, R"(error: matmul: inner dimensions differ, 784 and 512
  --> test.dl:3:13
   |
 3 |   let h = x @ w1
   |           - ^ -- f32[512, 256], from `ones(512, 256)` at test.dl:1:10
   |           |
   |           f32[64, 784], from `ones(64, 784)` at test.dl:6:12
   = called from test.dl:6:7, loss(ones(64, 784))
)");
}

TEST(Errors, SuggestTheTranspose) {
  EXPECT_CONTAINS(check("let x = ones(64, 784)\nlet w = ones(512, 784)\nlet y = x @ w\n").full,
                  "help: `x @ w.T` would give f32[64, 512]");
}

TEST(Errors, EveryMistakeIsReportedOnce) {
  Checked c = check("let a = undefined_name\nlet b = a + 1\nlet c = b * a\nlet d = ones(2) + ones(3)\nlet e = d + "
                    "1.0\nprint(c, e)\n");
  EXPECT_EQ(c.errors, "E0201 1:9 `undefined_name` is not defined\nE0403 4:17 add: shapes [2] and [3] do not broadcast, "
                      "2 and 3 differ\n");
}

TEST(Errors, NamesAreSuggested) {
  EXPECT_CONTAINS(check("let learning_rate = 0.1\nprint(learnig_rate)\n").full, "help: did you mean `learning_rate`?");
  EXPECT_CONTAINS(check("let x = zeros(2).shap\n").full, "help: did you mean `shape`?");
  EXPECT_CONTAINS(check("let x = sum(zeros(2), dmi=0)\n").full, "help: did you mean `dim`?");
}

TEST(Errors, InTheLibraryAreShownAtTheUsersLine) {
  Checked c = check("let y = scaled(zeros(2), zeros(3))\n", {{"prelude", "fn scaled(x, s) = x * s\n"}});
  EXPECT_EQ(
      c.errors,
      "E0403 1:9 `scaled` does not take f32[2], f32[3]: mul: shapes [2] and [3] do not broadcast, 2 and 3 differ\n");
  EXPECT_CONTAINS(c.full, "inside scaled, lib/prelude.dl:1:21");
}

TEST(Errors, Conditions) {
  EXPECT_EQ(check("let x = zeros(3)\nif x > 0.0 {\n  print(1)\n}\n").errors,
            "E0305 2:4 a condition is a scalar bool, this is bool[3]\n");
  EXPECT_EQ(check("while 1 {\n}\n").errors, "E0305 1:7 a condition is a scalar bool, this is i64\n");
}

TEST(Errors, MisplacedStatements) {
  EXPECT_CONTAINS(check("break\n").errors, "`break` stands outside of a loop");
  EXPECT_CONTAINS(check("return 1\n").errors, "`return` stands outside of a function");
  EXPECT_CONTAINS(check("fn f(x) = x\nfn f(x) = x\n").errors, "E0203 2:4 `f` is defined twice");
}

} // namespace
} // namespace dl
