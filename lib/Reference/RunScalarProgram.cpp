//===- RunScalarProgram.cpp - Executes bytecode ---------------------------===//

#include "ScalarInstructions.h"
#include "colossal/Support/Random.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

using Instruction = ScalarProgram::Instruction;
using Code = ScalarProgram::Code;

/// IEEE maximum: NaN if either is, as arith.maximumf.
static double maximum(double x, double y) {
  if (std::isnan(x) || std::isnan(y))
    return std::numeric_limits<double>::quiet_NaN();
  return x < y ? y : x;
}

/// Division by zero gives 0, not a trap.
static int64_t divide(int64_t i, int64_t j) {
  if (j == 0 || j == -1)
    return j == 0 ? 0 : int64_t(-uint64_t(i));
  return i / j;
}

static int64_t floorDivide(int64_t i, int64_t j) {
  int64_t q = divide(i, j);
  if (j == 0 || j == -1)
    return q;
  return q - ((i % j != 0) && ((i < 0) != (j < 0)) ? 1 : 0);
}

/// Wraps to `width` bits: i1 is 0 or 1, wider ones are sign-extended.
static int64_t wrap(int64_t value, unsigned width) {
  if (width >= 64)
    return value;
  if (width == 1)
    return value & 1;
  return int64_t(uint64_t(value) << (64 - width)) >> (64 - width);
}

static uint64_t zeroExtend(int64_t value, unsigned width) {
  return width >= 64 ? uint64_t(value)
                     : uint64_t(value) & ((uint64_t(1) << width) - 1);
}

static bool compare(arith::CmpFPredicate predicate, double x, double y) {
  bool unordered = std::isnan(x) || std::isnan(y);
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::AlwaysTrue:
    return true;
  case P::OEQ:
    return x == y;
  case P::OGT:
    return x > y;
  case P::OGE:
    return x >= y;
  case P::OLT:
    return x < y;
  case P::OLE:
    return x <= y;
  case P::ONE:
    return !unordered && x != y;
  case P::ORD:
    return !unordered;
  case P::UEQ:
    return unordered || x == y;
  case P::UGT:
    return unordered || x > y;
  case P::UGE:
    return unordered || x >= y;
  case P::ULT:
    return unordered || x < y;
  case P::ULE:
    return unordered || x <= y;
  case P::UNE:
    return unordered || x != y;
  case P::UNO:
    return unordered;
  }
  return false;
}

template <typename T>
static bool compareIntegers(arith::CmpIPredicate predicate, T i, T j) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return i == j;
  case P::ne:
    return i != j;
  case P::slt:
  case P::ult:
    return i < j;
  case P::sle:
  case P::ule:
    return i <= j;
  case P::sgt:
  case P::ugt:
    return i > j;
  case P::sge:
  case P::uge:
    return i >= j;
  }
  return false;
}

/// Conversion that saturates; NaN gives 0.
static int64_t toInteger(double x) {
  if (std::isnan(x))
    return 0;
  if (x >= 0x1p63)
    return std::numeric_limits<int64_t>::max();
  if (x <= -0x1p63)
    return std::numeric_limits<int64_t>::min();
  return int64_t(x);
}

void ScalarProgram::run(int64_t count) {
  for (const Instruction &instruction : instructions) {
    Word *out = registerOf(instruction.result);
    const Word *a = registerOf(instruction.a);
    const Word *b = registerOf(instruction.b);
    const Word *c = registerOf(instruction.c);
    unsigned detail = instruction.detail, width = instruction.width;
    switch (instruction.code) {
#define X(NAME, OP, EXPRESSION)                                                \
  case Code::NAME:                                                             \
    for (int64_t e = 0; e < count; ++e) {                                      \
      double x = a[e].real;                                                    \
      out[e].real = EXPRESSION;                                                \
    }                                                                          \
    break;
      UNARY_REAL(X)
#undef X
#define X(NAME, OP, EXPRESSION)                                                \
  case Code::NAME:                                                             \
    for (int64_t e = 0; e < count; ++e) {                                      \
      double x = a[e].real, y = b[e].real;                                     \
      out[e].real = EXPRESSION;                                                \
    }                                                                          \
    break;
      BINARY_REAL(X)
#undef X
#define X(NAME, OP, EXPRESSION)                                                \
  case Code::NAME:                                                             \
    for (int64_t e = 0; e < count; ++e) {                                      \
      int64_t i = a[e].integer, j = b[e].integer;                              \
      out[e].integer = wrap(EXPRESSION, width);                                \
    }                                                                          \
    break;
      BINARY_INTEGER(X)
#undef X
#define X(NAME, OP, EXPRESSION)                                                \
  case Code::NAME:                                                             \
    for (int64_t e = 0; e < count; ++e) {                                      \
      uint64_t u = zeroExtend(a[e].integer, detail);                           \
      uint64_t v = zeroExtend(b[e].integer, detail);                           \
      out[e].integer = wrap(int64_t(EXPRESSION), width);                       \
    }                                                                          \
    break;
      BINARY_UNSIGNED(X)
#undef X
    case Code::Fma:
      for (int64_t e = 0; e < count; ++e)
        out[e].real = std::fma(a[e].real, b[e].real, c[e].real);
      break;
    case Code::CmpF:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer =
            compare(arith::CmpFPredicate(detail), a[e].real, b[e].real);
      break;
    case Code::CmpI:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = compareIntegers(arith::CmpIPredicate(detail),
                                         a[e].integer, b[e].integer);
      break;
    case Code::CmpU:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer =
            compareIntegers(arith::CmpIPredicate(detail),
                            uint64_t(a[e].integer), uint64_t(b[e].integer));
      break;
    case Code::Select:
      for (int64_t e = 0; e < count; ++e)
        out[e] = a[e].integer ? b[e] : c[e];
      break;
    case Code::SIToFP:
      for (int64_t e = 0; e < count; ++e)
        out[e].real = double(a[e].integer);
      break;
    case Code::UIToFP:
      for (int64_t e = 0; e < count; ++e)
        out[e].real = double(zeroExtend(a[e].integer, detail));
      break;
    case Code::FPToSI:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = wrap(toInteger(a[e].real), width);
      break;
    case Code::AbsI:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = wrap(
            a[e].integer < 0 ? int64_t(-uint64_t(a[e].integer)) : a[e].integer,
            width);
      break;
    case Code::TruncI:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = wrap(a[e].integer, width);
      break;
    case Code::ExtSI1:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = -a[e].integer;
      break;
    case Code::ExtUI:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = int64_t(zeroExtend(a[e].integer, detail));
      break;
    case Code::IsNaN:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = std::isnan(a[e].real);
      break;
    case Code::IsInf:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = std::isinf(a[e].real);
      break;
    case Code::IsFinite:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = std::isfinite(a[e].real);
      break;
    case Code::Random:
      for (int64_t e = 0; e < count; ++e)
        out[e].real = random::uniform(instruction.stream, a[e].integer,
                                      b[e].integer, c[e].integer);
      break;
    case Code::FPowI:
      for (int64_t e = 0; e < count; ++e)
        out[e].real = std::pow(a[e].real, double(b[e].integer));
      break;
    }
    if (instruction.rounds)
      for (int64_t e = 0; e < count; ++e)
        out[e].real = double(float(out[e].real));
  }
}
