//===- SignatureTest.cpp - Input shapes written by the user ---------------===//

#include "colossal/Import/ReadTorchScript.h"

#include <gtest/gtest.h>

using namespace colossal::torchscript;

namespace {

TEST(SignatureTest, Accepted) {
  std::string error;
  auto input = parseInput("input_ids=8x512xi64", error);
  ASSERT_TRUE(input) << error;
  EXPECT_EQ(input->name, "input_ids");
  EXPECT_EQ(input->type.shape, (std::vector<int64_t>{8, 512}));
  EXPECT_EQ(input->type.element, ElementType::I64);
  input = parseInput("x=f32", error);
  ASSERT_TRUE(input) << error;
  EXPECT_TRUE(input->type.shape.empty());
}

TEST(SignatureTest, Refused) {
  for (const char *text :
       {"", "x", "=8xi64", "x=8", "x=8x512", "x=8xi65", "x=-1xf32", "x=x8xf32",
        "x=0xf32", "x=99999999999999999999xf32", "x=8 x8xf32"}) {
    std::string error;
    EXPECT_FALSE(parseInput(text, error)) << text;
    EXPECT_NE(error.find(std::string("'") + text + "'"), std::string::npos);
  }
}

} // namespace
