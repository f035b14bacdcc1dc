//===- StoredFloat.h - Floats of a file in the compiler's types -*- C++ -*-===//
//
// A file of weights may hold floats in another type than the program's. Types
// are written as in the IR: "f64", "f32", "f16", "bf16". Bytes are
// little-endian and need no alignment. Every conversion but that of f64 to f32
// is exact, NaN and infinities included; that one rounds to nearest.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_STOREDFLOAT_H
#define COLOSSAL_SUPPORT_STOREDFLOAT_H

#include <cstdint>
#include <string_view>

namespace colossal {

/// Bytes of one element of a float type; 0 of anything else.
int64_t bytesOfFloat(std::string_view type);

/// Writes `count` floats at `from` as "f32" or "f64" to `into`.
void convertFloats(const char *from, std::string_view type, char *into,
                   std::string_view to, int64_t count);

} // namespace colossal

#endif // COLOSSAL_SUPPORT_STOREDFLOAT_H
