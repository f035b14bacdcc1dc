//===- StoredFloat.cpp - Floats of a file in the compiler's types ---------===//

#include "colossal/Support/StoredFloat.h"

#include <cstring>

using namespace colossal;

int64_t colossal::bytesOfFloat(std::string_view type) {
  return type == "f64"    ? 8
         : type == "f32"  ? 4
         : type == "f16"  ? 2
         : type == "bf16" ? 2
                          : 0;
}

static float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float colossal::floatOfHalf(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16;
  uint32_t exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent == 31) // infinities and NaN
    return floatOf(sign | 0x7f800000 | fraction << 13);
  if (exponent != 0)
    return floatOf(sign | (exponent + 112) << 23 | fraction << 13);
  float size = float(fraction) * 0x1p-24f; // subnormal
  return sign ? -size : size;
}

template <class Bits> static Bits load(const char *from) {
  Bits bits;
  std::memcpy(&bits, from, sizeof bits);
  return bits;
}

template <class Float, class Read>
static void convert(char *into, int64_t count, Read read) {
  for (int64_t i = 0; i < count; ++i) {
    Float value = Float(read(i));
    std::memcpy(into + i * int64_t(sizeof(Float)), &value, sizeof value);
  }
}

template <class Float>
static void convertTo(const char *from, std::string_view type, char *into,
                      int64_t count) {
  if (type == "f64")
    return convert<Float>(
        into, count, [&](int64_t i) { return load<double>(from + 8 * i); });
  if (type == "f32")
    return convert<Float>(into, count,
                          [&](int64_t i) { return load<float>(from + 4 * i); });
  if (type == "f16")
    return convert<Float>(into, count, [&](int64_t i) {
      return floatOfHalf(load<uint16_t>(from + 2 * i));
    });
  convert<Float>(into, count, [&](int64_t i) {
    return floatOf(uint32_t(load<uint16_t>(from + 2 * i)) << 16);
  });
}

void colossal::convertFloats(const char *from, std::string_view type,
                             char *into, std::string_view to, int64_t count) {
  if (to == "f64")
    return convertTo<double>(from, type, into, count);
  convertTo<float>(from, type, into, count);
}
