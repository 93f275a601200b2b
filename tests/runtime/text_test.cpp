#include <cmath>

#include "tests/runtime/support.h"

namespace dl::test {
namespace {

std::string format(const Tensor &value, std::string_view spec = "") {
  return result("format", {value, text(spec)}, kText).text();
}
std::string formatStr(std::string_view value, std::string_view spec) {
  return result("format_str", {text(value), text(spec)}, kText).text();
}
std::string formatError(const Tensor &value, std::string_view spec) {
  return call("format", {value, text(spec)}, {kText}).error;
}

// The expected texts are what Python's format() gives.
TEST(Format, FloatsLikePython) {
  EXPECT_EQ(format(Tensor(3.14159), ".2f"), "3.14");
  EXPECT_EQ(format(Tensor(3.14159), "8.2f"), "    3.14");
  EXPECT_EQ(format(Tensor(3.14159), "<8.2f"), "3.14    ");
  EXPECT_EQ(format(Tensor(3.14159), "^8.2f"), "  3.14  ");
  EXPECT_EQ(format(Tensor(-3.14159), "08.2f"), "-0003.14");
  EXPECT_EQ(format(Tensor(3.14159), "+.1f"), "+3.1");
  EXPECT_EQ(format(Tensor(12345.678), "8.3e"), "1.235e+04");
  EXPECT_EQ(format(Tensor(0.256), ".1%"), "25.6%");
  EXPECT_EQ(format(Tensor(1234567.891), ",.2f"), "1,234,567.89");
  EXPECT_EQ(format(Tensor(0.0001), "g"), "0.0001");
  EXPECT_EQ(format(Tensor(-0.0)), "-0.0");
  EXPECT_EQ(format(Tensor(std::nan("")), ".2f"), "nan");
  EXPECT_EQ(format(Tensor(-INFINITY), "6.1f"), "  -inf");
  EXPECT_EQ(format(Tensor(1e300), ".0f").size(), 301u);
}

TEST(Format, ShortestFloats) {
  EXPECT_EQ(format(Tensor(0.1)), "0.1");
  EXPECT_EQ(format(Tensor(0.1f)), "0.1");
  EXPECT_EQ(format(Tensor(3.0)), "3.0");
  EXPECT_EQ(format(Tensor(1e-5)), "1e-05");
  EXPECT_EQ(format(Tensor(0.0001)), "0.0001");
  EXPECT_EQ(format(Tensor(1e16)), "1e+16");
  EXPECT_EQ(format(Tensor(123456789012345.0)), "123456789012345.0");
  EXPECT_EQ(format(Tensor(1.5e-7)), "1.5e-07");
  EXPECT_EQ(format(Tensor(2.0 / 3)), "0.6666666666666666");
  EXPECT_EQ(format(Tensor(2.0f / 3)), "0.6666667");
}

TEST(Format, IntegersBoolsAndStrings) {
  EXPECT_EQ(format(integer(42)), "42");
  EXPECT_EQ(format(integer(42), ">6"), "    42");
  EXPECT_EQ(format(integer(-42), "06d"), "-00042");
  EXPECT_EQ(format(integer(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(format(integer(1234567), ","), "1,234,567");
  EXPECT_EQ(format(integer(255), "x"), "ff");
  EXPECT_EQ(format(integer(5), "b"), "101");
  EXPECT_EQ(format(integer(3), ".2f"), "3.00");
  EXPECT_EQ(format(Tensor(true)), "true");
  EXPECT_EQ(format(Tensor(false), "6"), "false ");
  EXPECT_EQ(formatStr("héllo", ">8"), "   héllo");
  EXPECT_EQ(formatStr("ab", "·^6"), "··ab··");
  EXPECT_EQ(formatStr("héllo", ".2"), "hé");
}

TEST(Format, BadSpecificationsAreErrors) {
  EXPECT_EQ(formatError(Tensor(1.0), "q"), "format: `q` is no format; an example is `>8.3f`");
  EXPECT_EQ(formatError(Tensor(1.0), ".f"), "format: `.f` lacks the number after the point");
  EXPECT_EQ(formatError(Tensor(1.0), "d"), "format: `d` needs an integer, not f64");
  EXPECT_EQ(formatError(Tensor(1.0), "99999999999"), "format: `99999999999` asks for too many characters");
  EXPECT_EQ(formatError(integer(1), ".2"), "format: an integer takes no precision");
  EXPECT_EQ(call("format_str", {text("a"), text("d")}, {kText}).error, "format: `d` needs a number, not a str");
}

// The expected texts are what PyTorch prints, with dl's names of the element types.
TEST(Format, TensorsLikePyTorch) {
  EXPECT_EQ(format(Tensor::from<float>({1, 2, 3, 4}, {2, 2})), "tensor([[1., 2.],\n        [3., 4.]])");
  EXPECT_EQ(format(Tensor::from<float>({1.5f, -2, 3.25f}, {3})), "tensor([ 1.5000, -2.0000,  3.2500])");
  EXPECT_EQ(format(Tensor::from<float>({1e-5f, 1, 20}, {3})), "tensor([1.0000e-05, 1.0000e+00, 2.0000e+01])");
  EXPECT_EQ(format(Tensor::from<double>({0.5, NAN, INFINITY}, {3})), "tensor([0.5000,    nan,    inf], dtype=f64)");
  EXPECT_EQ(format(Tensor::from<float>({0, 0}, {2})), "tensor([0., 0.])");
  EXPECT_EQ(format(Tensor::from<int64_t>({1, -20, 300}, {3})), "tensor([  1, -20, 300])");
  EXPECT_EQ(format(Tensor::from<int32_t>({1, 2}, {2})), "tensor([1, 2], dtype=i32)");
  EXPECT_EQ(format(Tensor::from<bool>({true, false}, {2})), "tensor([ true, false])");
  EXPECT_EQ(format(Tensor::zeros(DType::f32, {0})), "tensor([])");
  EXPECT_EQ(format(Tensor::zeros(DType::f32, {0, 3})), "tensor([], size=(0, 3))");
  EXPECT_EQ(format(Tensor::from<int64_t>({1, 2, 3, 4}, {2, 1, 2})), "tensor([[[1, 2]],\n\n        [[3, 4]]])");
  EXPECT_EQ(format(Tensor::from<float>({1.25f, 100}, {2}), ".1f"), "tensor([  1.2, 100.0])");
}

TEST(Format, LongTensorsAreSummarisedAndWrapped) {
  Tensor big = Tensor::zeros(DType::f32, {2000});
  EXPECT_EQ(format(big), "tensor([0., 0., 0.,  ..., 0., 0., 0.], size=(2000,))");
  std::vector<int64_t> counting(30);
  for (size_t i = 0; i < 30; ++i)
    counting[i] = static_cast<int64_t>(i);
  EXPECT_EQ(format(Tensor::from(counting, {30})),
            "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
            "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])");
  EXPECT_EQ(format(Tensor::zeros(DType::i64, {100, 100})),
            "tensor([[0, 0, 0,  ..., 0, 0, 0],\n        [0, 0, 0,  ..., 0, 0, 0],\n        [0, 0, 0,  ..., 0, 0, 0],\n "
            "       ...,\n"
            "        [0, 0, 0,  ..., 0, 0, 0],\n        [0, 0, 0,  ..., 0, 0, 0],\n        [0, 0, 0,  ..., 0, 0, 0]], "
            "size=(100, 100))");
}

TEST(Strings, JoinCompareAndParse) {
  EXPECT_EQ(result("concat_str", {text("a"), text(""), text("bc")}, kText).text(), "abc");
  EXPECT_EQ(result("concat_str", {}, kText).text(), "");
  EXPECT_EQ(result("str_eq", {text("ab"), text("ab")}, {DType::boolean, {}}).item(), 1);
  EXPECT_EQ(result("str_eq", {text("ab"), text("a")}, {DType::boolean, {}}).item(), 0);
  EXPECT_EQ(result("parse_int", {text(" -12 ")}, kInteger).item(), -12);
  EXPECT_EQ(result("parse_int", {text("+7")}, kInteger).item(), 7);
  EXPECT_EQ(result("parse_float", {text("1e-3")}, {DType::f64, {}}).item(), 1e-3);
  EXPECT_EQ(call("parse_int", {text("1.5")}, {kInteger}).error, "\"1.5\" is no integer");
  EXPECT_EQ(call("parse_int", {text("99999999999999999999")}, {kInteger}).error,
            "\"99999999999999999999\" is no integer");
  EXPECT_EQ(call("parse_float", {text("")}, {{DType::f64, {}}}).error, "\"\" is no number");
  EXPECT_EQ(call("parse_float", {text("+-1")}, {{DType::f64, {}}}).error, "\"+-1\" is no number");
}

TEST(Program, ArgumentsAndOptions) {
  const char *arguments[] = {"--epochs", "3", "file.png", "--lr=0.1"};
  dl_set_arguments(4, arguments);
  auto option = [](const char *name) { return result("option", {text(name), text("none")}, kText).text(); };
  EXPECT_EQ(call("args", {}, kTexts).results.at(0).text(), "--epochs3file.png--lr=0.1");
  EXPECT_EQ(option("epochs"), "3");
  EXPECT_EQ(option("lr"), "0.1");
  EXPECT_EQ(option("l"), "none");
  const char *incomplete[] = {"--lr"};
  dl_set_arguments(1, incomplete);
  EXPECT_EQ(call("option", {text("lr"), text("")}, {kText}).error, "option --lr needs a value");
  dl_set_arguments(0, nullptr);
}

TEST(Program, TimeGoesForward) {
  Want number{DType::f64, {}};
  double before = result("time", {}, number).item();
  EXPECT_GE(result("time", {}, number).item(), before);
}

TEST(Program, PrintWritesALine) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(call("print", {text("héllo")}, {}).error, "");
  EXPECT_EQ(call("print", {text("")}, {}).error, "");
  fflush(stdout);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "héllo\n\n");
}

TEST(Program, ShortLoopsShowNoProgressInAPipe) {
  testing::internal::CaptureStderr();
  for (int i = 0; i <= 10; ++i)
    EXPECT_EQ(call("progress", {integer(i), integer(10), text("loop")}, {}).error, "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

} // namespace
} // namespace dl::test
