//===- Elements.h - The C++ type of a buffer's elements ---------*- C++ -*-===//

#ifndef COLOSSAL_RUN_ELEMENTS_H
#define COLOSSAL_RUN_ELEMENTS_H

#include "colossal/Run/RankProgram.h"
#include "colossal/Support/NarrowFloats.h"

#include <type_traits>

namespace colossal::rank {

/// Calls `visit` with a zero of the type that memory holds; I1 is a byte, 0 or
/// 1.
template <class Visit> auto withElement(DType type, Visit visit) {
  switch (type) {
  case DType::F32:
    return visit(float());
  case DType::F64:
    return visit(double());
  case DType::I64:
    return visit(int64_t());
  case DType::I32:
    return visit(int32_t());
  case DType::I16:
    return visit(int16_t());
  case DType::I8:
    return visit(int8_t());
  case DType::U8:
  case DType::I1:
    return visit(uint8_t());
  case DType::BF16:
    return visit(BFloat16());
  case DType::F16:
    break;
  }
  return visit(Float16());
}

/// A number as an element; integers wrap around.
template <class T> T elementOf(double value) {
  if constexpr (std::is_integral_v<T>)
    return T(int64_t(value));
  else if constexpr (isNarrowNumber<T>)
    return T(float(value));
  else
    return T(value);
}

/// Calls `visit` with a zero of an integer type; false for the others.
template <class Visit> bool withInteger(DType type, Visit visit) {
  return withElement(type, [&](auto zero) {
    using T = decltype(zero);
    bool is = std::is_integral_v<T> && type != DType::I1;
    if constexpr (std::is_integral_v<T>)
      if (is)
        visit(zero);
    return is;
  });
}

inline bool isInteger(DType type) {
  return withInteger(type, [](auto) {});
}

} // namespace colossal::rank

#endif // COLOSSAL_RUN_ELEMENTS_H
