// Which tree a text has: precedence, and one of everything.
#include "tests/syntax/parsing.h"

namespace dl::testing {

TEST(Precedence, ArithmeticIsAsInPython) {
  EXPECT_EQ(tree("a + b * c"), "(+ a (* b c))");
  EXPECT_EQ(tree("a - b - c"), "(- (- a b) c)");
  EXPECT_EQ(tree("a / b // c % d @ e"), "(@ (% (// (/ a b) c) d) e)");
  EXPECT_EQ(tree("(a + b) * c"), "(* (+ a b) c)");
}

TEST(Precedence, PowerIsRightAssociativeAndBindsTighterThanASignBefore) {
  EXPECT_EQ(tree("a ** b ** c"), "(** a (** b c))");
  EXPECT_EQ(tree("-a ** 2"), "(- (** a 2))");
  EXPECT_EQ(tree("2 ** -a"), "(** 2 (- a))");
  EXPECT_EQ(tree("2 ** -a * b"), "(* (** 2 (- a)) b)");
  EXPECT_EQ(tree("(-a) ** 2"), "(** (- a) 2)");
  EXPECT_EQ(tree("-a @ w"), "(@ (- a) w)");
}

TEST(Precedence, LogicIsLooserThanComparison) {
  EXPECT_EQ(tree("not a == b and c or d"), "(or (and (not (== a b)) c) d)");
  EXPECT_EQ(tree("a or b and c"), "(or a (and b c))");
  EXPECT_EQ(tree("not not a"), "(not (not a))");
}

TEST(Precedence, ComparisonsChain) {
  EXPECT_EQ(tree("a < b"), "(< a b)");
  EXPECT_EQ(tree("a < b <= c == d"), "(and (and (< a b) (<= b c)) (== c d))");
  EXPECT_EQ(tree("(a < b) == c"), "(== (< a b) c)");
  Parsed p("a < b < c");
  auto *both = ast::as<ast::Logical>(ast::as<ast::ExprStmt>(p.file.stmts[0])->value);
  EXPECT_EQ(ast::as<ast::Compare>(both->lhs)->rhs, ast::as<ast::Compare>(both->rhs)->lhs);
}

TEST(Precedence, PipesTakeArithmeticAndAreTakenByComparisons) {
  EXPECT_EQ(tree("x @ w + b |> relu |> f(2)"), "(|> (|> (+ (@ x w) b) relu) f 2)");
  EXPECT_EQ(tree("x |> f == y"), "(== (|> x f) y)");
  EXPECT_EQ(tree("x |> nn.f(2, k=3)"), "(|> x (. nn f) 2 k=3)");
  EXPECT_EQ(tree("x |> (f(2))"), "(|> x (call f 2))");
  EXPECT_EQ(tree("x |> (fn(y) = y)"), "(|> x (fn (y)\n  y))");
}

TEST(Precedence, TrailersBindTightest) {
  EXPECT_EQ(tree("-a.b(c)[d].e"), "(- (. (index (call (. a b) c) d) e))");
  EXPECT_EQ(tree("grad(f)(x)"), "(call (call grad f) x)");
  EXPECT_EQ(tree("(a + b).sum()"), "(call (. (+ a b) sum))");
}

TEST(Expressions, CallsAndIndices) {
  EXPECT_EQ(tree("f(&x, a, k=&y, dtype=f64,)"), "(call f (& x) a k=(& y) dtype=f64)");
  EXPECT_EQ(tree("f()"), "(call f)");
  EXPECT_EQ(tree("x[i, -1, 1:5:2, :, ::2, :3, 4:, ..., new]"),
            "(index x i (- 1) (slice 1 5 2) (slice _ _ _) (slice _ _ 2) (slice _ 3 _) (slice 4 _ _) ... new)");
  EXPECT_EQ(tree("x[new + 1]"), "(index x (+ new 1))");
}

TEST(Expressions, TuplesAndBrackets) {
  EXPECT_EQ(tree("(a)"), "a");
  EXPECT_EQ(tree("(a,)"), "(tuple a)");
  EXPECT_EQ(tree("()"), "(tuple)");
  EXPECT_EQ(tree("(a, (b, c))"), "(tuple a (tuple b c))");
  EXPECT_EQ(tree("[]"), "(bracket)");
  EXPECT_EQ(tree("[[1, 2], [3]]"), "(bracket (bracket 1 2) (bracket 3))");
}

TEST(Expressions, Comprehensions) {
  EXPECT_EQ(tree("[for i in 0..N, j in 0..M: a[i] * b[j]]"),
            "(comprehension (i (range 0 N)) (j (range 0 M)) (* (index a i) (index b j)))");
  EXPECT_EQ(tree("sum(for k in 0..K step 2 if k > 1: a[k])"),
            "(call sum (reduce (k (range 0 K 2)) if (> k 1) (index a k)))");
  EXPECT_EQ(tree("[for x in xs: x]"), "(comprehension (x xs) x)");
}

TEST(Expressions, IfBlocksAndLambdas) {
  EXPECT_EQ(tree("let a = if c { 1 } else if d { 2 } else { 3 }"),
            "(let a (if c (do\n  1) (do\n  (if d (do\n    2) (do\n    3)))))");
  EXPECT_EQ(tree("f(if c { a } else { b } + 1)"), "(call f (+ (if c (do\n  a) (do\n  b)) 1))");
  EXPECT_EQ(tree("let a = { let t = 1; t * 2 }"), "(let a (do\n  (let t 1)\n  (* t 2)))");
  EXPECT_EQ(tree("no_grad { x }\nenable_grad { y }"), "(no_grad\n  x)\n(enable_grad\n  y)");
  EXPECT_EQ(tree("let f = fn(x: f32[N], y=2) -> f32[N] { x }"), "(let f (fn (x:f32[N] y=2) -> f32[N]\n  x))");
  EXPECT_EQ(tree("map(fn(x) = x * x, xs)"), "(call map (fn (x)\n  (* x x)) xs)");
  EXPECT_EQ(tree("none"), "none");
}

TEST(Statements, BindingsAndAssignments) {
  EXPECT_EQ(tree("let (q, (r, _)) = f(a)"), "(let (tuple q (tuple r _)) (call f a))");
  EXPECT_EQ(tree("var xs: list[f32] = []"), "(var xs:list[f32] (bracket))");
  EXPECT_EQ(tree("var xs: list[f32,] = []"), "(var xs:list[f32] (bracket))");
  EXPECT_EQ(tree("m.w[1:3] @= v"), "(@= (index (. m w) (slice 1 3 _)) v)");
  EXPECT_EQ(tree("x = 1; x += 1; x -= 1; x *= 1; x /= 1; x //= 1; x %= 1; x **= 1"),
            "(= x 1)\n(+= x 1)\n(-= x 1)\n(*= x 1)\n(/= x 1)\n(//= x 1)\n(%= x 1)\n(**= x 1)");
  EXPECT_EQ(tree("(a, b[0]) = (b, a)"), "(= (tuple a (index b 0)) (tuple b a))");
}

TEST(Statements, Loops) {
  EXPECT_EQ(tree("for i in 0..n step k { continue }"), "(for i (range 0 n k)\n  (continue))");
  EXPECT_EQ(tree("for (a, b) in loader { }"), "(for (tuple a b) loader)");
  EXPECT_EQ(tree("for m in &modules { m.x = 1 }"), "(for m (& modules)\n  (= (. m x) 1))");
  EXPECT_EQ(tree("while a < b { break }"), "(while (< a b)\n  (break))");
}

TEST(Statements, Declarations) {
  EXPECT_EQ(tree("fn f(a: f32[N], mut b, *rest, scale: f32 = 1.0) -> (f32[2 * N], int) = a"),
            "(fn f (a:f32[N] mut b *rest scale:f32=1.0) -> (f32[(* 2 N)], int)\n  a)");
  EXPECT_EQ(tree("extern fn rand(n: int) -> f32[n]"), "(extern fn rand (n:int) -> f32[n])");
  EXPECT_EQ(tree("export fn f(x: f32[*S, _]) { return x }"), "(export fn f (x:f32[*S, _])\n  (return x))");
  EXPECT_EQ(tree("derivative fn f(x) { (x, fn(dy) = (dy,)) }"),
            "(derivative fn f (x)\n  (tuple x (fn (dy)\n    (tuple dy))))");
  EXPECT_EQ(tree("fn f(g: fn(f32, (A, B)) -> C, h: fn(), m: nn.Linear) { }"),
            "(fn f (g:fn(f32, (A, B)) -> C h:fn() m:nn.Linear))");
  EXPECT_EQ(tree("module M(n: int, f: fn(f32) -> f32 = relu) {\n  param w: f32[n] = zeros(n)\n  buffer s = 0\n"
                 "  let l = L(n)\n  fn forward(x) = x\n  mut fn set(v) { w = v }\n}"),
            "(module M (n:int f:fn(f32) -> f32=relu)\n  (param w:f32[n] (call zeros n))\n  (buffer s 0)\n"
            "  (let l (call L n))\n  (fn forward (x)\n    x)\n  (mut fn set (v)\n    (= w v)))");
  EXPECT_EQ(tree("module Empty { }"), "(module Empty ())");
}

TEST(Statements, ImportsTestsAndAsserts) {
  EXPECT_EQ(tree("import a.b as c"), "(import a.b as c)");
  EXPECT_EQ(tree("from a.b import c as d, e"), "(from a.b c as d e)");
  EXPECT_EQ(tree("test \"it {{works}}\" { assert a, \"b {c}\" }"),
            "(test \"it {works}\"\n  (assert a (str \"b \" c)))");
  EXPECT_EQ(tree("fn f() { return }"), "(fn f ()\n  (return))");
}

TEST(Names, WordsOfOnePlaceAreNamesElsewhere) {
  EXPECT_EQ(tree("let (train, test) = data()"), "(let (tuple train test) (call data))");
  EXPECT_EQ(tree("var w = param(rand(2))"), "(var w (call param (call rand 2)))");
  EXPECT_EQ(tree("opt.step(&model, step=from, test=list)"), "(call (. opt step) (& model) step=from test=list)");
  EXPECT_EQ(tree("test.x = export + derivative * extern - buffer"),
            "(= (. test x) (- (+ export (* derivative extern)) buffer))");
  EXPECT_EQ(tree("let as = new"), "(let as new)");
}

TEST(Names, MayBeUnicode) { EXPECT_EQ(tree("let θ₁ = δ * 名前"), "(let θ₁ (* δ 名前))"); }

TEST(Documentation, IsTheCommentsDirectlyAbove) {
  Parsed p("## Not this.\n\n## Adds\n##  one.\nfn f(x) = x\n# not a doc comment\nfn g(x) = x\n"
           "let y = 1 ## nor this\nmodule M {\n  ## The weight.\n  param w = 1\n}\n");
  EXPECT_EQ(ast::as<ast::FnDecl>(p.file.stmts[0])->doc, "Adds\n one.");
  EXPECT_EQ(ast::as<ast::FnDecl>(p.file.stmts[1])->doc, "");
  EXPECT_EQ(ast::as<ast::ModuleDecl>(p.file.stmts[3])->doc, "");
  EXPECT_EQ(ast::as<ast::ModuleDecl>(p.file.stmts[3])->members[0].doc, "The weight.");
  EXPECT_EQ(p.file.comments.size(), 6u);
}

} // namespace dl::testing
