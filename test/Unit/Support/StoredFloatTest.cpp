//===- StoredFloatTest.cpp - Floats of a file in the compiler's types -----===//

#include "colossal/Support/StoredFloat.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

using namespace colossal;

namespace {

/// What the 16 bits mean by definition: sign, exponent, fraction.
double meaning(uint32_t bits, int exponentBits, int fractionBits) {
  int bias = (1 << (exponentBits - 1)) - 1;
  int exponent = int(bits >> fractionBits) & ((1 << exponentBits) - 1);
  double fraction =
      std::ldexp(double(bits & ((1u << fractionBits) - 1)), -fractionBits);
  double sign = bits >> (exponentBits + fractionBits) ? -1 : 1;
  if (exponent == (1 << exponentBits) - 1)
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::nan("");
  if (exponent == 0)
    return sign * std::ldexp(fraction, 1 - bias);
  return sign * std::ldexp(1 + fraction, exponent - bias);
}

template <class To>
To converted(uint16_t bits, const char *type, const char *to) {
  To value;
  convertFloats(reinterpret_cast<const char *>(&bits), type,
                reinterpret_cast<char *>(&value), to, 1);
  return value;
}

TEST(StoredFloat, AllSixteenBits) {
  for (uint32_t bits = 0; bits < 1 << 16; ++bits)
    for (auto [type, exponent] : {std::pair("f16", 5), std::pair("bf16", 8)}) {
      double expected = meaning(bits, exponent, 15 - exponent);
      float single = converted<float>(uint16_t(bits), type, "f32");
      double twice = converted<double>(uint16_t(bits), type, "f64");
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(single) && std::isnan(twice)) << bits;
        continue;
      }
      EXPECT_EQ(double(single), expected) << type << " " << bits;
      EXPECT_EQ(twice, expected) << type << " " << bits;
      EXPECT_EQ(std::signbit(single), std::signbit(expected)) << bits;
    }
}

TEST(StoredFloat, WithoutAlignment) {
  double values[2] = {0.1, -3e300};
  char bytes[17];
  std::memcpy(bytes + 1, values, 16);
  float single[2];
  convertFloats(bytes + 1, "f64", reinterpret_cast<char *>(single), "f32", 2);
  EXPECT_EQ(single[0], 0.1f);
  EXPECT_EQ(single[1], -std::numeric_limits<float>::infinity());
  EXPECT_EQ(bytesOfFloat("bf16"), 2);
  EXPECT_EQ(bytesOfFloat("i64"), 0);
}

} // namespace
