//===- NarrowFloats.h - Floats of 16 bits -----------------------*- C++ -*-===//
//
// bf16, the upper half of an f32 with its range, and f16, IEEE 754's binary16.
// They are forms of storage: arithmetic is that of the f32 they convert to,
// which is exact; the way back rounds to nearest, ties to even, and what is too
// large becomes infinite. NaN stays NaN. By integers and without branches, so
// loops become vectors on every CPU. Kernels do the same
// (lib/Lower/NarrowBits.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_NARROWFLOATS_H
#define COLOSSAL_SUPPORT_NARROWFLOATS_H

#include <cstdint>
#include <cstring>

namespace colossal {

inline uint32_t bitsOfFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float floatOfBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  BFloat16(float value) {
    uint32_t whole = bitsOfFloat(value);
    uint32_t rounded = (whole + 0x7fff + ((whole >> 16) & 1)) >> 16;
    uint32_t quiet = (whole >> 16) | 0x40;
    bits = uint16_t((whole & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
  }
  operator float() const { return floatOfBits(uint32_t(bits) << 16); }
};

/// 5 bits of exponent, 10 of fraction: to 65504, normal from 2^-14, subnormal
/// from 2^-24.
struct Float16 {
  uint16_t bits = 0;

  Float16() = default;
  Float16(float value) {
    uint32_t whole = bitsOfFloat(value), size = whole & 0x7fffffff;
    // The exponent's bias falls from 127 to 15. A carry may reach infinity.
    uint32_t normal = (size - (112u << 23) + 0xfff + ((size >> 13) & 1)) >> 13;
    // The sum with 0.5 has its last digit at 2^-24, and rounds there.
    uint32_t small = bitsOfFloat(floatOfBits(size) + 0.5f) - 0x3f000000;
    uint32_t large = size > 0x7f800000 ? 0x7e00 : 0x7c00;
    uint32_t narrow = size < (113u << 23) ? small : normal;
    narrow = size >= (143u << 23) ? large : narrow;
    bits = uint16_t(narrow | (whole >> 16 & 0x8000));
  }
  operator float() const {
    uint32_t size = uint32_t(bits & 0x7fff) << 13;
    uint32_t exponent = size & (31u << 23);
    uint32_t normal = size + (112u << 23);
    uint32_t large = size + (224u << 23); // infinities and NaN
    uint32_t small = bitsOfFloat(floatOfBits(size + (113u << 23)) - 0x1p-14f);
    uint32_t whole = exponent == 0 ? small : normal;
    whole = exponent == (31u << 23) ? large : whole;
    return floatOfBits(whole | uint32_t(bits & 0x8000) << 16);
  }
};
static_assert(sizeof(BFloat16) == 2 && sizeof(Float16) == 2,
              "as memory has them");

/// Whether T is one of them.
template <class T> constexpr bool isNarrowNumber = false;
template <> inline constexpr bool isNarrowNumber<BFloat16> = true;
template <> inline constexpr bool isNarrowNumber<Float16> = true;

} // namespace colossal

#endif // COLOSSAL_SUPPORT_NARROWFLOATS_H
