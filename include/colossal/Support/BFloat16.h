//===- BFloat16.h - Numbers of 16 bits with the range of f32 ----*- C++ -*-===//
//
// The upper half of an f32. It is a form of storage: arithmetic is that of the
// f32 it converts to, which is exact; the way back rounds to nearest, ties to
// even. NaN stays NaN. Kernels do the same (lib/Lower/KernelFrame.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_BFLOAT16_H
#define COLOSSAL_SUPPORT_BFLOAT16_H

#include <cstdint>
#include <cstring>

namespace colossal {

struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  BFloat16(float value) {
    uint32_t whole;
    std::memcpy(&whole, &value, sizeof whole);
    uint32_t rounded = (whole + 0x7fff + ((whole >> 16) & 1)) >> 16;
    uint32_t quiet = (whole >> 16) | 0x40;
    bits = uint16_t((whole & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
  }
  operator float() const {
    uint32_t whole = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &whole, sizeof value);
    return value;
  }
};
static_assert(sizeof(BFloat16) == 2, "as memory has it");

} // namespace colossal

#endif // COLOSSAL_SUPPORT_BFLOAT16_H
