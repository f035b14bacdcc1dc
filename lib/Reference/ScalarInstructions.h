//===- ScalarInstructions.h - The instructions of bodies --------*- C++ -*-===//

#ifndef COLOSSAL_LIB_REFERENCE_SCALARINSTRUCTIONS_H
#define COLOSSAL_LIB_REFERENCE_SCALARINSTRUCTIONS_H

#include "colossal/Reference/ScalarProgram.h"

// Unary, binary and ternary instructions: name and expression in x, y, z (or
// integers i, j). The compiler and the evaluator both read this list.
#define UNARY_REAL(X)                                                          \
  X(NegF, arith::NegFOp, -x)                                                   \
  X(ExtF, arith::ExtFOp, x)                                                    \
  X(TruncF, arith::TruncFOp, x)                                                \
  X(Exp, math::ExpOp, std::exp(x))                                             \
  X(Exp2, math::Exp2Op, std::exp2(x))                                          \
  X(ExpM1, math::ExpM1Op, std::expm1(x))                                       \
  X(Log, math::LogOp, std::log(x))                                             \
  X(Log2, math::Log2Op, std::log2(x))                                          \
  X(Log10, math::Log10Op, std::log10(x))                                       \
  X(Log1p, math::Log1pOp, std::log1p(x))                                       \
  X(Sqrt, math::SqrtOp, std::sqrt(x))                                          \
  X(Rsqrt, math::RsqrtOp, 1.0 / std::sqrt(x))                                  \
  X(Cbrt, math::CbrtOp, std::cbrt(x))                                          \
  X(Tanh, math::TanhOp, std::tanh(x))                                          \
  X(Sinh, math::SinhOp, std::sinh(x))                                          \
  X(Cosh, math::CoshOp, std::cosh(x))                                          \
  X(Asinh, math::AsinhOp, std::asinh(x))                                       \
  X(Acosh, math::AcoshOp, std::acosh(x))                                       \
  X(Atanh, math::AtanhOp, std::atanh(x))                                       \
  X(Erf, math::ErfOp, std::erf(x))                                             \
  X(Erfc, math::ErfcOp, std::erfc(x))                                          \
  X(Sin, math::SinOp, std::sin(x))                                             \
  X(Cos, math::CosOp, std::cos(x))                                             \
  X(Tan, math::TanOp, std::tan(x))                                             \
  X(Asin, math::AsinOp, std::asin(x))                                          \
  X(Acos, math::AcosOp, std::acos(x))                                          \
  X(Atan, math::AtanOp, std::atan(x))                                          \
  X(AbsF, math::AbsFOp, std::fabs(x))                                          \
  X(Ceil, math::CeilOp, std::ceil(x))                                          \
  X(Floor, math::FloorOp, std::floor(x))                                       \
  X(Round, math::RoundOp, std::round(x))                                       \
  X(RoundEven, math::RoundEvenOp, std::nearbyint(x))                           \
  X(Trunc, math::TruncOp, std::trunc(x))

#define BINARY_REAL(X)                                                         \
  X(AddF, arith::AddFOp, x + y)                                                \
  X(SubF, arith::SubFOp, x - y)                                                \
  X(MulF, arith::MulFOp, x *y)                                                 \
  X(DivF, arith::DivFOp, x / y)                                                \
  X(RemF, arith::RemFOp, std::fmod(x, y))                                      \
  X(MaximumF, arith::MaximumFOp, maximum(x, y))                                \
  X(MinimumF, arith::MinimumFOp, -maximum(-x, -y))                             \
  X(MaxNumF, arith::MaxNumFOp, std::fmax(x, y))                                \
  X(MinNumF, arith::MinNumFOp, std::fmin(x, y))                                \
  X(PowF, math::PowFOp, std::pow(x, y))                                        \
  X(Atan2, math::Atan2Op, std::atan2(x, y))                                    \
  X(CopySign, math::CopySignOp, std::copysign(x, y))

#define BINARY_INTEGER(X)                                                      \
  X(AddI, arith::AddIOp, int64_t(uint64_t(i) + uint64_t(j)))                   \
  X(SubI, arith::SubIOp, int64_t(uint64_t(i) - uint64_t(j)))                   \
  X(MulI, arith::MulIOp, int64_t(uint64_t(i) * uint64_t(j)))                   \
  X(DivSI, arith::DivSIOp, divide(i, j))                                       \
  X(RemSI, arith::RemSIOp, j == 0 || j == -1 ? 0 : i % j)                      \
  X(FloorDivSI, arith::FloorDivSIOp, floorDivide(i, j))                        \
  X(CeilDivSI, arith::CeilDivSIOp, -floorDivide(-i, j))                        \
  X(AndI, arith::AndIOp, i &j)                                                 \
  X(OrI, arith::OrIOp, i | j)                                                  \
  X(XOrI, arith::XOrIOp, i ^ j)                                                \
  X(MinSI, arith::MinSIOp, std::min(i, j))                                     \
  X(MaxSI, arith::MaxSIOp, std::max(i, j))                                     \
  X(ShLI, arith::ShLIOp, int64_t(uint64_t(i) << (j & 63)))                     \
  X(ShRSI, arith::ShRSIOp, i >> (j & 63))

// These look at the operand's bits, zero-extended from its width.
#define BINARY_UNSIGNED(X)                                                     \
  X(DivUI, arith::DivUIOp, v == 0 ? 0 : u / v)                                 \
  X(RemUI, arith::RemUIOp, v == 0 ? 0 : u % v)                                 \
  X(MinUI, arith::MinUIOp, std::min(u, v))                                     \
  X(MaxUI, arith::MaxUIOp, std::max(u, v))                                     \
  X(ShRUI, arith::ShRUIOp, v > 63 ? 0 : u >> v)

enum class colossal::reference::ScalarProgram::Code : uint8_t {
#define X(NAME, OP, EXPRESSION) NAME,
  UNARY_REAL(X) BINARY_REAL(X) BINARY_INTEGER(X) BINARY_UNSIGNED(X)
#undef X
      Fma,
  CmpF,
  CmpI,
  CmpU,
  Select,
  SIToFP,
  UIToFP,
  FPToSI,
  AbsI,
  TruncI, ///< also extsi and copies: wraps to the width
  ExtSI1, ///< i1 to -1 or 0
  ExtUI,  ///< zero-extends from `detail` bits
  IsNaN,
  IsInf,
  IsFinite,
  FPowI,
  Random, ///< of seed, step and index
};

#endif // COLOSSAL_LIB_REFERENCE_SCALARINSTRUCTIONS_H
