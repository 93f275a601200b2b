#include "compiler/lsp/positions.h"
#include "compiler/lsp/signature_text.h"

#include <gtest/gtest.h>

using namespace dl::lsp;

TEST(Positions, CountUtf16Units) {
  std::string text = "a\n\xF0\x9F\x98\x80"
                     "b\xC3\xA9"
                     "c\r\nlast";
  // a | 😀 is two units, b, é is one, c
  EXPECT_EQ(offsetOf(text, {0, 1}), 1u);
  EXPECT_EQ(offsetOf(text, {1, 0}), 2u);
  EXPECT_EQ(offsetOf(text, {1, 1}), 2u) << "the middle of a character is its beginning";
  EXPECT_EQ(offsetOf(text, {1, 2}), 6u);
  EXPECT_EQ(offsetOf(text, {1, 3}), 7u);
  EXPECT_EQ(offsetOf(text, {1, 4}), 9u);
  EXPECT_EQ(offsetOf(text, {1, 99}), 10u) << "the end of the line, before its \\r";
  EXPECT_EQ(offsetOf(text, {2, 4}), text.size());
  EXPECT_EQ(offsetOf(text, {9, 0}), text.size());
  EXPECT_EQ(offsetOf(text, {-1, 0}), 0u);
}

TEST(Positions, GoBothWays) {
  std::string text = "x = \xCE\xB8 + \xF0\x9F\x98\x80\n\n  y\n";
  for (uint32_t offset = 0; offset <= text.size(); ++offset) {
    if (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80)
      continue;
    EXPECT_EQ(offsetOf(text, placeOf(text, offset)), offset);
  }
}

TEST(SignatureText, Parameters) {
  std::vector<ParameterText> parameters = parametersOf("fn f(x: f32[N, K], mut y = (1, 2), *rest) -> (f32, f32)");
  ASSERT_EQ(parameters.size(), 3u);
  EXPECT_EQ(parameters[0].name, "x");
  EXPECT_EQ(parameters[1].name, "y");
  EXPECT_EQ(parameters[2].name, "rest");
  EXPECT_TRUE(parametersOf("fn f()").empty());
  EXPECT_TRUE(parametersOf("nothing").empty());
}

TEST(SignatureText, OpenCalls) {
  std::string text = "let a = g(1, f(x, [1, 2], ";
  auto call = openCallAt(text, static_cast<uint32_t>(text.size()));
  ASSERT_TRUE(call);
  EXPECT_EQ(text.substr(call->name.begin, call->name.end - call->name.begin), "f");
  EXPECT_EQ(call->argument, 2u);
  EXPECT_FALSE(openCallAt("f(1) + ", 7));
  EXPECT_FALSE(openCallAt("f(\n{ a", 6)) << "inside a block";
  EXPECT_TRUE(isInText("a # b", 5));
  EXPECT_TRUE(isInText("\"abc", 4));
  EXPECT_FALSE(isInText("\"a{b", 4)) << "a value in a string";
  EXPECT_FALSE(isInText("\"a\" b", 5));
}
